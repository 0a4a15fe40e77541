"""A whole experiment in two launched processes: they do together what one does, and one of them writes."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from rftcore import ConfigError, Experiment, launch, registry
from rftcore.records import RunFolder, read_groups, read_json, read_lines
from rftcore.specs import AlgorithmSpec
from rftcore_grpo.algorithm import GRPO
from tests.specimens.launched import launch_environment, launched
from tests.study.conftest import report_of, small

PENALIZED = {"name": "reinforce_pp", "kl": 0.05}


def config(model: Path, **changes: Any) -> dict[str, Any]:
    validation = {"tasks": 2, "samples": 2, "every": 1, "checkpoint": "best"}
    training = {"updates": 2, "groups": 3, "samples": 4, "checkpoint_every": 1, "validation": validation}
    return small(
        model,
        train="even:easy>third:easy",
        training=training,
        evaluation={"tasks": 3, "samples": 2, "environments": ["even"]},
        references=["random"],
        **changes,
    )


def command(arguments: list[str], told: Path) -> int:
    """Run `rftcore ARGUMENTS` in a launched process, which prints into `told/RANK`; return the exit code."""
    from rftcore.cli import main

    place = told / str(launch.rank())
    with place.open("w") as sys.stdout, place.with_suffix(".errors").open("w") as sys.stderr:
        sys.argv = ["rftcore", *arguments]
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


def texts(cell: Path) -> list[list[str]]:
    """What was said in the trajectories of a cell."""
    return [[turn.text for turn in each.turns] for group in read_groups(cell) for each in group.usable]


@pytest.mark.parametrize(
    ("launch_file", "changes"),
    [
        (None, {"algorithm": PENALIZED}),
        ("fsdp2.yaml", {"algorithm": {"name": "ppo", "kl": 0.05}}),
        ("fsdp2.yaml", {"algorithm": PENALIZED, "learner": {"lora": {"rank": 2}, "learning_rate": 0.01}}),
    ],
    ids=["whole weights", "split weights and a critic", "split weights and adapters"],
)
def test_two_processes_do_together_what_one_does(
    launch_file: str | None, changes: dict[str, Any], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "experiment.json"
    file.write_text(json.dumps(config(model, **changes)))
    for name, value in launch_environment(launch_file).items() if launch_file else ():
        monkeypatch.setenv(name, value)
    codes = launched(command, ["train", str(file), "--runs", str(tmp_path / "two")], tmp_path)
    assert codes == [0, 0], (tmp_path / "0.errors").read_text() + (tmp_path / "1.errors").read_text()
    assert "report.html" in (tmp_path / "0").read_text()
    assert (tmp_path / "1").read_text() == ""
    experiment = Experiment(config(model, **changes))
    experiment.run(tmp_path / "one")
    one, two = (RunFolder(tmp_path / name / "small") for name in ("one", "two"))
    for node in experiment.blueprint.plan.stages:
        alone, together = (read_lines(run.stage(node.key) / "updates.jsonl") for run in (one, two))
        assert [line["groups"] for line in together] == [line["groups"] for line in alone]
        assert any(line["rows"] > 0 for line in together)
        for told, expected in zip(together, alone, strict=True):
            numbers = {key: value for key, value in expected.items() if isinstance(value, float | int)}
            del numbers["update_seconds"]
            assert {key: told[key] for key in numbers} == pytest.approx(numbers, rel=1e-3, abs=1e-5)
    for cell in experiment.blueprint.plan.cells:
        assert texts(two.cell(cell.key)) == texts(one.cell(cell.key))
    report = report_of(two.path)
    assert report["summary"] == report_of(one.path)["summary"]
    ended = {job["label"]: job for job in read_json(two.path / "progress.json")["ended"]}
    for cell in [*report["axes"]["sequence"], *report["references"]]:
        job = ended[f"evaluate {cell['train']} on {cell['environment']}:{cell['difficulty']}"]
        figures = [cell["avg_at_k"], cell["ci_low"], cell["ci_high"]]
        assert [job["success"], job["ci_low"], job["ci_high"]] == pytest.approx(figures)
        assert job["remark"] == "success {:.2f} ({:.2f} to {:.2f})".format(*figures)


def test_jobs_side_by_side_are_refused_among_launched_processes(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"MASTER_ADDR": "localhost", "MASTER_PORT": "1", "WORLD_SIZE": "2", "RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=r"executor: found 'processes', expected 'inline' where 2 processes"):
        Experiment(config(model), ["executor=processes"]).run(tmp_path)


def test_a_loss_that_is_not_finite_in_one_process_is_an_error_in_all(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_added", {})
    registry.add(
        AlgorithmSpec(name="lonely", target=f"{__name__}:Lonely", loss=f"{__name__}:lonely_loss", summary="a specimen")
    )
    file = tmp_path / "experiment.json"
    file.write_text(json.dumps(config(model) | {"algorithm": "lonely"}))
    assert launched(command, ["train", str(file), "--runs", str(tmp_path / "two")], tmp_path) == [2, 2]
    for rank in range(2):
        said = " ".join((tmp_path / f"{rank}.errors").read_text().split())
        assert "the loss is nan, because of even/easy/train/" in said


class Lonely(GRPO):
    name = "lonely"


def lonely_loss(*, logprobs: torch.Tensor, tokens: int, **rest: Any) -> tuple[torch.Tensor, dict[str, float]]:
    """Fail in the second process only."""
    return logprobs.sum() / tokens * (math.nan if launch.rank() else 1.0), {}
