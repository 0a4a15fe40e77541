"""The environment that is shifted, found by its name as a run would find it.

It is the one place in a plugin that asks the registry: an environment that is made of another one needs that one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from rftcore import registry
from rftcore.environment import ActionList, Environment
from rftcore.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Within:
    """An environment that lists no actions itself, so that the shift can."""

    environment: Environment
    options: dict[str, JsonValue]
    """Its options as they were given, with every default filled in."""
    action_list: ActionList
    """Which observations would list the actions by these options."""


def find(name: str, options: Mapping[str, JsonValue]) -> Within:
    """Return the environment `name`.

    Raises as `registry.create`, and ConfigError when it cannot be told to list no actions.
    """
    given: Environment = registry.create("environment", name, options, f"options of {name}")
    written: dict[str, JsonValue] = given.config.model_dump(mode="json")
    if "action_list" in written:
        shown: ActionList = given.config.action_list or _told(given)
        silent = given.config.model_copy(update={"action_list": "never"})
        return Within(given if given.config == silent else type(given)(silent), written, shown)
    if given.facts().get("lists_actions") is not False:
        raise ConfigError(
            f"environment: {name} has no option action_list and does not say lists_actions=False in its facts, "
            "expected one of them: an action list that it writes itself cannot be shifted; where it plays another "
            "environment, give that one action_list=never in its options"
        )
    return Within(given, written, "never")


def _told(environment: Environment) -> ActionList:
    """Return what the facts say where the option leaves it open, such as by profile."""
    modes: dict[object, ActionList] = {"every": "every", "first": "first"}
    return modes.get(environment.facts().get("action_list"), "never")


def installed_version(name: str, expected: str | None) -> str:
    """Return the behaviour version of the environment `name`. Raises ConfigError when another one is expected."""
    installed = registry.spec("environment", name).version
    if expected not in (None, installed):
        raise ConfigError(
            f"version: found {name} with behaviour version {installed}, expected {expected}; "
            "install that one, or begin a new run"
        )
    return installed
