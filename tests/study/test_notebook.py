"""Runs, evaluations and calibrations work inside a running event loop, as a notebook has it, with the same numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rftcore import Experiment
from rftcore.calibration import calibrate
from rftcore.schemas.config import EvaluationConfig
from tests.study.conftest import report_of, small


def test_a_cell_of_a_notebook_runs_an_experiment_to_the_same_numbers(
    model: Path, tmp_path: Path, differences: Callable[[Any, Any], list[str]]
) -> None:
    experiment = Experiment(small(model, train="even:easy", references=["oracle"]))
    experiment.run(tmp_path / "script")

    async def cell() -> None:
        experiment.run(tmp_path / "notebook")

    asyncio.run(cell())
    both = [report_of(tmp_path / place / "small") for place in ("script", "notebook")]
    assert differences(*both) == []


def test_a_cell_of_a_notebook_calibrates(tmp_path: Path) -> None:
    config = EvaluationConfig(policy="random", environments={"even": {}})

    async def cell() -> None:
        calibrate(config, "even", tmp_path / "notebook.json", k=2)

    calibrate(config, "even", tmp_path / "script.json", k=2)
    asyncio.run(cell())
    assert (tmp_path / "notebook.json").read_text() == (tmp_path / "script.json").read_text()
