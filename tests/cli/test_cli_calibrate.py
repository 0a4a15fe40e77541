"""`rftcore calibrate` for real: the random policy on a few tasks of TextCraft."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rftcore.executor import Tell
    from tests.cli.conftest import Done

Command = Callable[..., "Done"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_random_play_finds_short_plans_easier_than_long_ones(rftcore: Command) -> None:
    done = rftcore("calibrate", "textcraft", "--policy", "random", "--k", "4", "--tasks", "12", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    content = json.loads(Path(found["file"]).read_text())
    assert found["file"] == "calibration-textcraft-random.json"
    assert (found["policy"]["name"], found["k"], found["threshold"]) == ("random", 4, 0.5)
    assert {name: len(ids) for name, ids in content["easy"].items()} == found["easy"]
    assert {split: found["easy"][split] + found["hard"][split] for split in ("train", "test")} == {
        "train": 24,
        "test": 24,
    }
    rates = content["pass_rates"]
    means = [
        sum(rate for key, rate in rates.items() if key.startswith(f"textcraft/{level}/")) / 24
        for level in ("easy", "hard")
    ]
    assert means[0] > means[1] + 0.3
    assert found["pass_rate"] == pytest.approx(sum(means) / 2)
    again = rftcore("calibrate", "textcraft", "--policy", "random", "--k", "4", "--tasks", "12")
    assert [line.split()[:3] for line in again.out.splitlines()[1:5]] == [
        [name, split, str(found[name][split])] for name in ("easy", "hard") for split in ("train", "test")
    ]


def test_the_split_can_be_evaluated_on(rftcore: Command) -> None:
    made = rftcore(
        "calibrate", "textcraft", "--policy", "random", "--k", "2", "--tasks", "8", "--out", "s.json", "--seed", "1"
    )
    assert made.code == 2, "a seed is an override"
    made = rftcore(
        "calibrate", "textcraft", "--policy", "random", "--k", "2", "--tasks", "8", "--out", "s.json", "seed=1"
    )
    assert made.code == 0, made.err
    budget = ("evaluation.tasks=3", "evaluation.samples=1")
    done = rftcore(
        "evaluate",
        "--policy",
        "oracle",
        "--environment",
        "textcraft",
        "calibration.textcraft=s.json",
        *budget,
        "--json",
    )
    assert done.code == 0, done.err
    cells = json.loads(done.out)["cells"]
    assert [(cell["difficulty"], cell["avg_at_k"], cell["tasks"]) for cell in cells] == [
        ("easy", 1.0, 3),
        ("hard", 1.0, 3),
    ]


def test_a_threshold_that_leaves_a_difficulty_empty_says_so(rftcore: Command) -> None:
    done = rftcore("calibrate", "counting", "--policy", "oracle", "--k", "1")
    assert done.code == 0, done.err
    assert "no hard train and no hard test tasks: choose another --threshold" in done.out
    done = rftcore("evaluate", "--policy", "random", "--environment", "counting", f"calibration.counting={OUT}")
    assert done.code == 2
    assert "the calibration of counting has no hard train tasks" in done.err


OUT = "calibration-counting-oracle.json"


def test_a_calibration_of_something_else_is_neither_used_nor_replaced(rftcore: Command) -> None:
    assert rftcore("calibrate", "counting", "--policy", "oracle", "--k", "1", "--out", "c.json").code == 0
    done = rftcore("calibrate", "counting", "--policy", "random", "--k", "1", "--out", "c.json")
    assert done.code == 2
    assert "'c.json' holds another calibration, with other policy; choose another --out, or say --fresh" in done.err
    done = rftcore("evaluate", "--policy", "random", "--environment", "textcraft", "calibration.textcraft=c.json")
    assert done.code == 2
    assert "found a calibration of counting, expected one of textcraft" in done.err
    assert rftcore("calibrate", "counting", "--policy", "random", "--k", "1", "--out", "c.json", "--fresh").code == 0


def test_a_calibration_that_is_stopped_says_the_line_that_goes_on(
    rftcore: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*arguments: Any, report: Tell, **options: Any) -> None:
        report(1, 8, "")
        raise KeyboardInterrupt

    monkeypatch.setattr("rftcore.calibration.calibrate", stopped)
    done = rftcore("calibrate", "counting", "--policy", "oracle", "--k", "1", "--fresh", "--out", "my split.json")
    assert done.code == 130
    line = "rftcore calibrate counting --policy oracle --k 1 --out 'my split.json'"
    assert done.err.endswith(f"Stopped. What was played is kept. This line goes on:\n\n  {line}\n")


def test_who_is_neither_a_policy_nor_a_model_is_asked_for_by_name(rftcore: Command) -> None:
    done = rftcore("calibrate", "counting", "--policy", "oracel")
    assert done.code == 2
    assert "policy 'oracel' is not installed\n  did you mean 'oracle'?" in done.err
