"""`rftcore info`: options with defaults and meanings; tasks, rules and an example of an environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rftcore import ConfigError, registry
from rftcore.specs import EnvironmentSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Done
    from tests.conftest import Site


def test_an_environment_tells_its_options_tasks_rules_and_an_example(counting_site: Site) -> None:
    done = counting_site.rftcore("info", "counting", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["kind"], told["dist"], told["dist_version"]) == ("environment", "rftcore-counting", "1.2")
    assert told["options"] == [
        {
            "name": "profile",
            "type": "fixed or original",
            "default": "fixed",
            "required": False,
            "doc": "Whether sentences end with a full stop.",
        },
        {
            "name": "max_turns",
            "type": "integer >= 1",
            "default": 5,
            "required": False,
            "doc": "Turns after which the rollout truncates.",
        },
    ]
    assert told["environment"]["tasks"] == {"easy": {"train": 3, "test": 2}, "hard": {"train": 3, "test": 2}}
    assert told["environment"]["facts"] == {"lists_actions": True}
    assert told["environment"]["max_turns"] == 5
    assert told["environment"]["example"] == {
        "task": "counting/easy/train/0",
        "observation": "Count to 2.",
        "expert": ["add", "add"],
    }


def test_the_text_says_the_same(rftcore: Callable[..., Done]) -> None:
    text = rftcore("info", "counting").out
    assert "from this process, behaviour version 1" in text
    assert "max_turns  integer >= 1       5        Turns after which the rollout truncates." in text
    assert "Say add until the goal is reached." in text
    assert text.rstrip().endswith("Count to 2.\n> add\n> add")


def test_an_environment_that_cannot_be_played_here_still_shows_its_tasks(
    rftcore: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(world: object, task: object) -> None:
        raise ConfigError("no Java here; install it first")

    monkeypatch.setattr(registry.resolve("environment", "counting"), "start", start)
    text = rftcore("info", "counting").out
    assert "easy        3      2" in text
    assert text.rstrip().endswith(
        "example: counting/easy/train/0\nit cannot be played here: no Java here; install it first"
    )


def test_an_environment_that_cannot_be_built_still_shows_its_options(rftcore: Callable[..., Done]) -> None:
    registry.add(EnvironmentSpec(name="picky", target="rftcore_counting.environment:Picky", summary=""))
    done = rftcore("info", "picky")
    assert done.code == 0
    assert "max_turns" in done.out
    assert "it cannot be built with its defaults: no data here; fetch it first" in done.out


def test_a_name_of_two_kinds_asks_which(rftcore: Callable[..., Done]) -> None:
    registry.add(EnvironmentSpec(name="random", target="rftcore_counting.environment:Counting", summary=""))
    assert (
        "'random' names several things; choose one: --kind environment or --kind policy"
        in rftcore("info", "random").err
    )
    assert rftcore("info", "random", "--kind", "policy").out.startswith("policy random\n")


def test_a_policy_of_core_is_a_name_like_any_other(rftcore: Callable[..., Done]) -> None:
    told = json.loads(rftcore("info", "random", "--json").out)
    assert (told["kind"], told["dist"]) == ("policy", "rftcore")
    assert "environment" not in told


def test_a_name_of_a_plugin_that_cannot_be_used_is_told_with_the_reason(broken_site: Site) -> None:
    done = broken_site.rftcore("info", "oldenv")
    assert done.returncode == 2
    assert (
        "rftcore-future 9.0 may have it, but is incompatible: rftcore-future 9.0 is written for rftcore" in done.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["countign"], "environment 'countign' is not installed\n  did you mean 'counting'?"),
        (["atlantsi"], "did you mean 'atlantis'? Install it: pip install rftcore-atlantis"),
        (["atlantis"], "pip install rftcore-atlantis"),
        (["counting", "--kind", "metric"], "'counting' names another kind of thing here: environment"),
        (["counting", "--kind", "game"], "--kind game: expected one of environment, algorithm"),
        (["xyzzy"], "nothing is named 'xyzzy' here; `rftcore plugins` lists the names"),
        (["broken"], "cannot be imported"),
    ],
)
def test_a_name_that_cannot_be_shown_says_why(
    rftcore: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.setitem(registry.KNOWN["environment"], "atlantis", "rftcore-atlantis")
    registry.add(EnvironmentSpec(name="broken", target="rftcore_counting.needy:Needy", summary=""))
    done = rftcore("info", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
