"""Recorded trajectories: what is read, what is refused, and in which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rftcore import ConfigError
from rftcore.recording import Recording, fingerprint
from rftcore.records import write_groups
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group, Trajectory, Turn


def task(key: str = "0", **changes: Any) -> Task:
    fields = {"split": "train", "difficulty": "easy", "seed": 0, **changes}
    return Task(environment="even", id=f"even/{fields['difficulty']}/{fields['split']}/{key}", **fields)


def played(of: Task, sample: int, *, success: bool = True, **changes: Any) -> Trajectory:
    turn = Turn(observation="even 0", text="f", action="f", reward=1.0, valid=True)
    fields = {"turns": (turn,), "status": "completed", "ret": float(success), "success": success, **changes}
    return Trajectory(task=of, sample=sample, **fields)


def stored(path: Path, *trajectories: Trajectory) -> str:
    write_groups(path, [Group(task=trajectories[0].task, trajectories=trajectories)])
    return str(path)


def test_trajectories_of_a_task_come_successes_first_and_otherwise_in_order(tmp_path: Path) -> None:
    lost = played(task(), 3, status="environment_error")
    silent = played(task(), 4, turns=())
    good = [played(task(), sample, success=sample != 0) for sample in range(3)]
    recording = Recording(stored(tmp_path / "a.jsonl", *good, lost, silent))
    assert [each.sample for each in recording.of(task())] == [1, 2, 0]
    assert recording.of(task("1")) == ()


def test_a_folder_is_that_of_a_run_with_all_its_stages(tmp_path: Path) -> None:
    for stage in "ab":
        stored(tmp_path / "stages" / stage / "trajectories" / "000000.jsonl", played(task(stage), 0))
    recording = Recording(str(tmp_path))
    assert [len(recording.of(task(key))) for key in "abc"] == [1, 1, 0]


def test_the_fingerprint_is_of_the_content_and_not_of_the_place(tmp_path: Path) -> None:
    first, second = (stored(tmp_path / name, played(task(), 0)) for name in ("a.jsonl", "b.jsonl"))
    other = stored(tmp_path / "c.jsonl", played(task(), 1))
    assert fingerprint(first) == fingerprint(second) != fingerprint(other)


def test_pools_keep_the_recorded_tasks(tmp_path: Path) -> None:
    recording = Recording(stored(tmp_path / "a.jsonl", played(task("1"), 0)))
    assert recording.pools({"even:easy": [task("0"), task("1")]}) == {"even:easy": [task("1")]}


def test_a_pool_of_which_nothing_is_recorded_is_an_error(tmp_path: Path) -> None:
    recording = Recording(stored(tmp_path / "a.jsonl", played(task(), 0)))
    with pytest.raises(ConfigError, match="none of a training task of even:hard; it holds even:easy"):
        recording.pools({"even:easy": [task()], "even:hard": [task(difficulty="hard")]})


def test_a_task_that_is_not_what_it_was_is_an_error(tmp_path: Path) -> None:
    recording = Recording(stored(tmp_path / "a.jsonl", played(task(), 0)))
    with pytest.raises(ConfigError, match=r"1 tasks of even:easy .* 'even/easy/train/0', are not what they were"):
        recording.pools({"even:easy": [task(seed=1)]})


def test_a_test_task_is_refused_with_its_line(tmp_path: Path) -> None:
    place = stored(tmp_path / "a.jsonl", played(task(), 0), played(task(split="test"), 0))
    with pytest.raises(ConfigError, match="line 2: found one of the test task 'even/easy/test/0', expected training"):
        Recording(place)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds none with a turn; expected at least one"),
        ("{}\n", "line 1: not a trajectory (task: Field required"),
        ("no json\n", "line 1: not a trajectory (the line: Invalid JSON"),
        (json.dumps({"schema_version": 2}) + "\n", "line 1: not a trajectory (schema_version: Input should be 1"),
    ],
)
def test_a_file_that_holds_something_else_is_an_error_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(ConfigError) as error:
        Recording(str(tmp_path / "a.jsonl"))
    assert told in str(error.value)


def test_a_place_without_recordings_is_an_error_that_says_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is not there; expected a run's folder"):
        Recording(str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"holds none of training; expected .* training\.record=true"):
        Recording(str(tmp_path))
