"""The contract of a tracker: a place where a run's figures are shown as it works, such as TensorBoard.

A tracker is an observer that a configuration names. It receives the frozen events of the observation hooks, in the
driver process only, and changes nothing: a run gives the same numbers with and without it.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import JsonValue

from rftcore.schemas.events import Evaluated, GroupFinished, RunFinished, RunStarted, UpdateFinished
from rftcore.schemas.frozen import Frozen


class Tracker:
    """Shows one run. Its methods are the observation hooks; one that is not written does nothing.

    The class is light: it imports the library that it writes with when a run starts. What a method raises becomes one
    warning, after which the tracker is left alone for the rest of the run.
    """

    class Config(Frozen):
        """Options of the tracker."""

    name: ClassVar[str]

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments."""
        self.config: Any = self.Config.model_validate(options) if config is None else config

    def rft_run_started(self, event: RunStarted) -> None:
        """Begin, or go on with what was shown of the run `event.run` before."""

    def rft_group_finished(self, event: GroupFinished) -> None:
        """All samples of one training task are finished."""

    def rft_update_finished(self, event: UpdateFinished) -> None:
        """The learner made one update."""

    def rft_evaluated(self, event: Evaluated) -> None:
        """One checkpoint, or one policy, was evaluated on one environment and difficulty."""

    def rft_run_finished(self, event: RunFinished) -> None:
        """The report is written."""

    def close(self) -> None:
        """Write out what is held back. Called at the end of every session, a failed one too; safe to call twice."""


def tracked_id(place: Path) -> str:
    """Return the id under which a tracker knows a run: drawn at the first call, and kept as `id` in the folder `place`.

    The run's own id says what it computes; two folders may hold equal runs, and are shown apart.
    """
    file = place / "id"
    if not file.is_file():
        place.mkdir(parents=True, exist_ok=True)
        unfinished = place / ".id.writing"
        unfinished.write_text(secrets.token_hex(4), encoding="utf-8")
        unfinished.replace(file)
    return file.read_text(encoding="utf-8")


def figures(stats: Mapping[str, JsonValue]) -> dict[str, float]:
    """Return the finite numbers of an update's stats, without its own number; what is text or a list is left out."""
    numbers = {
        key: float(value)
        for key, value in stats.items()
        if key != "update" and isinstance(value, int | float) and not isinstance(value, bool)
    }
    return {key: value for key, value in numbers.items() if math.isfinite(value)}


def success_table(report: str) -> tuple[list[str], list[list[str | float | None]]]:
    """Return head and rows of the transfer matrix in the file `report`.

    One row a checkpoint or policy, in the report's order; after its name one column an `environment:difficulty`, which
    holds the mean success in [0, 1], or None where there is none.
    """
    found = json.loads(Path(report).read_text(encoding="utf-8"))
    cells = [cell for axis in found["axes"].values() for cell in axis] + found["references"]
    columns = list(dict.fromkeys(f"{cell['environment']}:{cell['difficulty']}" for cell in cells))
    rows: dict[str, dict[str, float | None]] = {}
    for cell in cells:
        rows.setdefault(cell["train"], {})[f"{cell['environment']}:{cell['difficulty']}"] = cell["avg_at_k"]
    return ["checkpoint", *columns], [[name, *map(row.get, columns)] for name, row in rows.items()]
