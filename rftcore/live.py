"""Live components, written as the configuration that makes them again.

A run is made of names and options, so that a job in another process finds the same. Only an instance of the very class
that its name stands for can be written so. Any other is refused: under its name another class would run in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from rftcore import registry
from rftcore.algorithm import Algorithm
from rftcore.curriculum import Curriculum
from rftcore.environment import Environment
from rftcore.errors import ConfigError
from rftcore.executor import Executor
from rftcore.metric import Metric
from rftcore.policy import ChatPolicy, Policy
from rftcore.sampler import Sampler
from rftcore.schemas.frozen import given
from rftcore.tracker import Tracker

CONTRACTS: dict[str, type[Any] | tuple[type[Any], ...]] = {
    "environment": Environment,
    "algorithm": Algorithm,
    "curriculum": Curriculum,
    "metric": Metric,
    "sampler": Sampler,
    "executor": Executor,
    "policy": (Policy, ChatPolicy),
    "tracker": Tracker,
}


def written(value: Any) -> Any:
    """Return `value` without live components: each becomes its name and its options.

    Raises ConfigError for a component whose name stands for another class, PluginError for one that cannot be imported.
    """
    kind = next((kind for kind, contract in CONTRACTS.items() if isinstance(value, contract)), None)
    if kind is not None:
        _check_class(kind, value)
        return {"name": value.name, "options": value.config.model_dump(mode="json")}
    if isinstance(value, BaseModel):
        return written(given(value))
    if isinstance(value, Mapping):
        return {key: written(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [written(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _check_class(kind: str, component: Any) -> None:
    own = type(component)
    mine = f"{own.__module__}:{own.__qualname__}"
    name = getattr(own, "name", None)  # that of its class: an environment may play under another one
    told = f"registry.add({kind.capitalize()}Spec(name=..., target={mine!r}, ...))"
    if name not in registry.names(kind):
        raise ConfigError(
            f"{kind}: found an instance of {mine} with the name {name!r}, which nobody has announced; "
            f"announce it first: {told}"
        )
    known = registry.resolve(kind, name)
    if known is not own:
        raise ConfigError(
            f"{kind}: found an instance of {mine}, but the name {name!r} stands for "
            f"{known.__module__}:{known.__qualname__}, which would run in its place; "
            f"give your class a name of its own and announce it: {told}"
        )
