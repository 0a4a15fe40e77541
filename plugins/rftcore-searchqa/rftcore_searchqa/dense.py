"""A retriever over embeddings that the user has: nearest by inner product, over all of them.

The folder holds `embeddings.npy` (passages x dimensions) and `ids.txt` (the id of each row, a line each) beside the
corpus. The encoder is the user's function; what it does with a text is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rftcore.errors import ConfigError
from rftcore_searchqa.corpus import Corpus
from rftcore_searchqa.dataset import corpus
from rftcore_searchqa.retriever import Origin, Passage

EMBEDDINGS, IDS = "embeddings.npy", "ids.txt"
_ROWS = 1 << 16
"""Rows that are scored at once; what is mapped from disk is never copied as a whole."""

Encoder = Callable[[Sequence[str]], Any]


class DenseRetriever:
    """Embeddings, in the order of `ids`, of passages of `corpus`."""

    def __init__(
        self,
        corpus: Corpus,
        ids: Sequence[str],
        embeddings: NDArray[np.floating[Any]],
        encoder: Encoder,
        origin: Origin,
    ) -> None:
        self._corpus, self._ids, self._embeddings, self._encoder = corpus, ids, embeddings, encoder
        self._origin = origin

    def __reduce__(self) -> Origin:
        return self._origin

    def search(self, query: str, topk: int) -> list[Passage]:
        """Return the nearest passages; equal ones in the order of the rows.

        Raises ConfigError when the encoder returns another shape than the embeddings have.
        """
        vector = np.asarray(self._encoder([query]), dtype=np.float32)
        if vector.shape != (1, self._embeddings.shape[1]):
            raise ConfigError(
                f"encoder: found an array of shape {vector.shape} for one query, expected "
                f"{(1, self._embeddings.shape[1])} as the embeddings have"
            )
        scores = np.concatenate(
            [
                np.asarray(self._embeddings[start : start + _ROWS], dtype=np.float32) @ vector[0]
                for start in range(0, len(self._embeddings), _ROWS)
            ]
        )
        order = np.argsort(-scores, kind="stable")[:topk]
        return [Passage(self._corpus[self._ids[row]], float(scores[row])) for row in order]


@cache
def dense_retriever(folder: Path, encoder: str) -> DenseRetriever:
    """Open the index in `folder`, once per process. Raises ConfigError when files and encoder do not fit together."""
    try:
        embeddings = np.load(folder / EMBEDDINGS, mmap_mode="r", allow_pickle=False)
        ids = (folder / IDS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError, EOFError) as error:
        raise ConfigError(
            f"{folder} holds no dense index ({type(error).__name__}: {error}); expected {EMBEDDINGS} and {IDS}"
        ) from error
    if embeddings.ndim != 2 or embeddings.dtype.kind != "f" or len(embeddings) != len(ids) or not ids:
        raise ConfigError(
            f"{folder}: found embeddings of shape {embeddings.shape} and type {embeddings.dtype}, and {len(ids)} ids; "
            "expected numbers of two dimensions, and one id a row"
        )
    passages = corpus(folder)
    unknown = next((name for name in ids if name not in passages), None)
    if unknown is not None:
        raise ConfigError(f"{folder / IDS}: found the id {unknown[:80]!r}, expected ids of the corpus beside it")
    return DenseRetriever(passages, ids, embeddings, _function(encoder), (dense_retriever, (folder, encoder)))


def _function(name: str) -> Encoder:
    module, _, attribute = name.partition(":")
    try:
        found: Encoder = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"encoder: found {name!r} ({error}), expected module:function that can be imported"
        ) from error
    return found
