"""What one stage of training has of its own: its settings, its training tasks, and what it learns from.

Functions of a configuration and a stage; the plan, which names and orders stages, is made of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rftcore import registry
from rftcore.algorithm import Demonstrations
from rftcore.curriculum import Stage
from rftcore.environment import Environment
from rftcore.recording import fingerprint
from rftcore.schemas.config import Component, Settings, StageSettings
from rftcore.schemas.frozen import laid_over
from rftcore.schemas.task import Task


def settings_of(config: Settings, stage: Stage) -> Settings:
    """Return the settings of a run as they are for one stage: its own algorithm, training and learner keys, if any.

    Updates that the curriculum plans for the stage stand in the stage, not here.
    """
    if stage.algorithm is None:
        return config
    own = config.stages.get(stage.algorithm, StageSettings())
    return config.model_copy(
        update={
            "algorithm": config.algorithms.get(stage.algorithm, Component(name=stage.algorithm)),
            "training": laid_over(config.training, own.training),
            "learner": laid_over(config.learner, own.learner),
        }
    )


def identity(component: Component) -> dict[str, Any]:
    """Return an algorithm as numbers depend on it: its name, and its options with a recording's content for its place.

    Raises ConfigError when the recording is not there.
    """
    place = recorded(component)
    return {
        "name": component.name,
        "options": {
            key: fingerprint(place) if place is not None and value == place else value
            for key, value in component.options.items()
        },
    }


def demonstrations(component: Component) -> Demonstrations | None:
    """Return what an algorithm learns from in place of the model's own trajectories."""
    found: Demonstrations | None = registry.create("algorithm", component.name, component.options).demonstrations()
    return found


def samples(config: Settings, stage: Stage) -> int:
    """Return how many trajectories of each task a stage learns from; of a recording, how many at most."""
    own = settings_of(config, stage)
    shown, wanted = demonstrations(own.algorithm), own.training.samples
    return wanted if shown is None else shown.samples(wanted)


def recorded(component: Component) -> str | None:
    """Return the place of the recording that an algorithm learns from, if it does."""
    shown = demonstrations(component)
    return None if shown is None else shown.recording


def pools(stage: Stage, environments: Mapping[str, Environment]) -> list[str]:
    """Return the `environment:difficulty` of every pool that a stage draws tasks from, sorted."""
    return sorted(
        {
            f"{source.environment}:{difficulty}"
            for source in stage.sources
            for difficulty in (
                [source.difficulty] if source.difficulty else environments[source.environment].difficulties
            )
        }
    )


def train_tasks(stage: Stage, environments: Mapping[str, Environment]) -> dict[str, Sequence[Task]]:
    """Return the training tasks of every pool of a stage."""
    return {
        pool: environments[pool.partition(":")[0]].tasks("train", pool.partition(":")[2])
        for pool in pools(stage, environments)
    }
