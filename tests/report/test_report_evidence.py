"""Which trajectories a person is shown, and how many are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rftcore.errors import RunError
from rftcore.report.evidence import SHOWN, choose, collect
from rftcore.report.payload import LONGEST, payload
from rftcore.schemas.report import Report
from rftcore.schemas.trajectory import Trajectory


def played(task: int, sample: int, *, success: bool, status: str = "completed", text: str = "look") -> Trajectory:
    turn = {"observation": text, "text": text, "action": text, "reward": float(success), "valid": True}
    return Trajectory.model_validate(
        {
            "task": {"environment": "maze", "id": f"t{task}", "split": "test", "difficulty": "easy", "seed": task,
                     "answer": "PRIVATE-ANSWER"},
            "sample": sample, "turns": [turn], "status": status, "ret": float(success), "success": success,
        }
    )  # fmt: skip


def write(path: Path, trajectories: list[Trajectory]) -> None:
    path.write_text("".join(f"{one.model_dump_json()}\n" for one in trajectories), encoding="utf-8")


def test_successes_and_failures_take_turns_and_tasks_come_before_repeats() -> None:
    trajectories = [played(task, sample, success=task < 2) for task in range(4) for sample in range(3)]
    chosen = [(one.task.id, one.sample) for one in choose(trajectories)]
    assert chosen == [("t0", 0), ("t2", 0), ("t1", 0), ("t3", 0), ("t0", 1), ("t2", 1)]


def test_one_kind_of_outcome_fills_the_place_of_another() -> None:
    trajectories = [played(task, 0, success=False) for task in range(9)]
    assert [one.task.id for one in choose(trajectories)] == [f"t{task}" for task in range(SHOWN)]


def test_a_sample_lost_to_the_machine_is_shown_among_the_others() -> None:
    lost = played(7, 0, success=False, status="timeout")
    trajectories = [*(played(task, 0, success=True) for task in range(9)), lost]
    assert lost in choose(trajectories)


def test_evidence_counts_what_is_not_shown(tmp_path: Path, small: Callable[..., Report]) -> None:
    many = [played(task, sample, success=task == 0) for task in range(5) for sample in range(4)]
    write(tmp_path / "maze.jsonl", [*many, played(0, 9, success=False, status="sampler_error")])
    evidence = collect(tmp_path, small())
    found = evidence["maze.jsonl"]
    assert (found.total, found.successes, found.masked, len(found.chosen)) == (21, 4, 1, SHOWN)
    assert not evidence["base.jsonl"].found


def test_a_report_that_points_outside_its_folder_is_refused(tmp_path: Path, small: Callable[..., Report]) -> None:
    (tmp_path / "secret.jsonl").write_text("{}", encoding="utf-8")
    folder = tmp_path / "run"
    folder.mkdir()
    with pytest.raises(RunError, match=r"'\.\./secret\.jsonl', which is outside its run folder"):
        collect(folder, small(trajectories="../secret.jsonl"))


def test_a_damaged_file_is_named(tmp_path: Path, small: Callable[..., Report]) -> None:
    write(tmp_path / "maze.jsonl", [played(0, 0, success=True)])
    with (tmp_path / "maze.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"task": ')
    with pytest.raises(RunError, match=r"maze\.jsonl"):
        collect(tmp_path, small())


def test_texts_are_stored_once_private_answers_never_and_long_ones_cut(
    tmp_path: Path, small: Callable[..., Report]
) -> None:
    long = "x" * (LONGEST + 1234)
    shown = [played(0, 0, success=True, text=long), played(1, 0, success=False, text=long)]
    write(tmp_path / "maze.jsonl", shown)
    report = small()
    packed = payload({"cell-1": report.axes.transfer[1]}, collect(tmp_path, report))
    content: dict[str, Any] = json.loads(packed)
    assert content["texts"] == ["", f"{'x' * LONGEST} [... 1,234 more characters in the file]"]
    assert "PRIVATE-ANSWER" not in packed
    assert content["cells"]["cell-1"]["said"] == "2 of 2 trajectories shown: 1 success in all."


def test_a_page_that_would_be_too_large_carries_fewer_trajectories_and_says_so(
    tmp_path: Path, small: Callable[..., Report]
) -> None:
    write(tmp_path / "maze.jsonl", [played(task, 0, success=True, text=f"{task}" * 2000) for task in range(10)])
    report = small()
    cells, evidence = {"cell-1": report.axes.transfer[1]}, collect(tmp_path, report)
    content = json.loads(payload(cells, evidence, budget=8000))
    assert len(content["files"]["maze.jsonl"]) == 3
    assert content["cells"]["cell-1"]["said"].startswith("3 of 10 trajectories shown: 10 successes in all. 7 left out")
    assert len(json.loads(payload(cells, evidence, budget=10))["files"]["maze.jsonl"]) == 1
