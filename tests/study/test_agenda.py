"""What the jobs of a run are, and which begin first."""

from __future__ import annotations

from pathlib import Path

import pytest

from rftcore import Study
from rftcore.agenda import agenda, urgency
from rftcore.executor import Job
from rftcore.records import RunFolder
from tests.study.conftest import small


def test_what_has_the_longest_row_of_jobs_behind_it_begins_first() -> None:
    jobs = {
        "long stage": (job("long stage", 9), None),
        "stage": (job("stage", 5), None),
        "its child": (job("its child", 3), "stage"),
        "cell of the child": (job("cell of the child", 2), "its child"),
        "cell of the stage": (job("cell of the stage", 4), "stage"),
    }
    assert urgency(jobs) == {
        "stage": 5 + 3 + 2,  # more than by way of its own cell
        "long stage": 9,
        "its child": 3 + 2,
        "cell of the stage": 4,
        "cell of the child": 2,
    }


def test_a_models_cells_of_hard_tasks_come_first_and_policies_which_may_have_a_budget_last(
    model: Path, tmp_path: Path
) -> None:
    blueprint = Study(small(model, axes={"transfer": ["even:easy"]}, references=["random"])).blueprint
    listed = [job for _, (job, _) in agenda(RunFolder(tmp_path), blueprint.config, blueprint.plan)]
    sizes = {job.label: job.size for job in listed}
    assert sizes["train even:easy"] == pytest.approx(3 * 3 * 4 * 1.4)
    assert sizes["evaluate base on even:hard"] == 3 * 2
    assert sizes["evaluate random on even:hard"] < 1
    assert list(sizes) == [
        "train even:easy",
        "evaluate base on even:hard",
        "evaluate even:easy on even:hard",
        "evaluate base on even:easy",
        "evaluate even:easy on even:easy",
        "evaluate random on even:easy",
        "evaluate random on even:hard",
    ]


def job(name: str, size: float) -> Job:
    return Job(name, "m:f", {}, name, size=size)
