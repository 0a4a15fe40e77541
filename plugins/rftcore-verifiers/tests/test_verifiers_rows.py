"""Which rows become tasks, in which split. Datasets are lists here; `make test-bridges` has those of others."""

from __future__ import annotations

from typing import Any

import pytest

from rftcore.errors import ConfigError
from rftcore_verifiers.rows import Row, lists, mark


class Datasets:
    """What is asked of an environment of verifiers."""

    def __init__(self, train: list[dict[str, Any]] | None, eval: list[dict[str, Any]] | None = None) -> None:
        self._train, self._eval = train, eval

    def build_dataset(self) -> Any:
        return self._train

    def build_eval_dataset(self) -> Any:
        return self._eval


def rows(*questions: str) -> list[dict[str, Any]]:
    return [
        {"example_id": n, "prompt": [{"role": "user", "content": question}], "answer": str(n)}
        for n, question in enumerate(questions)
    ]


def numbers(found: list[Row]) -> list[int]:
    return [row.number for row in found]


def test_a_dataset_to_evaluate_on_is_the_test_split_without_what_is_trained() -> None:
    found = lists(Datasets(rows("a", "b", "a", "c"), rows("b", "d", "d", "e")), 3, 2, "prompt")
    assert numbers(found["train"]) == [0, 1, 3]
    assert numbers(found["test"]) == [1, 3]
    assert {row.dataset for row in found["test"]} == {"eval"}


def test_one_dataset_is_divided_so_that_no_prompt_is_in_both_splits() -> None:
    questions = [f"{n % 40}?" for n in range(80)]
    found = lists(Datasets(rows(*questions)), 20, 10, "prompt")
    train, test = ({questions[row.number] for row in found[split]} for split in ("train", "test"))
    assert (len(train), len(test), train & test) == (20, 10, set())


def test_a_dataset_only_to_evaluate_on_is_divided_too() -> None:
    found = lists(Datasets(None, rows(*map(str, range(60)))), 10, 5, "prompt")
    assert {row.dataset for split in found.values() for row in split} == {"eval"}


def test_rows_that_begin_alike_are_one_task_unless_whole_rows_are_compared() -> None:
    alike = Datasets(rows(*["Guess."] * 30))
    with pytest.raises(ConfigError, match=r"of 30 rows found 1 different problems .* set distinct='row'"):
        lists(alike, 2, 1, "prompt")
    found = lists(alike, 2, 1, "row")
    assert len(found["train"]) == 2 and len(found["test"]) == 1


def test_too_few_rows_are_counted() -> None:
    with pytest.raises(
        ConfigError, match="test: found 1 different tasks in the 2 rows of its eval dataset, expected 2"
    ):
        lists(Datasets(rows("a", "b"), rows("a", "c")), 2, 2, "prompt")
    with pytest.raises(ConfigError, match="has no dataset, expected one"):
        lists(Datasets(None), 1, 1, "prompt")


def test_a_mark_is_of_all_that_a_row_says_and_not_of_its_place() -> None:
    row = rows("a")[0]
    assert mark(row) == mark({**row, "example_id": 7})
    assert mark(row) != mark({**row, "answer": "other"})
    assert mark({**row, "info": {"when": object}}) == mark({**row, "info": {"when": object}})
