"""A user's own data: a folder with a corpus and questions, as Search-R1 publishes them.

    corpus.jsonl or corpus.jsonl.gz     `id`, `contents`
    train.jsonl, test.jsonl             `question`, and `golden_answers` or `reward_model.ground_truth.target`;
    (.jsonl.gz or .parquet as well)     optionally `data_source`, `difficulty` and `hops`
    index/                              the corpus indexed by `rftcore_bm25.index.Index.write`; optional, saves time

Questions of the sets that are made of several hops are hard, others easy, unless a row says so itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from rftcore.errors import ConfigError
from rftcore.schemas.task import Split, Task
from rftcore_bm25.index import Index
from rftcore_searchqa.corpus import Corpus, read_corpus
from rftcore_searchqa.jsonlines import LONGEST, records
from rftcore_searchqa.questions import Hop, Question
from rftcore_searchqa.retriever import LexicalRetriever

MULTI_HOP = frozenset({"hotpotqa", "2wikimultihopqa", "musique", "bamboogle"})
"""Values of `data_source` that mean hard."""
MOST_QUESTIONS = 1_000_000
INDEX = "index"
"""Name of the folder that may hold the index of the corpus, as `Index.write` makes it."""
_ENDINGS = (".jsonl", ".jsonl.gz", ".parquet")


@cache
def corpus(folder: Path) -> Corpus:
    """Return the corpus in `folder`, read once per process. Raises ConfigError when it cannot be read."""
    return read_corpus(_file(folder, "corpus", _ENDINGS[:2]))


@cache
def retriever(folder: Path) -> LexicalRetriever:
    """Return the index of the corpus in `folder`: the one that lies there as `index`, or one that is built here.

    Made once per process. Raises ConfigError when the index there is damaged, or that of another corpus.
    """
    passages, stored = corpus(folder), folder / INDEX
    try:
        index = Index.open(stored) if stored.exists() else Index.of(passages.items())
    except ValueError as error:
        raise ConfigError(f"{error}; or remove {stored}, and the index is built at each start") from error
    if len(index) != len(passages):
        raise ConfigError(
            f"{stored}: found {len(index)} documents, expected the {len(passages)} of the corpus; remove it"
        )
    return LexicalRetriever(passages, index, (retriever, (folder,)))


@cache
def task_list(name: str, folder: Path, split: Split, difficulty: str) -> tuple[Task, ...]:
    """Return the questions of one split and difficulty, in the order of the file.

    Raises ConfigError when the file is missing or damaged, and when train and test share a question.
    """
    return tuple(
        question.task(name, split, difficulty, number, source)
        for number, (hard, source, question) in enumerate(_questions(folder, split))
        if hard == (difficulty == "hard")
    )


@cache
def _questions(folder: Path, split: Split) -> tuple[tuple[bool, str, Question], ...]:
    """Return for each question of a split, once, whether it is hard, its source, and itself."""
    file = _file(folder, split, _ENDINGS)
    seen: dict[str, tuple[bool, str, Question]] = {}
    for line, row in _rows(file):
        entry = _question(file, line, row)
        seen.setdefault(entry[2].text, entry)
        if len(seen) > MOST_QUESTIONS:
            raise ConfigError(f"{file}: found more than {MOST_QUESTIONS:,} questions; take a part of them")
    if not seen:
        raise ConfigError(f"{file}: found no question")
    if split == "test":
        shared = next((entry[2].text for entry in _questions(folder, "train") if entry[2].text in seen), None)
        if shared is not None:
            raise ConfigError(
                f"{file}: found {shared[:80]!r} in train too, expected no question in both; leave one out"
            )
    return tuple(seen.values())


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if file.suffix != ".parquet":
        yield from records(file)
        return
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise ConfigError(f"{file} needs pyarrow; install it with: pip install 'rftcore-searchqa[parquet]'") from error
    try:
        line = 0
        with parquet.ParquetFile(file) as table:
            wanted = {"question", "golden_answers", "reward_model", "data_source", "difficulty", "hops"}
            columns = [name for name in table.schema_arrow.names if name in wanted]
            for batch in table.iter_batches(batch_size=1024, columns=columns):
                for row in batch.to_pylist():
                    line += 1
                    yield line, row
    except (OSError, ArrowException) as error:
        raise ConfigError(f"{file} cannot be read: {type(error).__name__}: {error}; expected a parquet file") from error


def _question(file: Path, line: int, row: Mapping[str, Any]) -> tuple[bool, str, Question]:
    text, golds = row.get("question"), _golds(row)
    if not isinstance(text, str) or not text.strip() or not golds:
        raise ConfigError(
            f"{file}, line {line}: found no question with answers (fields: {', '.join(sorted(row)) or 'none'}), "
            "expected 'question', and 'golden_answers' or 'reward_model.ground_truth.target'"
        )
    if len(text) + sum(map(len, golds)) > LONGEST:
        raise ConfigError(f"{file}, line {line}: found a record of more than {LONGEST >> 20} MB")
    source = str(row.get("data_source") or file.name)
    hard = row.get("difficulty", "hard" if source.removeprefix("searchR1_") in MULTI_HOP else "easy")
    if hard not in ("easy", "hard"):
        raise ConfigError(f"{file}, line {line}: found difficulty {hard!r}, expected easy or hard")
    try:
        hops = tuple(Hop.of(hop) for hop in row.get("hops") or ())
    except TypeError as error:
        raise ConfigError(f"{file}, line {line}: {error}") from error
    return hard == "hard", source, Question(text.strip(), golds, hops)


def _golds(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the answers of a row in either of the published forms; none when they are of another."""
    found = row.get("golden_answers")
    if found is None:
        try:
            found = row["reward_model"]["ground_truth"]["target"]
        except (LookupError, TypeError):
            return ()
    found = [found] if isinstance(found, str) else found
    return tuple(found) if isinstance(found, list) and all(isinstance(gold, str) for gold in found) else ()


def _file(folder: Path, name: str, endings: tuple[str, ...]) -> Path:
    found = [folder / f"{name}{ending}" for ending in endings if (folder / f"{name}{ending}").is_file()]
    if len(found) != 1:
        listed = ", ".join(file.name for file in found) or "none"
        raise ConfigError(
            f"{folder}: found {listed} of {', '.join(f'{name}{e}' for e in endings)}, expected one of them"
        )
    return found[0]
