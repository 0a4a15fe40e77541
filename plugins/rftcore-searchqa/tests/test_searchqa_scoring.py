from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rftcore.errors import ConfigError
from rftcore_searchqa.environment import SearchQA
from rftcore_searchqa.scoring import BLOCKS, contains_match, exact_match, guarded_match, last_answer, normalized

FIDELITY = Path(__file__).resolve().parents[4] / "shared" / "fidelity"


def recorded(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(FIDELITY / name, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


@pytest.mark.parametrize(
    ("name", "steps"), [("searchqa-em.jsonl.gz", 600), ("searchqa-steps.jsonl.gz", 351), ("bm25-queries.jsonl.gz", 100)]
)
def test_every_recorded_answer_is_reproduced(name: str, steps: int) -> None:
    if not FIDELITY.exists():  # Recordings are not part of the repository.
        return
    environment = SearchQA(profile=SearchQA.fidelity_profile)
    compared = [step for record in recorded(name) for step in environment.replay(record, FIDELITY)]
    assert len(compared) == steps
    assert [step for step in compared if step[1] != step[2]] == []


def test_the_guard_changes_only_answers_of_which_nothing_is_left() -> None:
    if not FIDELITY.exists():
        return
    changed = 0
    for record in recorded("searchqa-em.jsonl.gz"):
        golds = [record["golds"]] if isinstance(record["golds"], str) else record["golds"]
        answer = last_answer(record["response"], BLOCKS["agentgym"])
        changed += answer is not None and exact_match(answer, golds) and not guarded_match(answer, golds)
    assert changed == 30


@pytest.mark.parametrize(
    ("answer", "gold", "match"),
    [
        ("The Beatles!", "beatles", True),
        ("U.S.", "US", True),
        ("U.S.", "u s", False),
        ("10,000", "10000", True),
        ("Caf\u00e9", "cafe", False),
        ("a  man\tand the sea", "man and sea", True),
        ("theory", "ory", False),
        ("\u201cquoted\u201d", "quoted", False),
    ],
)
def test_answers_match_after_search_r1s_normalization(answer: str, gold: str, match: bool) -> None:
    assert exact_match(answer, [gold]) is guarded_match(answer, [gold]) is match


def test_a_part_of_the_answer_is_enough_for_the_lenient_score() -> None:
    assert contains_match("It was the Beatles, in 1969", ["1970", "1969"])
    assert contains_match("anything", [""])
    assert not contains_match("1968", ["1969"])
    assert normalized("A b,  the C.") == "b c"


@pytest.mark.parametrize(
    ("text", "one", "two"),
    [
        ("<answer> x </answer>", "x", None),
        ("<answer>x</answer><answer>y</answer>", "y", "y"),
        ("<answer>x<answer>y</answer>", "x<answer>y", None),
        ("<answer>x</answer> <answer>y", "x", None),
        ("x</answer>", None, None),
    ],
)
def test_the_last_complete_block_counts_if_there_are_enough(text: str, one: str | None, two: str | None) -> None:
    assert (last_answer(text, 1), last_answer(text, 2)) == (one, two)


def test_a_record_of_another_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found a record with goal"):
        SearchQA().replay({"goal": "x"}, tmp_path)
    hits = {"qid": "q", "query": "cat", "tokens": ["cat"], "hits": []}
    with pytest.raises(ConfigError, match=r"bm25-corpus.jsonl.gz cannot be read"):
        list(SearchQA().replay(hits, tmp_path))
