"""What begins when: rollouts run ahead by as many updates as they may, and a resumed stage takes up what was ahead."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from rftcore.errors import RunError
from rftcore.lookahead import Lookahead
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group, Trajectory, Turn


def group(update: int) -> Group:
    task = Task(environment="maze", id=f"maze/easy/train/{update}", split="train", difficulty="easy", seed=update)
    sampled: Any = {"token_ids": (3,), "logprobs": (-0.1 / 3,)}
    turn = Turn(observation="a\u2028b", text="x", action="x", reward=0.1, valid=True, **sampled)
    played = Trajectory(task=task, sample=0, turns=(turn,), status="completed", ret=0.1, success=True)
    return Group(task=task, trajectories=(played,))


class Begins:
    """Notes what is begun and when it is taken."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, update: int) -> Future[list[Group]]:
        self.seen.append(f"begin {update}")
        played = Future[list[Group]]()
        played.set_result([group(update)])
        return played


def order(staleness: int, updates: int) -> list[str]:
    begins = Begins()
    ahead = Lookahead(staleness, updates, begins)
    for update in range(updates):
        assert ahead.take(update) == [group(update)]
        begins.seen.append(f"learn {update}")
    return begins.seen


def test_without_staleness_an_update_is_played_when_it_is_due() -> None:
    assert order(0, 3) == ["begin 0", "learn 0", "begin 1", "learn 1", "begin 2", "learn 2"]


def test_with_staleness_an_update_begins_that_many_updates_before_it_is_learned_from() -> None:
    assert order(1, 3) == ["begin 0", "begin 1", "learn 0", "begin 2", "learn 1", "learn 2"]
    assert order(2, 4) == ["begin 0", "begin 1", "begin 2", "learn 0", "begin 3", "learn 1", "learn 2", "learn 3"]
    assert order(9, 2) == ["begin 0", "begin 1", "learn 0", "learn 1"]


def test_what_is_ahead_comes_back_whole_and_is_not_played_again(tmp_path: Path) -> None:
    before = Lookahead(2, 9, Begins())
    for update in range(4):
        before.take(update)
    (tmp_path / "ahead.jsonl").write_text(before.stored(), encoding="utf-8")
    begins = Begins()
    after = Lookahead(2, 9, begins)
    after.restore(4, tmp_path / "ahead.jsonl")
    assert [after.take(update) for update in (4, 5, 6)] == [[group(4)], [group(5)], [group(6)]]
    assert begins.seen == ["begin 6", "begin 7", "begin 8"]


def test_without_staleness_nothing_is_stored_and_no_file_is_asked_for(tmp_path: Path) -> None:
    ahead = Lookahead(0, 3, Begins())
    ahead.take(0)
    assert ahead.stored() == ""
    ahead.restore(1, tmp_path / "absent")
    assert ahead.take(1) == [group(1)]


def test_rollouts_of_other_updates_or_of_no_form_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "ahead.jsonl"
    ahead = Lookahead(1, 9, Begins())
    ahead.take(0)
    file.write_text(ahead.stored(), encoding="utf-8")
    with pytest.raises(RunError, match=r"are those of updates \[1\], expected \[5\]"):
        Lookahead(1, 9, Begins()).restore(5, file)
    file.write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match="cannot be read"):
        Lookahead(1, 9, Begins()).restore(1, file)


def test_what_playing_raised_is_raised_when_it_is_taken() -> None:
    broken = Future[list[Group]]()
    broken.set_exception(RunError("no more"))
    with pytest.raises(RunError, match="no more"):
        Lookahead(1, 3, lambda update: broken).take(0)
