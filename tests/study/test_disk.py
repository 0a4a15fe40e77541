"""What a run will write, added up by hand."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from rftcore.disk import CELL, GROUP, UPDATE, disk_need
from rftcore.disk import _size as disk_size
from rftcore.estimate import Length, Range
from rftcore.records import RunFolder
from rftcore.study import Experiment
from tests.study.conftest import small
from tests.study.shapes import BYTES, shape

STORED = Length(Range(1, 1), Range(1, 1), Range(100, 300))
TWICE = "what is there twice while it is written, and averages"


def written(place: Path, model: Path, done: tuple[int, ...] = (), **changes: Any) -> dict[str, Range]:
    """What a run of two stages still writes; `done` are the numbers of its finished stages."""
    run = Experiment(small(model, train="even:easy>even:hard", **changes))
    plan = run.blueprint.plan
    return disk_need(
        run.config,
        plan,
        RunFolder(place / "run"),
        {plan.stages[number].key for number in done},
        shape(place / "model"),
        slots=2,
        trained={node.key: STORED for node in plan.stages},
        tested={(cell.environment, cell.difficulty): (3, STORED) for cell in plan.cells},
    )


@pytest.mark.parametrize(
    ("updates", "every", "most"),
    [
        (1, 1, "{result}"),  # there is nothing to resume from
        (2, 1, "{full} + {result}"),  # the result is written beside the one resumable checkpoint
        (3, 1, "2 * {full}"),  # the second is written beside the first
        (3, 5, "{result}"),
    ],
)
def test_a_stage_has_two_checkpoints_while_one_replaces_the_other(
    updates: int, every: int, most: str, model: Path, tmp_path: Path
) -> None:
    training = {"updates": updates, "groups": 2, "samples": 2, "checkpoint_every": every}
    found = written(tmp_path, model, training=training)
    result = BYTES + shape(tmp_path / "model").others
    peak = eval(most.format(result=result, full=result + 2 * BYTES))
    assert found["checkpoints of 2 stages"] == Range(2 * result, 2 * result)
    # One stage for certain, two where both slots are taken.
    assert found[TWICE] == Range(peak - result, 2 * (peak - result))


def test_the_best_checkpoint_and_a_critic_are_kept_beside(model: Path, tmp_path: Path) -> None:
    training = {"updates": 3, "groups": 2, "samples": 2, "checkpoint_every": 1}
    result = BYTES + shape(tmp_path / "model").others
    best = {**training, "validation": {"tasks": 2, "samples": 1, "every": 1, "checkpoint": "best"}}
    assert written(tmp_path, model, training=best)[TWICE].low == 2 * (result + 2 * BYTES) + result - result
    critic = {"name": "ppo", "critic": {"model": "start"}}
    found = written(tmp_path, model, training=training, algorithm=critic)
    assert found[TWICE].low == 2 * (result + 2 * BYTES + 3 * BYTES) - result


def test_what_an_unfinished_stage_has_on_the_disk_is_not_counted_again(model: Path, tmp_path: Path) -> None:
    training = {"updates": 3, "groups": 2, "samples": 2, "checkpoint_every": 1}
    before = written(tmp_path, model, training=training)
    run = Experiment(small(model, train="even:easy>even:hard", training=training))
    resume = RunFolder(tmp_path / "run").stage(run.blueprint.plan.stages[0].key) / "resume"
    resume.mkdir(parents=True)
    (resume / "model.safetensors").write_bytes(b"x" * 1000)
    after = written(tmp_path, model, training=training)
    assert before[TWICE].high - after[TWICE].high == 1000
    last = written(tmp_path, model, done=(0,), training=training)
    assert last["checkpoints of 1 stages"].low == before["checkpoints of 2 stages"].low / 2


def test_a_stage_that_was_killed_while_it_wrote_needs_no_more_than_its_peak(model: Path, tmp_path: Path) -> None:
    training = {"updates": 3, "groups": 2, "samples": 2, "checkpoint_every": 1}
    run = Experiment(small(model, train="even:easy>even:hard", training=training))
    stage = RunFolder(tmp_path / "run").stage(run.blueprint.plan.stages[0].key)
    result = BYTES + shape(tmp_path / "model").others
    full = result + 2 * BYTES
    for name, size in (("resume", full), (".resume.writing", full - 100)):  # of a peak of two such checkpoints
        (stage / name).mkdir(parents=True)
        (stage / name / "model.safetensors").write_bytes(b"x" * size)
    found = written(tmp_path, model, training=training)
    assert found["checkpoints of 2 stages"] == Range(result + 100, result + 100)
    assert found[TWICE] == Range(2 * full - result, 2 * full - result)  # of the other stage alone


def test_a_folder_whose_files_are_renamed_meanwhile_is_added_up_all_the_same(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / "stage/resume" / str(number)).mkdir(parents=True)
        (tmp_path / "stage/resume" / str(number) / "file").write_bytes(b"x" * 10)
    ended = threading.Event()

    def rename() -> None:
        while not ended.is_set():
            (tmp_path / "stage/resume").rename(tmp_path / "stage/written")
            (tmp_path / "stage/written").rename(tmp_path / "stage/resume")

    runs = threading.Thread(target=rename)
    runs.start()
    try:
        found = {disk_size(tmp_path / "stage") for _ in range(300)}
    finally:
        ended.set()
        runs.join()
    assert all(size % 10 == 0 for size in found)


def test_trajectories_and_logs_are_counted_by_episode_update_and_cell(model: Path, tmp_path: Path) -> None:
    training = {"updates": 3, "groups": 2, "samples": 4, "record": True}
    found = written(tmp_path, model, training=training)
    # Three checkpoints in two places play 3 tasks twice; what the two policies store is less.
    assert found["trajectories of evaluation"] == Range(6 * 6 * 100, 10 * 6 * 300)
    assert found["trajectories of training"] == Range(2 * 24 * 100, 2 * 24 * 300)
    assert found["logs and report"] == (UPDATE + GROUP * 2) * 6 + CELL * 10
    silent = written(tmp_path, model, training={**training, "record": False})
    assert silent["trajectories of training"] == Range(0, 0)
