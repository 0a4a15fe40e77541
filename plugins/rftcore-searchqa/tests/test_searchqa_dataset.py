from __future__ import annotations

import gzip
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from rftcore.errors import ConfigError
from rftcore_bm25.index import Index
from rftcore_searchqa import corpus as corpora
from rftcore_searchqa.environment import DATA, SearchQA

PASSAGES = [
    ("0", '"Brell"\nBrell is a town on the Ostrel.'),
    ("1", '"Oda Tarn"\nOda Tarn founded Brell in 1880.'),
    ("2", '"Ostrel"\nThe Ostrel is a river of 40 miles.'),
]
TRAIN: list[dict[str, Any]] = [
    {"question": "Who founded Brell?", "golden_answers": ["Oda Tarn"], "data_source": "nq"},
    {"question": "How long is the river of Brell?", "golden_answers": ["40 miles"], "data_source": "searchR1_hotpotqa"},
    {
        "question": "Who made the town on the Ostrel?",
        "reward_model": {"ground_truth": {"target": ["Oda Tarn"]}, "style": "rule"},
        "difficulty": "hard",
        "hops": [["town on the Ostrel", "Brell"], ["Brell founded", "Oda Tarn"]],
    },
    {"question": "Who founded Brell?", "golden_answers": "someone else"},
]
TEST: list[dict[str, Any]] = [{"question": "Where is Brell?", "golden_answers": "on the Ostrel"}]


def lines(file: Path, rows: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines(tmp_path / "corpus.jsonl", [{"id": key, "contents": contents} for key, contents in PASSAGES])
    lines(tmp_path / "train.jsonl", TRAIN)
    lines(tmp_path / "test.jsonl", TEST)
    return tmp_path


def test_questions_are_tasks_in_the_order_of_the_file_each_once(folder: Path) -> None:
    world = SearchQA(data=folder)
    easy, hard = (world.tasks("train", difficulty) for difficulty in world.difficulties)
    assert [task.data["question"] for task in easy] == ["Who founded Brell?"]
    assert [task.data["question"] for task in hard] == [TRAIN[1]["question"], TRAIN[2]["question"]]
    assert [task.id for task in hard] == ["searchqa/hard/train/000001", "searchqa/hard/train/000002"]
    assert [task.data["question"] for task in world.tasks("test", "easy")] == ["Where is Brell?"]
    assert world.tasks("test", "hard") == ()


def test_the_expert_takes_the_hops_that_a_row_names_or_searches_for_the_question(folder: Path) -> None:
    world = SearchQA(data=folder, topk=1)
    plain, hops = world.tasks("train", "hard")
    assert list(world.oracle(plain)) == [
        "<search>How long is the river of Brell?</search>",
        "<answer>40 miles</answer>",
    ]
    assert list(world.oracle(hops)) == [
        "<search>town on the Ostrel</search>",
        "<search>Brell founded</search>",
        "<answer>Oda Tarn</answer>",
    ]
    facts = world.facts()
    assert (facts["expert_turns_easy"], facts["expert_turns_hard"]) == (2.0, 2.5)
    assert len(world.vocabulary()) < 20


def test_a_gzipped_corpus_and_parquet_questions_are_the_same_data(folder: Path) -> None:
    from pyarrow import Table, parquet

    plain = SearchQA(data=folder)
    other = folder / "other"
    other.mkdir()
    with gzip.open(other / "corpus.jsonl.gz", "wb") as file:
        file.write((folder / "corpus.jsonl").read_bytes())
    for name, rows in (("train", TRAIN[:2]), ("test", [{**TEST[0], "golden_answers": ["on the Ostrel"]}])):
        parquet.write_table(Table.from_pylist(rows), other / f"{name}.parquet")
    zipped = SearchQA(data=other)
    assert [task.digest for task in zipped.tasks("train", "easy")] == [t.digest for t in plain.tasks("train", "easy")]
    task = plain.tasks("train", "easy")[0]
    assert zipped.start(task).step("<search>Brell</search>") == plain.start(task).step("<search>Brell</search>")


def test_parquet_without_pyarrow_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "train.jsonl").rename(folder / "train.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'rftcore-searchqa\[parquet\]'"):
        SearchQA(data=folder).tasks("train", "easy")


def test_what_is_no_parquet_file_is_named(folder: Path) -> None:
    (folder / "train.jsonl").rename(folder / "train.parquet")
    with pytest.raises(ConfigError, match=r"train.parquet cannot be read"):
        SearchQA(data=folder).tasks("train", "easy")


