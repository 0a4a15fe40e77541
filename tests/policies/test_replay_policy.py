"""Replay repeats what was recorded, and refuses everything else."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from pydantic import ValidationError

from rftcore.environment import Episode, Step
from rftcore.errors import ConfigError
from rftcore.policies.replay import Replay
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Trajectory, Turn


class Idle(Episode):
    observation = ""

    def step(self, action: str) -> Step:
        return Step("", 0.0, False)


def task(number: int = 0, **data: str) -> Task:
    return Task(
        environment="e", id=f"e/easy/test/{number}", split="test", difficulty="easy", seed=number, data=dict(data)
    )


def trajectory(task: Task, sample: int, *actions: str) -> Trajectory:
    turns = tuple(
        Turn(observation="o", text=f"Thought: hm\nAction: {action}", action=action, reward=0.0, valid=True)
        for action in actions
    )
    return Trajectory(task=task, sample=sample, turns=turns, status="truncated", ret=0.0, success=False)


def record(folder: Path, *trajectories: Trajectory) -> Path:
    file = folder / "cell.jsonl"
    file.write_text("".join(each.model_dump_json() + "\n" for each in trajectories), encoding="utf-8")
    return file


def act(policy: Replay, task: Task, turn: int, sample: int = 0) -> str | None:
    return asyncio.run(policy.act(task, Idle(), turn, sample, random.Random(0)))


def test_the_recorded_actions_of_the_task_and_sample_come_back_in_order(tmp_path: Path) -> None:
    file = record(tmp_path, trajectory(task(0), 0, "a", "b"), trajectory(task(0), 1, "c"), trajectory(task(1), 0, "d"))
    policy = Replay(file=str(file))
    assert [act(policy, task(0), turn) for turn in range(3)] == ["a", "b", None]
    assert [act(policy, task(0), turn, sample=1) for turn in range(2)] == ["c", None]
    assert act(policy, task(1), 0) == "d"


def test_an_answer_without_an_action_is_repeated_as_the_empty_action(tmp_path: Path) -> None:
    assert act(Replay(file=str(record(tmp_path, trajectory(task(), 0, "")))), task(), 0) == ""


def test_line_separators_of_unicode_inside_a_text_do_not_split_a_line(tmp_path: Path) -> None:
    action = "say \u2028 and \x85 and \x0c"
    assert act(Replay(file=str(record(tmp_path, trajectory(task(), 0, action)))), task(), 0) == action


def test_a_missing_task_is_an_error_that_says_what_the_file_holds(tmp_path: Path) -> None:
    policy = Replay(file=str(record(tmp_path, trajectory(task(0), 0, "a"))))
    with pytest.raises(ConfigError, match=r"task 'e/easy/test/7' of 'e' is not in .*cell.jsonl.*1 trajectories of e;"):
        act(policy, task(7), 0)


def test_a_missing_sample_is_an_error_that_says_which_there_are(tmp_path: Path) -> None:
    policy = Replay(file=str(record(tmp_path, trajectory(task(0), 0, "a"), trajectory(task(0), 1, "a"))))
    with pytest.raises(ConfigError, match=r"holds sample 0, 1 of task 'e/easy/test/0', not sample 2"):
        act(policy, task(0), 0, sample=2)


def test_a_task_that_changed_since_the_recording_is_an_error(tmp_path: Path) -> None:
    policy = Replay(file=str(record(tmp_path, trajectory(task(0, goal="old"), 0, "a"))))
    assert act(policy, task(0, goal="old"), 0) == "a"
    with pytest.raises(ConfigError, match="has changed since"):
        act(policy, task(0, goal="new"), 0)


def test_two_recordings_of_one_sample_are_an_error_with_the_line(tmp_path: Path) -> None:
    file = record(tmp_path, trajectory(task(0), 0, "a"), trajectory(task(0), 0, "b"))
    with pytest.raises(ConfigError, match=r"line 2: task 'e/easy/test/0', sample 0, is recorded a second time"):
        Replay(file=str(file))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"task": ', "line 2: not a trajectory"),
        ("", "line 2: not a trajectory"),
        ('{"sample": 0}', r"line 2: not a trajectory \(task: Field required"),
    ],
)
def test_a_damaged_line_is_an_error_with_its_number(tmp_path: Path, line: str, complaint: str) -> None:
    file = record(tmp_path, trajectory(task(0), 0, "a"))
    with file.open("a", encoding="utf-8") as lines:
        lines.write(line + "\n")
    with pytest.raises(ConfigError, match=complaint):
        Replay(file=str(file))


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read file '.*nowhere.jsonl'"):
        Replay(file=str(tmp_path / "nowhere.jsonl"))
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot read file"):
        Replay(file=str(binary))


def test_the_file_is_a_required_option() -> None:
    with pytest.raises(ValidationError, match="file"):
        Replay()
