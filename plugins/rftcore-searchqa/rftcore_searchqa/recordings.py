"""Comparison with recordings of the original programs: scorers, episodes, and lists of hits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from rftcore.errors import ConfigError
from rftcore_bm25.analyzer import terms
from rftcore_bm25.index import Index
from rftcore_searchqa.corpus import read_corpus
from rftcore_searchqa.episode import Rules, SearchEpisode
from rftcore_searchqa.questions import Question
from rftcore_searchqa.retriever import Passage
from rftcore_searchqa.scoring import BLOCKS, contains_match, exact_match, last_answer

CORPUS = "bm25-corpus.jsonl.gz"
"""The passages that the recorded hits are among; beside the recording."""
_ROUNDING = 1e-4
_HITS = 50

Compared = tuple[str, Any, Any]
"""Where, what was recorded, what happens here."""


def replay(record: Mapping[str, Any], folder: Path, rules: Rules) -> Iterator[Compared]:
    """See `SearchQA.replay`."""
    if {"golds", "response"} <= record.keys():
        return _scores(record)
    if {"question", "golds", "first_observation", "turns"} <= record.keys():
        return _episode(record, rules)
    if {"query", "tokens", "hits"} <= record.keys():
        return _hits(record, folder)
    raise ConfigError(
        f"found a record with {', '.join(sorted(record)) or 'nothing'}, expected a scored answer (golds, response), an "
        "episode (question, golds, first_observation, turns) or hits (query, tokens, hits)"
    )


def _scores(record: Mapping[str, Any]) -> Iterator[Compared]:
    golds = [record["golds"]] if isinstance(record["golds"], str) else record["golds"]
    expected, got = [], []
    for program, blocks in BLOCKS.items():
        answer = last_answer(record["response"], blocks)
        expected += [record[f"{program}_{column}"] for column in ("em", "subem", "answer")]
        got += [
            float(answer is not None and exact_match(answer, golds)),
            float(answer is not None and contains_match(answer, golds)),
            answer,
        ]
    yield f"response {record['response'][:60]!r}", tuple(expected), tuple(got)


class _Recorded:
    """A retriever that returns what was recorded, and notes what it was asked for."""

    def __init__(self) -> None:
        self.contents: list[str] = []
        self.query: str | None = None

    def search(self, query: str, topk: int) -> list[Passage]:
        self.query = query
        return [Passage(contents, 0.0) for contents in self.contents]


def _episode(record: Mapping[str, Any], rules: Rules) -> Iterator[Compared]:
    retriever = _Recorded()
    question = Question(record["question"], tuple(record["golds"]))
    episode = SearchEpisode(question, retriever, replace(rules, action_list="never"))
    expected: tuple[Any, ...] = (record["first_observation"],)
    got: tuple[Any, ...] = (episode.observation,)
    for number, turn in enumerate(record["turns"]):
        retriever.contents, retriever.query = turn["retrieved"] or [], None
        step = episode.step(turn["response"])
        expected += (turn["query"], turn["observation"], turn["reward"], turn["done"])
        got += (retriever.query, step.observation, step.reward, step.terminated)
        where = "first observation and turn 0" if number == 0 else f"turn {number}"
        yield f"question {record['question']!r}, {where}", expected, got
        expected, got = (), ()


def _hits(record: Mapping[str, Any], folder: Path) -> Iterator[Compared]:
    hits = _index(folder / CORPUS).search(record["query"], _HITS)
    expected = (record["tokens"], [name for name, _ in record["hits"]], [score for _, score in record["hits"]])
    scores = [hit.score for hit in hits]
    if len(scores) == len(expected[2]):
        scores = [
            recorded if abs(recorded - score) <= _ROUNDING else score
            for recorded, score in zip(expected[2], scores, strict=True)
        ]
    yield f"query {record['query'][:60]!r}", expected, (terms(record["query"]), [hit.id for hit in hits], scores)


@cache
def _index(file: Path) -> Index:
    return Index.of(read_corpus(file).items())
