from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rftcore_bm25 import collection
from rftcore_bm25.index import Index

DOCUMENTS = [(f"{number * 37 % 101}", f"word{number % 7} thing{number} common \u00e9t\u00e9") for number in range(101)]


def test_a_folder_gives_the_hits_of_memory_however_many_runs_it_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Index.of(DOCUMENTS)
    for size in (7, 1000):
        monkeypatch.setattr(collection, "RUN_POSTINGS", size)
        counts: list[int] = []
        Index.write(iter(DOCUMENTS), tmp_path / "index", counts.append)
        assert counts == list(range(1, 102))
        index = Index.open(tmp_path / "index")
        assert len(index) == 101
        for query in ("common", "word3 thing10", "\u00e9t\u00e9 word1", "nothing"):
            assert index.search(query, 20) == expected.search(query, 20)
    assert [file.name for file in tmp_path.iterdir()] == ["index"]


def test_a_folder_survives_pickle_as_its_name(tmp_path: Path) -> None:
    Index.write(DOCUMENTS, tmp_path / "index")
    index = Index.open(tmp_path / "index")
    message = pickle.dumps(index)
    assert len(message) < 500
    assert pickle.loads(message).search("word3", 3) == index.search("word3", 3)


def test_a_writer_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    Index.write(DOCUMENTS, tmp_path / "index")

    def breaking() -> Iterator[tuple[str, str]]:
        yield ("a", "cat")
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        Index.write(breaking(), tmp_path / "index")
    assert len(Index.open(tmp_path / "index")) == 101
    assert [file.name for file in tmp_path.iterdir()] == ["index"]


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="exists and is no index"):
        Index.write(DOCUMENTS, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_is_no_whole_index_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with pytest.raises(ValueError, match="holds no whole index"):
        Index.open(folder)
    Index.write(DOCUMENTS, folder)
    good = {file.name: file.read_bytes() for file in folder.iterdir()}
    summary = json.loads(good["index.json"])
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    damages = {
        "documents.npy": good["documents.npy"][:-1],
        "starts.npy": good["peaks.npy"],
        "peaks.npy": (tmp_path / "objects.npy").read_bytes(),
        "ids-ends.npy": good["starts.npy"],
        "terms.npy": b"",
        "index.json": json.dumps({**summary, "format": "other"}).encode(),
    }
    for name, content in damages.items():
        (folder / name).write_bytes(content)
        with pytest.raises(ValueError, match="holds no whole index"):
            Index.open(folder)
        (folder / name).write_bytes(good[name])
    assert len(Index.open(folder)) == 101
