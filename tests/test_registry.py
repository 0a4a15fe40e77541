"""Names: one answer, or an error that says what to type next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rftcore import registry
from rftcore.errors import ConfigError, PluginError
from rftcore.specs import EnvironmentSpec, PolicySpec
from rftcore.template import Package, write

if TYPE_CHECKING:
    from tests.conftest import Site

ASK = """
import json, sys
from rftcore import registry
from rftcore.errors import RftError
answers = []
for kind, name in json.loads(sys.argv[1]):
    try:
        answers.append(registry.resolve(kind, name).__name__)
    except RftError as error:
        answers.append(f"{type(error).__name__}: {error}")
print(json.dumps([registry.names("environment"), answers]))
"""

QUESTIONS = {
    "found": ("environment", "counting"),
    "twin": ("environment", "twin"),
    "other name of a twin": ("environment", "castor"),
    "near": ("environment", "countign"),
    "failed": ("environment", "no-import"),
    "incompatible": ("metric", "future"),
    "other kind": ("sampler", "oracle"),
    "strange": ("curriculum", "xyzzy"),
    "no class": ("environment", "uncounted"),
    "function": ("environment", "function"),
    "needy": ("algorithm", "needy"),
}


@pytest.fixture(scope="module")
def told(broken_site: Site) -> tuple[list[str], dict[str, str]]:
    done = broken_site.run("-c", ASK, json.dumps(list(QUESTIONS.values())))
    assert done.returncode == 0, done.stderr
    names, answers = json.loads(done.stdout)
    return names, dict(zip(QUESTIONS, answers, strict=True))


@pytest.fixture
def answers(told: tuple[list[str], dict[str, str]]) -> dict[str, str]:
    return told[1]


class Bare:
    """An environment, to look at, that derives from nothing."""


@pytest.mark.parametrize("ask", [registry.config, registry.create])
def test_a_class_without_options_is_the_plugins_fault(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_added", {})
    registry.add(EnvironmentSpec(name="bare", target=f"{__name__}:Bare", summary=""))
    with pytest.raises(PluginError, match=r"'bare' of this process: '.*:Bare' has no options; expected a nested class"):
        ask("environment", "bare")


def test_one_name_is_one_class(answers: dict[str, str]) -> None:
    assert answers["found"] == "Counting"


def test_names_are_those_that_can_be_asked_for(told: tuple[list[str], dict[str, str]]) -> None:
    names = told[0]
    assert {"castor", "counting", "pollux"} <= set(names)
    assert "twin" not in names
    assert names == sorted(names)


def test_a_name_with_two_owners_names_both_and_their_other_names_still_work(answers: dict[str, str]) -> None:
    assert "PluginError: environment 'twin' has 2 owners: rftcore-twin-a 1.0 and rftcore-twin-b 2.0" in answers["twin"]
    assert "RFTCORE_BLOCK=rftcore-twin-b" in answers["twin"]
    assert "'castor' of rftcore-twin-a 1.0 cannot be imported" in answers["other name of a twin"]


def test_a_misspelt_name_is_answered_with_the_near_one(answers: dict[str, str]) -> None:
    assert answers["near"].startswith(
        "PluginError: environment 'countign' is not installed\n  did you mean 'counting'?\n"
    )


def test_a_name_whose_plugin_failed_is_answered_with_the_failure_not_with_an_installation(
    answers: dict[str, str],
) -> None:
    assert (
        "rftcore-no-import 1.0 is installed, but broken: "
        "ModuleNotFoundError: No module named 'abacus_that_nobody_has'" in answers["failed"]
    )
    assert "pip install rftcore-no-import" not in answers["failed"]
    assert (
        "rftcore-future 9.0 is installed, but incompatible: rftcore-future 9.0 is written for"
        in (answers["incompatible"])
    )


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("atlantis", "install it: pip install rftcore-atlantis"),
        ("atlantic", "did you mean 'atlantis'? Install it: pip install rftcore-atlantis"),
    ],
)
def test_a_known_name_is_answered_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, name: str, answer: str
) -> None:
    monkeypatch.setitem(registry.KNOWN["policy"], "atlantis", "rftcore-atlantis")
    with pytest.raises(PluginError) as caught:
        registry.resolve("policy", name)
    first, second, *_, last = str(caught.value).splitlines()
    assert (first, second) == (f"policy {name!r} is not installed", f"  {answer}")
    assert last.startswith("  installed: ")


def test_a_name_with_a_difficulty_is_answered_with_the_name_alone() -> None:
    with pytest.raises(PluginError) as caught:
        registry.resolve("environment", "textcraft:hard")
    assert str(caught.value).splitlines()[1] == (
        "  'textcraft' is; only what is trained on is named with a difficulty, such as 'hard'"
    )


def test_a_package_that_was_begun_here_and_not_installed_is_answered_with_its_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(Package("environment", "tide_pool"), tmp_path / "begun")
    monkeypatch.chdir(tmp_path / "begun")
    with pytest.raises(PluginError, match=r"its package in this folder is not installed: pip install -e '\.\[test\]'"):
        registry.resolve("environment", "tide_pool")


def test_a_name_of_another_kind_is_said_to_be_one(answers: dict[str, str]) -> None:
    assert "'oracle' names another kind of thing here: policy" in answers["other kind"]


def test_an_unknown_name_lists_what_there_is_and_what_is_broken(answers: dict[str, str]) -> None:
    assert "rftcore-exits 1.0 (broken)" in answers["strange"]
    assert "\n  installed: " in answers["strange"]


def test_an_implementation_that_cannot_be_imported_names_its_distribution_and_the_way_out(
    answers: dict[str, str],
) -> None:
    assert "algorithm 'needy' of rftcore-counting 1.2 cannot be imported: ModuleNotFoundError" in answers["needy"]
    assert "pip install 'abacus'" in answers["needy"]
    assert "expected 'rftcore_counting.environment:Missing' to be a class" in answers["no class"]
    assert "is <function not_a_class" in answers["function"]
    assert "expected a class" in answers["function"]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_added", {})
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "specimens"))
    registry.add(
        EnvironmentSpec(name="here", target="rftcore_counting.environment:Counting", summary="added in a notebook")
    )


@pytest.mark.usefixtures("notebook")
def test_what_a_notebook_adds_is_found_and_may_be_added_again() -> None:
    registry.add(
        EnvironmentSpec(name="here", target="rftcore_counting.environment:Count", summary="the cell ran again")
    )
    assert registry.resolve("environment", "here").__name__ == "Count"
    assert registry.owner("environment", "here").dist == "this process"
    assert registry.plugins()[-1].specs[0].summary == "the cell ran again"


@pytest.mark.usefixtures("notebook")
def test_what_a_name_needs_and_is_not_installed_is_told_without_importing_it() -> None:
    here = ("pluggy", "rftcore[train]", "rftcore-counting[beads]")  # the last by the name of a module
    needs = ("abacus", *here, "rftcore[abacus]")
    registry.add(PolicySpec(name="here", target="rftcore_counting.environment:Count", summary="x", needs=needs))
    assert registry.missing("policy", "here") == ("abacus",)


@pytest.mark.usefixtures("notebook")
def test_a_notebook_cannot_take_a_name_from_a_plugin() -> None:
    with pytest.raises(PluginError, match=r"policy 'oracle' belongs to rftcore .* already; choose another name"):
        registry.add(PolicySpec(name="oracle", target="rftcore_counting.environment:Count", summary="mine"))


@pytest.mark.usefixtures("notebook")
def test_a_component_is_built_from_its_options() -> None:
    assert registry.create("environment", "here").max_turns == 5
    assert registry.create("environment", "here", {"max_turns": 9}).max_turns == 9


@pytest.mark.usefixtures("notebook")
def test_wrong_options_name_their_place_in_the_configuration() -> None:
    with pytest.raises(ConfigError) as caught:
        registry.create("environment", "here", {"max_turn": 9, "profile": "fast"}, "environments.here")
    assert str(caught.value).splitlines() == [
        "2 options are wrong:",
        "  environments.here.max_turn: unknown key; did you mean 'max_turns'?",
        "  environments.here.profile: found 'fast', expected 'fixed' or 'original'",
    ]


@pytest.mark.usefixtures("notebook")
def test_the_options_of_a_name_are_those_of_its_class_or_of_the_cheaper_place_that_its_spec_names() -> None:
    from rftcore.schemas.config import HFSamplerConfig

    assert registry.config("environment", "here") is registry.resolve("environment", "here").Config
    assert registry.config("sampler", "hf") is HFSamplerConfig


def test_a_kind_that_does_not_exist_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="kind 'environments': expected one of environment, algorithm"):
        registry.names("environments")
