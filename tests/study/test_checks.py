"""What could not run is refused before anything runs, and everything that is wrong is said at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import chance  # type: ignore[import-not-found]
import pytest

from rftcore import ConfigError, Experiment, PluginError, RftError, Study, registry
from rftcore.blueprint import settings
from rftcore.plugin import Plugin
from rftcore.schemas.config import ExperimentConfig
from rftcore.specs import EnvironmentSpec
from rftcore.study import Evaluation
from tests.study.conftest import CHANCE, small


def said(kind: type[Study], error: type[RftError] = ConfigError, **fields: Any) -> list[str]:
    with pytest.raises(error) as caught:
        kind({**small(), **fields})
    return str(caught.value).splitlines()


def test_every_wrong_key_of_the_schema_is_named_with_its_path() -> None:
    lines = said(
        Study,
        axes={"difficulty": ["even"], "transfr": []},
        learner={"learning_rte": 1e-4},
        training={"updates": 0, "groups": "many"},
        evaluation={"tasks": 1},
        held_out="all",
    )
    assert lines[0] == "6 options are wrong:"
    assert sorted(line.strip() for line in lines[1:]) == [
        "axes.transfr: unknown key; did you mean 'transfer'?",
        "evaluation.tasks: found 1, expected greater than or equal to 2",
        "held_out: found 'all', expected 'installed' or 'listed'",
        "learner.learning_rte: unknown key; did you mean 'learning_rate'?",
        "training.groups: found 'many', expected a valid integer, unable to parse string as an integer",
        "training.updates: found 0, expected greater than or equal to 1",
    ]


def test_everything_that_is_wrong_with_the_components_is_said_at_once() -> None:
    lines = said(
        Study,
        axes={"difficulty": [{"name": "single", "train": "even", "updats": 2}], "sequence": ["even>even>"]},
        algorithm={"name": "grpo", "clip_lo": 0.1},
        environments={"even": {"max_turn": 3}, "thrid": {}},
        executor={"name": "processes", "workers": 0},
        format="yaml",
    )
    text = "\n".join(lines)
    assert "axes.difficulty.0.updats: unknown key; did you mean 'updates'?" in text
    assert "algorithm.clip_lo: unknown key; did you mean 'clip_low'?" in text
    assert "environments.even.max_turn: unknown key; did you mean 'max_turns'?" in text
    assert "environment 'thrid' is not installed\n  did you mean 'third'?" in text
    assert "executor.workers: found 0, expected greater than or equal to 1" in text
    assert "cannot read ''; expected 'environment'" in text
    assert "format: found 'yaml', expected one of" in text


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        ({"algorithm": "grop"}, ["did you mean 'grpo'?"]),
        ({"train": "webshp"}, ["environment 'webshp' is not installed", "pip install rftcore-webshop"]),
        ({"train": {"name": "easy_to_hrd", "environment": "even"}}, ["did you mean 'easy_to_hard'?"]),
        ({"executor": "proceses"}, ["did you mean 'processes'?"]),
        ({"metrics": ["general"]}, ["metric 'general' is not installed"]),
    ],
)
def test_an_unknown_name_says_what_to_type(model: Path, fields: dict[str, Any], parts: list[str]) -> None:
    lines = said(Experiment, PluginError, **{"model": str(model), "train": "even", **fields})
    for part in parts:
        assert part in "\n".join(lines)


def test_an_unknown_reference_policy_says_what_there_is(model: Path) -> None:
    lines = said(Experiment, PluginError, model=str(model), train="even", references=["expert"])
    assert "policy 'expert' is not installed" in lines[0]
    assert "oracle" in lines[-1]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train": "even:medium"}, "even has no difficulty 'medium'; expected one of easy, hard"),
        ({"train": "Even"}, "cannot read 'Even'; expected 'environment' or 'environment:difficulty'"),
        ({"train": "even", "sampling": {"temperature": 0}}, "sampling.temperature: found 0.0"),
        ({"train": "even", "evaluation": {"environments": ["third"]}}, "environment 'third' is not among those"),
        ({"train": "even", "evaluation": {"environments": []}}, "there is no environment to evaluate in"),
        ({"train": "even", "model": "rftcore/none"}, "'rftcore/none' is not installed; try 'pip install rftcore-none'"),
        ({"train": "even", "model": "./none"}, "model: there is no folder './none'"),
        ({"train": "even", "model": str(CHANCE.parent)}, "holds no config.json"),
        ({"train": "even", "name": "a/b"}, "name: found 'a/b'"),
        ({"train": "even+even"}, "even occurs more than once in one stage"),
        (
            {"train": "even", "training": {"samples": 1}},
            "training.samples: found 1, expected 2 at least with algorithm 'grpo', which compares the trajectories of "
            "one task with each other; algorithms that do not: imitation, ppo, reinforce",
        ),
        ({"train": "even", "dtype": "float16"}, "dtype: found 'float16', expected 'float32' or 'bfloat16' where all"),
        (
            {"train": "even", "learner": {"warm_up": 3}, "training": {"updates": 3}},
            "learner.warm_up: found 3, expected less than the 3 updates of stage 'even'",
        ),
    ],
)
def test_what_cannot_run_is_refused_before_anything_runs(model: Path, fields: dict[str, Any], message: str) -> None:
    assert message in "\n".join(said(Experiment, **{"model": str(model), **fields}))


@pytest.mark.parametrize("axes", [{}, {"difficulty": []}, {"transfer": [], "sequence": []}])
def test_a_study_without_anything_to_train_is_refused(axes: dict[str, Any]) -> None:
    assert said(Study, axes=axes) == [
        f"axes: found {axes!r}, expected something to train under difficulty, transfer or sequence"
    ]


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ({"train": "odd", "environment": "even", "value": 0.5}, "figures.0.train: found 'odd', expected one of base"),
        ({"train": "even", "environment": "odd", "value": 0.5}, "figures.0.environment: found 'odd', expected held-in"),
        (
            {"train": "even", "environment": "even", "difficulty": "vile", "value": 0.5},
            "figures.0.difficulty: found 'vile', expected easy or hard",
        ),
        ({"train": "even", "environment": "even"}, "a value or a change"),
    ],
)
def test_a_published_figure_has_to_stand_beside_one_of_the_study(
    model: Path, figure: dict[str, Any], message: str
) -> None:
    published = {"source": "a paper", "figures": [figure]}
    found = said(Study, model=str(model), axes={"transfer": ["even"]}, published=published)
    assert message in "\n".join(found)


def test_a_study_without_axes_is_refused() -> None:
    assert said(Study) == ["axes: missing; expected a value"]


def test_fields_beside_a_configuration_are_refused_and_not_ignored() -> None:
    with pytest.raises(ConfigError, match="found both a configuration and seed, training; write those as overrides"):
        settings(ExperimentConfig, {"train": "even"}, [], seed=1, training={})


def test_two_environments_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="environments: found two of one name"):
        Experiment(train="even", environments=["even", "even"])


def test_a_live_component_of_a_class_of_ones_own_is_refused_and_never_replaced() -> None:
    from rftcore_grpo.algorithm import GRPO
    from rftcore_sequential.curricula import Single

    class Mine(chance.Even):  # type: ignore[misc]
        pass

    class Bold(GRPO):
        pass

    class Other(Single):
        name = "other"

    for fields, kind, name, says in (
        ({"environments": [Mine()]}, "environment", "Mine", "the name 'even' stands for chance:Even, which would run"),
        ({"algorithm": Bold()}, "algorithm", "Bold", "stands for rftcore_grpo.algorithm:GRPO, which would run in its"),
        ({"train": Other(train="even")}, "curriculum", "Other", "with the name 'other', which nobody has announced"),
    ):
        with pytest.raises(ConfigError) as error:
            Experiment(**{"train": "even", **fields})  # type: ignore[arg-type]
        assert str(error.value).startswith(f"{kind}: found an instance of {__name__}:")
        assert says in str(error.value)
        assert f"registry.add({kind.capitalize()}Spec(name=..., target='{__name__}:" in str(error.value)
        assert name in str(error.value)
    with pytest.raises(ConfigError, match="stands for rftcore_sequential"):
        Study(axes={"transfer": [type("Copy", (Single,), {})(train="even")]})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"metrics": []}, "metrics: none of them (the list is empty) summarizes a study, so there would be no report"),
        ({"references": ["random", "replay"]}, "references.1.file: missing; expected a value"),
        ({"training": {"updates": True}}, "training.updates: found True, expected a number"),
        ({"learner": {"learning_rate": True}}, "learner.learning_rate: found True, expected a number"),
        ({"algorithm": {"name": "grpo", "kl": True}}, "algorithm.kl: found True, expected a number"),
    ],
)
def test_what_would_fail_after_the_training_is_refused_before_it(
    model: Path, fields: dict[str, Any], message: str
) -> None:
    assert message in "\n".join(said(Experiment, **{"model": str(model), "train": "even", **fields}))


def test_wrong_keys_of_the_schema_and_of_plugins_are_said_together() -> None:
    lines = said(
        Study,
        axes={"difficulty": [{"name": "single", "train": "even", "updats": 2}]},
        algorithm={"name": "grpo", "clip_lo": 0.1},
        environments={"even": {"max_turn": 3}},
        trainin={},
    )
    assert lines == [
        "trainin: unknown key; did you mean 'training'?",
        "algorithm.clip_lo: unknown key; did you mean 'clip_low'?",
        "axes.difficulty.0.updats: unknown key; did you mean 'updates'?",
        "environments.even.max_turn: unknown key; did you mean 'max_turns'?",
    ]


def test_an_algorithm_that_asks_for_a_reference_without_saying_so_is_refused(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(kind: str, name: str, real: Any = registry.spec) -> Any:
        return replace(real(kind, name), needs_reference=False) if kind == "algorithm" else real(kind, name)

    config = small(model, train="even", algorithm={"name": "grpo", "kl": 0.1})
    Experiment(config)
    monkeypatch.setattr(registry, "spec", changed)
    with pytest.raises(PluginError, match="pulls to the start policy, but its spec does not say so"):
        Experiment(config)


def test_an_installed_environment_that_nobody_named_can_be_left_out(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_added", {})
    registry.add(EnvironmentSpec(name="gone", target="no_such_module:Gone", summary=""))
    config = small(model, axes={"transfer": ["even"]})
    assert list(Study(config).config.environments) == ["even"]
    with pytest.raises(PluginError) as error:
        Study({**config, "held_out": "installed"})
    assert "environment 'gone' of this process cannot be imported: ModuleNotFoundError" in str(error.value)
    assert str(error.value).endswith(
        "it is here because every installed environment was asked for; name the wanted ones: held_out=listed"
    )
    packaged = Plugin(name="gone", dist="rftcore-gone", version="1.0", status="ok")
    monkeypatch.setattr(registry, "owner", lambda kind, name: packaged)
    with pytest.raises(PluginError, match="leave it out with RFTCORE_BLOCK=rftcore-gone, or name the wanted ones"):
        Study({**config, "held_out": "installed"})
    with pytest.raises(PluginError, match=r"name the wanted ones: environments \(--environment\)"):
        Evaluation(small(model, environments={}))


def test_more_examples_than_there_are_solved_tasks_are_refused_before_anything_runs(model: Path) -> None:
    with pytest.raises(ConfigError, match=r"shots: found 8, but the expert of even solves 8 train tasks, and 9 are"):
        Experiment(small(model, train="even:easy", shots=8))
