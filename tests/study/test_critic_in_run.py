"""A run with a critic: values reach the credit in the shape of the turns, and a killed run resumes with the critic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rftcore import Experiment
from rftcore.checkpoint import verify
from rftcore.errors import ConfigError
from rftcore.models import fingerprint
from rftcore.records import RunFolder, read_lines
from rftcore.train import engine
from rftcore_ppo.algorithm import PPO
from tests.study.conftest import in_child, kill_myself, report_of, small

Differences = Callable[[Any, Any], list[str]]


def config_of(model: Path, **changes: Any) -> dict[str, Any]:
    base = {"train": "even", "references": [], "evaluation": {"tasks": 2, "samples": 1, "environments": ["even"]}}
    return small(model, **base | {"algorithm": "ppo"} | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"algorithm": {"name": "ppo", "critic": {"model": "start"}, "kl": 0.1, "kl_target": 0.01, "entropy": 0.01}},
        {"learner": {"learning_rate": 0.01, "lora": {"rank": 2}, "minibatches": 2}},
    ],
    ids=["head", "own+adaptive", "lora"],
)
def test_a_run_with_a_critic_killed_between_updates_resumes_to_the_numbers_of_one_that_was_not(
    changes: dict[str, Any], model: Path, tmp_path: Path, differences: Differences
) -> None:
    experiment = Experiment(config_of(model, **changes))
    experiment.run(tmp_path / "whole")
    plain = engine.Engine.update

    def killed() -> None:
        calls = []

        def update(*arguments: Any, **options: Any) -> Any:
            calls.append(1)
            if len(calls) == 3:
                kill_myself()
            return plain(*arguments, **options)

        engine.Engine.update = update
        experiment.run(tmp_path / "killed")

    assert in_child(killed) == -9
    folder = RunFolder(tmp_path / "killed/small")
    (node,) = experiment.blueprint.plan.stages
    resume = folder.stage(node.key) / "resume"
    assert (resume / "critic.safetensors").is_file()
    verify(resume)
    names = [path.name for path in resume.iterdir()]
    assert len([name for name in names if name.endswith("model.safetensors")]) == 1
    experiment.run(tmp_path / "killed")
    assert differences(report_of(folder.path), report_of(tmp_path / "whole/small")) == []
    lines = [
        read_lines(RunFolder(tmp_path / run / "small").stage(node.key) / "updates.jsonl") for run in ("whole", "killed")
    ]
    for one, other in zip(*lines, strict=True):
        assert {**one, "update_seconds": 0} == {**other, "update_seconds": 0}
    assert len({line["value"] for line in lines[0]}) == 3
    if "kl_target" in str(changes):
        assert len({line["kl_coefficient"] for line in lines[0]}) == 3
    assert not (folder.stage(node.key) / "checkpoint/critic.safetensors").exists()


def test_values_reach_the_credit_before_the_update_one_for_each_sampled_token(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[float]] = []
    plain = PPO.credit

    def credit(self: PPO, groups: Any, *, values: Any, reference: Any) -> Any:
        seen.append([value for of_group in values for own in of_group for turn in own for value in turn])
        for group, of_group in zip(groups, values, strict=True):
            for trajectory, own in zip(group.usable, of_group, strict=True):
                assert [len(turn) for turn in own] == [len(turn.token_ids) for turn in trajectory.turns]
        return plain(self, groups, values=values, reference=reference)

    monkeypatch.setattr(PPO, "credit", credit)
    Experiment(config_of(model)).run(tmp_path)
    assert set(seen[0]) == {0.0}
    assert len(set(seen[2])) > 10


def test_a_critic_that_is_no_model_is_refused_before_anything_runs(model: Path, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"algorithm\.critic\.model: there is no folder '.*nowhere'"):
        Experiment(config_of(model, algorithm={"name": "ppo", "critic": {"model": nowhere}}))


def test_only_an_algorithm_with_a_critic_has_options_for_one(model: Path) -> None:
    with pytest.raises(ConfigError, match=r"algorithm\.critic: unknown key"):
        Experiment(config_of(model, algorithm={"name": "grpo", "critic": {"model": "start"}}))


def test_a_critic_beside_a_model_is_no_part_of_what_identifies_it(model: Path) -> None:
    before = fingerprint(str(model))
    try:
        (model / "critic.safetensors").write_bytes(b"a head")
        assert fingerprint(str(model)) == before
    finally:
        (model / "critic.safetensors").unlink()
