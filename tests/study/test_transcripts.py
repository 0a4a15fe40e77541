"""Trajectories as conversations: what the run's model would have been shown, in files that others read."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from rftcore import ConfigError, RunError
from rftcore.records import RunFolder, read_groups
from rftcore.study import Evaluation, Experiment
from rftcore.transcripts import export_trajectories
from tests.study.conftest import Done, small


def evaluated(runs: Path, policy: str, **changes: Any) -> RunFolder:
    Evaluation(small(policy=policy, evaluation={"tasks": 2, "samples": 2}, **changes)).run(runs)
    return RunFolder(runs / "small")


@pytest.fixture(scope="module")
def recorded(model: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run that kept what it trained on."""
    from tests.study.conftest import small_world

    runs = tmp_path_factory.mktemp("recorded")
    with small_world():
        Experiment(small(model, train="even:easy", references=[]), ["training.record=true"]).run(runs)
    return RunFolder(runs / "small")


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in file.read_text(encoding="utf-8").split("\n") if text]


def test_an_episode_is_a_conversation_in_the_prompt_format_of_the_run(tmp_path: Path) -> None:
    run = evaluated(tmp_path, "oracle", format="react", shots=1)
    assert export_trajectories(run, tmp_path / "out.jsonl", "test") == 8
    rows = read(tmp_path / "out.jsonl")
    hard = next(row for row in rows if row["task"] == "even/hard/test/0")
    system, *turns = hard.pop("messages")
    assert system["role"] == "system"
    assert system["content"].startswith("Answer.\nAnswer with your reasoning after 'Thought:'")
    shown = [("user", "even 0\u2028"), ("assistant", "Action: f")]
    played = [("user", "even 2\u2028"), ("assistant", "Action: f"), ("user", "again"), ("assistant", "Action: f")]
    assert [(turn["role"], turn["content"]) for turn in turns] == shown + played
    assert hard == {
        "player": "oracle",
        "environment": "even",
        "difficulty": "hard",
        "split": "test",
        "task": "even/hard/test/0",
        "sample": 0,
        "turns": 2,
        "return": 1.0,
        "success": True,
        "status": "completed",
    }


def test_parquet_holds_the_same_rows(tmp_path: Path) -> None:
    run = evaluated(tmp_path, "random")
    assert export_trajectories(run, tmp_path / "out.jsonl", "test") == 8
    there = tmp_path / "new" / "sub" / "out.parquet"  # in folders that are made for it
    assert export_trajectories(run, there, "test") == 8
    assert parquet.read_table(there).to_pylist() == read(tmp_path / "out.jsonl")


def test_what_was_trained_on_is_exported_from_a_run_that_kept_it(recorded: RunFolder, tmp_path: Path) -> None:
    played = [
        trajectory
        for file in sorted(recorded.path.glob("stages/*/trajectories/*.jsonl"))
        for group in read_groups(file)
        for trajectory in group.usable
    ]
    assert export_trajectories(recorded, tmp_path / "all.jsonl", "train") == len(played) == 36
    rows = read(tmp_path / "all.jsonl")
    assert {(row["player"], row["split"]) for row in rows} == {("even:easy", "train")}
    answers = [[turn["content"] for turn in row["messages"] if turn["role"] == "assistant"] for row in rows]
    assert answers == [[turn.text for turn in trajectory.turns] for trajectory in played]
    won = sum(trajectory.success for trajectory in played)
    assert 0 < won < 36
    assert export_trajectories(recorded, tmp_path / "won.jsonl", "train", successful=True) == won
    assert all(row["success"] for row in read(tmp_path / "won.jsonl"))


def test_one_checkpoint_may_be_chosen(recorded: RunFolder, tmp_path: Path) -> None:
    assert export_trajectories(recorded, tmp_path / "base.jsonl", "test", player="base") == 12
    assert {row["player"] for row in read(tmp_path / "base.jsonl")} == {"base"}
    with pytest.raises(ConfigError, match="found 'bse', but the test trajectories of small are of base, even:easy"):
        export_trajectories(recorded, tmp_path / "other.jsonl", "test", player="bse")


def test_what_cannot_be_written_is_an_error_that_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = evaluated(tmp_path, "random")
    with pytest.raises(RunError, match=r"no trajectory on its train tasks; .* with training.record=true"):
        export_trajectories(run, tmp_path / "a.jsonl", "train")
    with pytest.raises(ConfigError, match=r"expected a file that ends in \.jsonl or \.parquet"):
        export_trajectories(run, tmp_path / "a.csv", "test")
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(ConfigError, match=r"pip install 'rftcore\[parquet\]'"):
            export_trajectories(run, tmp_path / "a.parquet", "test")
    with pytest.raises(RunError, match=r"cannot be written: .*; choose another place"):
        export_trajectories(run, run.path / "run.json" / "a.jsonl", "test")
    assert {path.name for path in tmp_path.iterdir()} == {"small"}
    (tmp_path / "a.jsonl").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="expected a file that is not there yet"):
        export_trajectories(run, tmp_path / "a.jsonl", "test")


def test_the_command_writes_conversations_and_refuses_options_of_a_checkpoint(
    rftcore: Callable[..., Done], tmp_path: Path
) -> None:
    evaluated(tmp_path / "runs", "oracle")
    done = rftcore("export", "small", "--trajectories", "test", "--successful", "--out", "won.jsonl")
    assert (done.code, done.out) == (0, "8 conversations in won.jsonl\n")
    assert len(read(tmp_path / "won.jsonl")) == 8
    for wrong, told in (
        (("--trajectories", "test", "--merge"), "--merge: found it for trajectories"),
        (("--successful",), "--successful: found it for a checkpoint"),
        (("--trajectories", "tests"), "--trajectories: found 'tests', expected train or test"),
    ):
        done = rftcore("export", "small", *wrong, "--out", "x.jsonl")
        assert (done.code, told in done.err) == (2, True), done.err
