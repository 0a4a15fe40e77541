"""What a run is before it runs: every way to write it down has one id, and what changes a number changes that."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import chance  # type: ignore[import-not-found]
import pytest

from rftcore import ConfigError, Experiment, PluginError, Study, plugins, registry
from rftcore.specs import EnvironmentSpec
from rftcore.study import Evaluation
from tests.study.conftest import AXES, small

YAML = """
name: in-yaml
model: {model}
environments:
  even: {{max_turns: 2}}
algorithm: grpo
sampling: {{max_new_tokens: 3}}
train: even:easy>third
"""


def test_objects_in_python_and_a_file_with_overrides_are_one_run(model: Path, tmp_path: Path) -> None:
    from rftcore_grpo.algorithm import GRPO
    from rftcore_sequential.curricula import Sequential

    composed = Experiment(
        name="in-python",
        model=model,
        train=Sequential(train=["even:easy", "third"]),
        environments=[chance.Even(max_turns=2), "third"],
        algorithm=GRPO(kl=0.02),
        sampling={"max_new_tokens": 3},
        training={"updates": 7},
    )
    file = tmp_path / "experiment.yaml"
    file.write_text(YAML.format(model=model))
    written = Experiment(file, ["algorithm.kl=0.02", "training.updates=7"])
    assert composed.id == written.id
    assert composed.blueprint.plan == written.blueprint.plan
    assert (composed.config.name, written.config.name) == ("in-python", "in-yaml")


def test_a_study_from_fields_a_mapping_and_a_file_is_one_study(model: Path, tmp_path: Path) -> None:
    mapping = small(model, axes=AXES, held_out="installed")
    file = tmp_path / "study.json"
    file.write_text(json.dumps(mapping))  # JSON is YAML
    assert Study(mapping).id == Study(**mapping).id == Study(file).id == Study(str(file)).id


@pytest.mark.parametrize(
    "override",
    [
        "name=other",
        "executor={name: processes, workers: 3}",
        "executor=inline",
    ],
)
def test_the_name_and_the_executor_are_no_part_of_the_id(model: Path, override: str) -> None:
    config = small(model, axes=AXES)
    assert Study(config, [override]).id == Study(config).id


def test_where_a_model_lies_is_no_part_of_the_id_but_its_weights_are(model: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(model)
    other = tmp_path / "other"
    other.mkdir()
    for file in model.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    same = Study(small(model, axes=AXES)).id
    assert Study(small(tmp_path / "link", axes=AXES)).id == Study(small(other, axes=AXES)).id == same
    weights = other / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert Study(small(other, axes=AXES)).id != same


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "training.updates=4",
        "learner.learning_rate=0.02",
        "learner.schedule=linear",
        "learner.warm_up=2",
        "algorithm.clip_high=0.3",
        "environments.even.max_turns=2",
        "evaluation.samples=3",
        "references=[random]",
        "axes.transfer=[even]",
        "sampling.temperature=0.9",
        "format=react",
    ],
)
def test_everything_that_can_change_a_number_changes_the_id(model: Path, override: str) -> None:
    config = small(model, axes=AXES)
    assert Study(config, [override]).id != Study(config).id


def test_the_resolved_configuration_has_every_default(model: Path) -> None:
    study = Study(small(model, axes=AXES, environments={}))
    assert study.config.environments == {"even": {"max_turns": 3}, "third": {"max_turns": 3}}
    assert study.config.algorithm.options["clip_low"] == 0.2
    assert study.config.sampler.options == {"slots": 64, "max_context": 2048}
    assert study.config.metrics[0].name == "generalization"
    assert study.config.axes.sequence[0].options == {"train": ["even:easy", "third"], "updates": None}  # type: ignore[attr-defined]
    assert Study(study.config).id == study.id  # a resolved configuration is a fixed point


def test_options_at_their_defaults_that_came_later_leave_the_id_of_earlier_runs_alone(model: Path) -> None:
    study = Study(small(model, axes=AXES), ["learner.schedule=constant", "learner.warm_up=0"])
    assert study.id == Study(small(model, axes=AXES)).id
    assert set(study.config.model_dump(mode="json")["learner"]) == {
        "learning_rate",
        "weight_decay",
        "max_grad_norm",
        "minibatches",
        "micro_tokens",
        "lora",
    }


def test_one_trajectory_a_task_is_enough_where_none_are_compared(model: Path) -> None:
    study = Study(small(model, axes=AXES, algorithm="reinforce", training={"samples": 1}))
    assert study.config.training.samples == 1


def test_published_figures_change_no_number_and_so_not_the_id(model: Path) -> None:
    figure = {"train": "even", "environment": "held-in", "change": 0.5}
    plain = small(model, axes={"transfer": ["even"]})
    assert Study({**plain, "published": {"source": "a paper", "figures": [figure]}}).id == Study(plain).id


def test_an_evaluation_takes_every_installed_environment_unless_some_are_named(model: Path) -> None:
    assert Evaluation(small(model, environments={})).config.environments.keys() == {"even", "third"}
    assert Evaluation(small(model)).config.environments.keys() == {"even"}


class Announced(chance.Even):  # type: ignore[misc, name-defined]
    name = "announced"


def test_a_class_that_was_announced_may_be_live(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_added", {})
    registry.add(EnvironmentSpec(name="announced", target=f"{__name__}:Announced", summary=""))
    experiment = Experiment(small(model, train="announced", environments={"announced": {}}))
    assert Experiment(**small(model, train="announced", environments=[Announced()])).id == experiment.id


def test_the_order_of_the_environments_is_no_part_of_the_id(model: Path) -> None:
    one, other = (
        Study(small(model, axes={"transfer": ["even"]}, environments={name: {} for name in names}))
        for names in (("even", "third"), ("third", "even"))
    )
    assert one.id == other.id


def test_planning_a_study_of_the_real_environments_imports_neither_torch_nor_the_worlds(model: Path) -> None:
    """They would cost seconds, in every dry run too."""
    code = """
