"""The folder of an index: plain numpy arrays, mapped and never unpickled, and a small file that says they are whole."""

from __future__ import annotations

import json
import os
import tempfile
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from rftcore_bm25.collection import read
from rftcore_bm25.similarity import inverse_norms, saturation
from rftcore_bm25.strings import Strings, mapped

_SUMMARY = "index.json"
_FORMAT = "rftcore-bm25 1"
_KINDS = {"starts": np.int64, "documents": np.int32, "saturations": np.float32, "peaks": np.float32}


@dataclass(frozen=True)
class Arrays:
    """The content of an index."""

    ids: Strings
    """In order; a document's number is its place."""
    terms: Strings
    """In order."""
    starts: NDArray[np.int64]
    """Where the postings of each term begin, and at last where they end."""
    documents: NDArray[np.int32]
    """Of each posting, rising within a term."""
    saturations: NDArray[np.float32]
    """Of each posting."""
    peaks: NDArray[np.float32]
    """The largest saturation of each term."""
    counted: int
    """Documents that have a term."""


def save(
    documents: Iterable[tuple[str, str]], folder: Path, on_document: Callable[[int], None], k1: float, b: float
) -> None:
    """See `Index.write`."""
    if folder.exists() and not (folder / _SUMMARY).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} exists and is no index; name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        spill, made = Path(scratch, "runs"), Path(scratch, "made")
        spill.mkdir()
        made.mkdir()
        collection = read(documents, spill, on_document)
        norms = inverse_norms(collection.average, k1, b)
        starts, peaks, names = array("q", [0]), array("f"), []
        size = sum(len(run.documents) for run in collection.runs)
        with (made / "documents.npy").open("wb") as numbers, (made / "saturations.npy").open("wb") as saturations:
            _begin(numbers, np.int32, size)
            _begin(saturations, np.float32, size)
            for postings, codes in collection.postings():
                values = saturation(postings.frequencies, codes, norms)
                numbers.write(postings.documents.tobytes())
                saturations.write(values.tobytes())
                names.append(postings.term)
                starts.append(starts[-1] + len(values))
                peaks.append(float(values.max()))
        np.save(made / "starts.npy", np.array(starts, dtype=np.int64), allow_pickle=False)
        np.save(made / "peaks.npy", np.array(peaks, dtype=np.float32), allow_pickle=False)
        collection.ids.save(made, "ids")
        Strings.of(names).save(made, "terms")
        summary = {
            "format": _FORMAT,
            "ids": len(collection.ids),
            "terms": len(names),
            "postings": size,
            "counted": collection.counted,
        }
        (made / _SUMMARY).write_text(json.dumps(summary), encoding="utf-8")
        if folder.exists():
            folder.rename(Path(scratch, "replaced"))
        os.replace(made, folder)


def load(folder: Path) -> Arrays:
    """See `Index.open`."""
    try:
        summary = json.loads((folder / _SUMMARY).read_text(encoding="utf-8"))
        if not isinstance(summary, dict) or summary.get("format") != _FORMAT:
            raise ValueError(f"found another format, expected {_FORMAT}")
        arrays: dict[str, Any] = {name: mapped(folder / f"{name}.npy") for name in _KINDS}
        ids, names = Strings.open(folder, "ids"), Strings.open(folder, "terms")
        expected = {
            "starts": summary["terms"] + 1,
            "documents": summary["postings"],
            "saturations": summary["postings"],
            "peaks": summary["terms"],
        }
        for name, kind in _KINDS.items():
            if arrays[name].dtype != kind or arrays[name].shape != (expected[name],):
                raise ValueError(f"found {name}.npy of another size or type")
        if (len(ids), len(names)) != (summary["ids"], summary["terms"]):
            raise ValueError("found another number of ids or terms")
        return Arrays(ids=ids, terms=names, counted=int(summary["counted"]), **arrays)
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder} holds no whole index ({type(error).__name__}: {error}); write it with Index.write"
        ) from error


def _begin(file: BinaryIO, kind: type[np.generic], size: int) -> None:
    np.lib.format.write_array_header_2_0(file, {"descr": np.dtype(kind).str, "fortran_order": False, "shape": (size,)})