def test_the_variable_names_the_folder_and_the_option_wins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA, str(folder))
    assert len(SearchQA().tasks("train", "easy")) == 1
    world = pickle.loads(pickle.dumps(SearchQA()))
    monkeypatch.delenv(DATA)
    assert len(world.tasks("train", "easy")) == 1
    assert len(SearchQA().tasks("train", "easy")) == 2400
    episode = world.start(world.tasks("train", "hard")[1])
    assert pickle.loads(pickle.dumps(episode)).step("<search>Brell</search>").valid


def test_a_stored_index_is_used_and_has_to_be_that_of_the_corpus(folder: Path) -> None:
    Index.write(PASSAGES, folder / "index")
    world = SearchQA(data=folder)
    assert "Oda Tarn founded" in world.start(world.tasks("train", "easy")[0]).step("<search>Brell</search>").observation
    other = folder / "other"
    other.mkdir()
    lines(other / "corpus.jsonl", [{"id": "0", "contents": "x"}])
    Index.write(PASSAGES, other / "index")
    with pytest.raises(ConfigError, match="found 3 documents, expected the 1 of the corpus"):
        SearchQA(data=other)._retriever()
    (other / "index" / "starts.npy").write_bytes(b"")
    with pytest.raises(ConfigError, match="holds no whole index"):
        SearchQA(data=other)._retriever()


def test_a_question_in_both_splits_is_an_error(folder: Path) -> None:
    lines(folder / "test.jsonl", TRAIN[:1])
    with pytest.raises(ConfigError, match=r"'Who founded Brell\?' in train too"):
        SearchQA(data=folder).tasks("test", "easy")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": "Who?"}, "line 1: found no question with answers"),
        ({"question": "Who?", "golden_answers": []}, "line 1: found no question with answers"),
        ({"question": " ", "golden_answers": ["x"]}, "line 1: found no question with answers"),
        ({"question": "Who?", "golden_answers": [1]}, "line 1: found no question with answers"),
        ({"question": "Who?", "golden_answers": ["x"], "difficulty": "medium"}, "found difficulty 'medium'"),
        ({"question": "Who?", "golden_answers": ["x"], "hops": [["only a query"]]}, "expected a query and a title"),
    ],
)
def test_rows_of_another_form_are_named(folder: Path, row: dict[str, Any], message: str) -> None:
    lines(folder / "train.jsonl", [row])
    with pytest.raises(ConfigError, match=message):
        SearchQA(data=folder).tasks("train", "easy")


def test_missing_files_are_named(tmp_path: Path) -> None:
    world = SearchQA(data=tmp_path)
    with pytest.raises(ConfigError, match=r"found none of train.jsonl, train.jsonl.gz, train.parquet"):
        world.tasks("train", "easy")
    with pytest.raises(ConfigError, match=r"found none of corpus.jsonl, corpus.jsonl.gz"):
        world._retriever()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found no passage"),
        (b"{not json\n", "cannot be read after line 1: JSONDecodeError"),
        (b"[1]\n", "expected a JSON object"),
        (b'{"id": "0"}\n', "expected 'id' and 'contents'"),
        (b'{"id": "0", "contents": ["x"]}\n', "expected 'id' and 'contents'"),
        (b'{"id": "0", "contents": "x"}\n{"id": 0, "contents": "y"}\n', "line 2: found the id '0' a second time"),
        (b"\xff\xfe\n", "UnicodeDecodeError"),
        (b"[" * 200_000 + b"\n", "RecursionError"),
        (b'{"id": "0", "contents": "' + b"x" * (16 << 20) + b'"}\n', "line 1: found a record of more than 16 MB"),
        (gzip.compress(b"".join(b'{"id": "%d", "contents": "x"}\n' % n for n in range(50)))[:-9], "EOFError"),
        (gzip.compress(b"\0" * (64 << 20)), "line 1: found a record of more than 16 MB"),
    ],
    ids=[
        "empty",
        "no-json",
        "list",
        "no-contents",
        "list-contents",
        "id-twice",
        "bytes",
        "deep",
        "long",
        "cut",
        "bomb",
    ],
)
def test_a_damaged_or_hostile_corpus_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "corpus.jsonl").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        corpora.read_corpus(tmp_path / "corpus.jsonl")


def test_a_corpus_that_one_process_should_not_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines(tmp_path / "corpus.jsonl", [{"id": str(number), "contents": "x"} for number in range(6)])
    assert len(corpora.read_corpus(tmp_path / "corpus.jsonl")) == 6
    monkeypatch.setattr(corpora, "MOST_PASSAGES", 5)
    with pytest.raises(ConfigError, match="retriever=http"):
        corpora.read_corpus(tmp_path / "corpus.jsonl")