import json, sys, time
from rftcore import Study
model = sys.argv[1]
start = time.process_time()
study = Study(model=model, axes={"transfer": ["textcraft", "babyai"]})
seconds = time.process_time() - start
heavy = {"torch", "transformers", "minigrid"} & set(sys.modules)
print(json.dumps([seconds, len(study.blueprint.plan.cells), sorted(heavy)]))
"""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RFTCORE_BLOCK")
        patch.delenv("RFTCORE_PLUGIN_FILES")
        done = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=True)
    seconds, cells, heavy = json.loads(done.stdout)
    assert heavy == []
    assert cells == (3 + 2) * 4
    assert seconds < 3  # about 0.7 on an idle core


def test_examples_in_the_prompt_make_another_run_and_without_them_it_is_the_one_it_always_was(model: Path) -> None:
    plain, shown = (Experiment(small(model, train="even:easy", shots=count)) for count in (0, 2))
    assert "shots" not in plain.blueprint.record()["config"]
    assert plain.id == Experiment(small(model, train="even:easy")).id
    assert shown.id != plain.id
    assert shown.blueprint.plan.stages[0].key != plain.blueprint.plan.stages[0].key


def test_an_evaluation_needs_no_algorithm_and_says_which_metric_to_install(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing learns in it; but what it finds is told with intervals, and those are a metric's."""
    played = small(model, policy="random")
    before = Evaluation(played)
    left = [plugin for plugin in plugins.installed() if plugin.dist != "rftcore-grpo"]
    monkeypatch.setattr(plugins, "_found", left)
    assert Evaluation(played).id == before.id
    assert not [name for name in before.blueprint.plan.specs if name.startswith("algorithm/")]
    with pytest.raises(PluginError, match="pip install rftcore-grpo"):
        Experiment(small(model, train="even:easy"))
    with pytest.raises(PluginError, match="algorithm 'grpu' is not installed"):
        Evaluation({**played, "algorithm": "grpu"})
    monkeypatch.setattr(plugins, "_found", [plugin for plugin in left if plugin.dist != "rftcore-generalization"])
    with pytest.raises(PluginError, match="pip install rftcore-generalization"):
        Evaluation(played)


def test_where_no_environment_is_installed_an_evaluation_says_how_to_get_one(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RFTCORE_PLUGIN_FILES")
    monkeypatch.setattr(plugins, "_found", None)
    with pytest.raises(ConfigError, match="where none is installed: pip install rftcore-textcraft, for instance"):
        Evaluation({**small(model, policy="random"), "environments": {}})
