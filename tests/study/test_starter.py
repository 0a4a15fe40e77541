"""The file that `rftcore init` writes is the experiment that it says, with and without its comment signs."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from pydantic import Field

from rftcore import Environment, Experiment, registry
from rftcore.options import describe
from rftcore.schemas.config import ExperimentConfig
from rftcore.schemas.frozen import Frozen
from rftcore.specs import EnvironmentSpec
from rftcore.starter import starter
from tests.study.conftest import Done


class Needy(Environment):
    """Has an option without a default."""

    class Config(Frozen):
        place: str = Field(min_length=1)
        """Where it is."""


def uncommented(text: str) -> str:
    """Take the comment sign from every key: words follow `# `, keys and what stands under them do not."""
    return re.sub(r"^#(?=\S|  )", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("change", [str, uncommented], ids=["as it is", "with every key"])
@pytest.mark.parametrize("train", ["even:easy", "even:easy>third", "even+third"])
def test_the_file_is_the_experiment_without_further_settings(
    train: str, change: Callable[[str], str], model: Path, tmp_path: Path
) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(change(starter(train, file.name)), encoding="utf-8")
    here = [f"model={model}"]
    assert Experiment(file, here).config == Experiment({"train": train}, here).config


def test_every_key_is_shown_with_its_default_and_its_meaning() -> None:
    text = starter("even", "experiment.yaml")
    found = yaml.safe_load(uncommented(text))
    assert found.keys() == ExperimentConfig.model_fields.keys()
    assert (found["train"], found["environments"]) == ("even", {"even": {"max_turns": 3}})
    assert "\n#environments:\n#  even:\n#    # Turns after which the rollout truncates.\n#    max_turns: 3\n" in text
    options = found["algorithm"]
    assert options.pop("name") == "grpo"
    assert options == {row["name"]: row["default"] for row in describe(registry.config("algorithm", "grpo"))}
    plain = ExperimentConfig.model_validate({"train": "even"}).model_dump(mode="json")
    for section in ("training", "learner", "sampling", "evaluation", "history"):
        assert found[section].items() >= plain[section].items(), section
    undocumented = [row["name"] for row in describe(ExperimentConfig) if not row["doc"]]
    assert undocumented == []


def test_what_an_option_without_a_default_needs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_added", {})
    registry.add(EnvironmentSpec(name="needy", target=f"{__name__}:Needy", summary="has to be told where it is"))
    lines = starter("needy", "experiment.yaml").splitlines()
    place = lines.index("#  needy: {}")
    assert lines[place + 1 : place + 3] == ["#    # Where it is.", "#    # place: has to be stated"]
    assert yaml.safe_load(uncommented("\n".join(lines)))["environments"] == {"needy": {}}


def test_a_file_that_is_there_is_overwritten_only_after_a_yes(
    rftcore: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = rftcore("init", "--train", "even:hard")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("\n  rftcore train experiment.yaml --dry-run\n")
    file = tmp_path / "experiment.yaml"
    written = file.read_text(encoding="utf-8")
    assert '\ntrain: "even:hard"\n' in written
    for answer, code, train in (("", 2, '"even:hard"'), ("n\n", 1, '"even:hard"'), ("y\n", 0, "third")):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        done = rftcore("init", "--train", "third")
        assert done.code == code
        assert "experiment.yaml is there already. Overwrite it?" in done.err
        assert ("nobody answered; name another file, or overwrite it: --fresh" in done.err) == (not answer)
        assert f"\ntrain: {train}\n" in file.read_text(encoding="utf-8")
    done = rftcore("init", "--train", "even:easy", "--fresh")
    assert (done.code, done.err) == (0, "")
    assert '\ntrain: "even:easy"\n' in file.read_text(encoding="utf-8")


def test_folders_on_the_way_are_made_and_a_file_in_the_way_is_named(
    rftcore: Callable[..., Done], tmp_path: Path
) -> None:
    assert rftcore("init", "new/sub/e.yaml").code == 0
    assert (tmp_path / "new" / "sub" / "e.yaml").is_file()
    done = rftcore("init", "new/sub/e.yaml/f.yaml")
    assert done.code == 2 and "'new/sub/e.yaml/f.yaml' cannot be written (" in done.err
    assert "expected a file, in folders that are there or are made" in done.err and "RFTCORE_DEBUG" not in done.err


def test_without_a_choice_it_is_the_first_environment_there_is(rftcore: Callable[..., Done], tmp_path: Path) -> None:
    assert rftcore("init", "mine.yaml").code == 0
    assert "\ntrain: even\n" in (tmp_path / "mine.yaml").read_text(encoding="utf-8")


def test_what_cannot_be_trained_on_is_an_error_and_writes_nothing(rftcore: Callable[..., Done], tmp_path: Path) -> None:
    done = rftcore("init", "--train", "evn")
    assert done.code == 2
    assert "environment 'evn' is not installed\n  did you mean 'even'?" in done.err
    assert rftcore("init", "--train", "even>").code == 2
    assert list(tmp_path.glob("*.yaml")) == []
