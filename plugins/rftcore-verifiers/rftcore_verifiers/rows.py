"""The rows of an environment's datasets as tasks: which of them are played, in which split, and whether they stayed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from rftcore.errors import ConfigError
from rftcore.schemas.frozen import digest
from rftcore.schemas.task import Split
from rftcore.splits import divided
from rftcore_verifiers.messages import shown

Dataset = Literal["train", "eval"]
Distinct = Literal["prompt", "row"]

PLACE = "example_id"
"""The one column that says where a row stands, and nothing of what it is."""


class Row(NamedTuple):
    """One row: where it is, and the sha256 of what it says."""

    dataset: Dataset
    number: int
    mark: str


def dataset_of(environment: Any, name: Dataset) -> Any:
    """Return a dataset of the environment, made if it was not; None when it has none."""
    return environment.build_dataset() if name == "train" else environment.build_eval_dataset()


def mark(row: Mapping[str, Any]) -> str:
    """Return the sha256 of all that a row says."""
    return digest({name: _plain(value) for name, value in row.items() if name != PLACE})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def lists(environment: Any, train: int, test: int, distinct: Distinct) -> dict[Split, list[Row]]:
    """Return the tasks of both splits.

    Where the environment has a dataset to evaluate on, that is the test split, without what the train tasks have.
    Otherwise a hash divides the one that there is. Raises ConfigError when there are not as many different tasks.
    """
    datasets = {name: dataset_of(environment, name) for name in ("train", "eval")}
    if datasets["train"] is not None and datasets["eval"] is not None:
        taken: set[str] = set()
        return {
            "train": _first(datasets["train"], "train", train, distinct, taken),
            "test": _first(datasets["eval"], "eval", test, distinct, taken),
        }
    name: Dataset = "eval" if datasets["train"] is None else "train"
    rows = datasets[name]
    if rows is None:
        raise ConfigError("id: the environment has no dataset, expected one; play another")
    try:
        return divided(_supply(rows, name, distinct), train, test)
    except ConfigError as error:
        raise ConfigError(f"of {len(rows)} rows {error}{_hint(distinct)}") from error


def _first(rows: Any, name: Dataset, count: int, distinct: Distinct, taken: set[str]) -> list[Row]:
    """Return the first `count` rows that tell of something else than those taken, and take them."""
    found: list[Row] = []
    for row, key in _supply(rows, name, distinct):
        if len(found) == count:
            break
        if key not in taken:
            found.append(row)
        taken.add(key)
    if len(found) < count:
        split = "train" if name == "train" else "test"
        raise ConfigError(
            f"{split}: found {len(found)} different tasks in the {len(rows)} rows of its {name} dataset, expected "
            f"{count}; ask for fewer{_hint(distinct)}"
        )
    return found


def _supply(rows: Any, name: Dataset, distinct: Distinct) -> Iterator[tuple[Row, str]]:
    """Yield the rows, each with what tells it apart from others."""
    for number, row in enumerate(rows):
        whole = mark(row)
        yield Row(name, number, whole), (whole if distinct == "row" else prompt_of(row))


def prompt_of(row: Mapping[str, Any]) -> str:
    """Return the text of a row's prompt."""
    prompt = row["prompt"]
    return prompt if isinstance(prompt, str) else shown(prompt)


def _hint(distinct: Distinct) -> str:
    return "" if distinct == "row" else ", or set distinct='row' if tasks differ in what the prompt does not show"
