"""Configurations from files, mappings and overrides: OmegaConf merges, pydantic decides, and every error says where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rftcore.compose import compose
from rftcore.errors import ConfigError
from rftcore.schemas.config import ExperimentConfig, StudyConfig


def experiment(*overrides: str, **fields: Any) -> ExperimentConfig:
    return compose(ExperimentConfig, {"train": "even", **fields}, overrides)


def test_overrides_are_dotted_keys_with_yaml_values() -> None:
    config = experiment(
        "learner.learning_rate=3e-4",
        "learner.lora={rank: 8}",
        "references=[]",
        "evaluation.environments=null",
        "environments.even.max_turns=2",
        'name="7"',
    )
    assert config.learner.learning_rate == 3e-4
    assert config.learner.lora is not None
    assert (config.learner.lora.rank, config.learner.lora.alpha) == (8, 32.0)
    assert (config.references, config.name, config.environments) == ((), "7", {"even": {"max_turns": 2}})


def test_the_last_of_two_overrides_holds() -> None:
    assert experiment("seed=1", "seed=2").seed == 2


@pytest.mark.parametrize("written", [{}, {"algorithm": "grpo"}, {"algorithm": {"name": "grpo"}}])
def test_an_override_of_one_option_keeps_the_name_of_the_component(written: dict[str, Any]) -> None:
    algorithm = experiment("algorithm.kl=0.1", **written).algorithm
    assert (algorithm.name, algorithm.options) == ("grpo", {"kl": 0.1})


@pytest.mark.parametrize("written", [{"name": "grpo", "kl": 0.1}, {"name": "grpo", "options": {"kl": 0.1}}])
def test_an_override_of_one_option_keeps_the_others(written: dict[str, Any]) -> None:
    assert experiment("algorithm.clip_low=0.3", algorithm=written).algorithm.options == {"kl": 0.1, "clip_low": 0.3}


def test_an_override_with_a_bare_name_takes_the_place_of_the_component() -> None:
    algorithm = experiment("algorithm=ppo", algorithm={"name": "grpo", "kl": 0.1}).algorithm
    assert (algorithm.name, algorithm.options) == ("ppo", {})


def test_what_is_trained_can_be_overridden_whole_or_in_part() -> None:
    assert experiment("train=a>b:hard").train.options == {"train": ["a", "b:hard"]}
    assert experiment("train=a+b", train={"name": "horizon", "train": "a"}).train.name == "mixture"
    assert experiment("train.updates=4").train.options == {"train": "even", "updates": 4}
    study = compose(StudyConfig, {"axes": {"transfer": ["a"]}}, ["axes.transfer=[b, c]", "axes.sequence=[a>b]"])
    assert [item.options["train"] for item in study.axes.transfer] == ["b", "c"]
    assert study.axes.sequence[0].name == "sequential"


def test_a_number_in_a_key_is_a_place_in_a_list() -> None:
    given = {"axes": {"difficulty": ["a:easy", {"name": "single", "train": "a:hard"}]}}
    study = compose(StudyConfig, given, ["axes.difficulty.0=b:easy", "axes.difficulty.1.updates=4"])
    assert [item.options for item in study.axes.difficulty] == [{"train": "b:easy"}, {"train": "a:hard", "updates": 4}]


@pytest.mark.parametrize("override", ["axes.difficulty.7=a", "axes.difficulty.first=a", "axes.difficulty={a: 1}"])
def test_a_place_that_a_list_does_not_have_is_a_sentence(override: str) -> None:
    with pytest.raises(ConfigError) as error:
        compose(StudyConfig, {"axes": {"difficulty": ["a"]}}, [override])
    assert str(error.value).startswith(f"override {override!r} cannot be applied: ")
    assert str(error.value).endswith("with the number of an item where it goes through a list, and a value in YAML")


def test_an_option_after_a_new_name_belongs_to_that_name() -> None:
    algorithm = experiment("algorithm=ppo", "algorithm.clip=0.3", algorithm={"name": "grpo", "kl": 0.1}).algorithm
    assert (algorithm.name, algorithm.options) == ("ppo", {"clip": 0.3})


def test_overrides_are_a_list() -> None:
    with pytest.raises(ConfigError, match=r"overrides: found the text 'seed=1', expected a list, such as \['seed=1'\]"):
        compose(ExperimentConfig, {"train": "even"}, "seed=1")


def test_interpolations_are_resolved(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("seed: 3\nname: seed-${seed}\ntrain: even\n")
    assert compose(ExperimentConfig, file, ["seed=4"]).name == "seed-4"


@pytest.mark.parametrize("override", ["training.updates", "=3", " =3", ""])
def test_an_override_of_another_form_is_named(override: str) -> None:
    with pytest.raises(ConfigError) as error:
        experiment(override)
    assert str(error.value) == f"override {override!r}: expected key=value, such as training.updates=20"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"train: [even\nseed: 1", "is not usable YAML"),
        (b"train: even\nseed: 1\nseed: 2", "is not usable YAML"),
        (b"train: even\n\tseed: 1", "is not usable YAML"),
        (b"train: even\nname: \xff\xfe", "is not usable YAML"),
        (b"train: even\nname: ${nowhere}", "is not usable YAML"),
        (b"train: even\nname: ???", "is not usable YAML"),
        (b"- train: even", "expected keys and values at the top level"),
        (b"just a word", "just a word: unknown key"),
        (b"", "train: missing; expected a value"),
        (b"3: 4\ntrain: even", "3: unknown key"),
    ],
)
def test_a_broken_file_is_a_sentence(tmp_path: Path, text: bytes, said: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_bytes(text)
    with pytest.raises(ConfigError) as error:
        compose(ExperimentConfig, file)
    assert said in str(error.value)
    assert "missing" in said or "unknown" in said or "broken.yaml" in str(error.value)


def test_a_file_that_is_not_there_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml cannot be read: No such file or directory"):
        compose(ExperimentConfig, tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        compose(ExperimentConfig, tmp_path)


@pytest.mark.parametrize("override", ["a=[1,", "seed=${nowhere}", "training=3", "seed=x"])
def test_a_value_that_cannot_be_is_named(override: str) -> None:
    with pytest.raises(ConfigError):
        experiment(override)
