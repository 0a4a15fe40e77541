"""What finds passages: one small contract, and the retriever over an index in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from rftcore_bm25.index import Index
from rftcore_searchqa.corpus import Corpus


class Passage(NamedTuple):
    """A passage that was found."""

    contents: str
    """The title in quotes, a line break, the text."""
    score: float


class Retriever(Protocol):
    """Finds passages. Safe to use from several threads, and picklable."""

    def search(self, query: str, topk: int) -> list[Passage]:
        """Return at most `topk` passages for any text, best first.

        Raises EpisodeError when the machine fails, ConfigError when it was set up wrongly.
        """


Origin = tuple[Callable[..., Retriever], tuple[Any, ...]]
"""The cached function that made a retriever, and its arguments: what pickle keeps, instead of a corpus."""


class LexicalRetriever:
    """BM25 over the index of a corpus; ranks as Lucene does."""

    def __init__(self, corpus: Corpus, index: Index, origin: Origin) -> None:
        self._corpus, self._index, self._origin = corpus, index, origin

    def __reduce__(self) -> Origin:
        return self._origin

    def search(self, query: str, topk: int) -> list[Passage]:
        return [Passage(self._corpus[hit.id], hit.score) for hit in self._index.search(query, topk)]
