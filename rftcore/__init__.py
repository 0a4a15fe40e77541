"""Reinforcement fine-tuning of LLM agents, and an honest answer to whether what they learned generalizes.

Importing this package imports nothing else: each name below is fetched when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rftcore.algorithm import Algorithm
    from rftcore.curriculum import Curriculum, Stage
    from rftcore.environment import Environment, Episode, Step
    from rftcore.errors import ConfigError, EpisodeError, PluginError, RftError, RunError
    from rftcore.executor import Executor
    from rftcore.hookspecs import hookimpl
    from rftcore.metric import Metric
    from rftcore.policy import Policy
    from rftcore.sampler import Sampler
    from rftcore.schemas.report import Report
    from rftcore.schemas.task import Task
    from rftcore.schemas.trajectory import Credit, Group, Trajectory, Turn
    from rftcore.study import Experiment, Study

_HOME = {
    "Algorithm": "rftcore.algorithm",
    "ConfigError": "rftcore.errors",
    "Credit": "rftcore.schemas.trajectory",
    "Curriculum": "rftcore.curriculum",
    "Environment": "rftcore.environment",
    "Episode": "rftcore.environment",
    "EpisodeError": "rftcore.errors",
    "Executor": "rftcore.executor",
    "Experiment": "rftcore.study",
    "Group": "rftcore.schemas.trajectory",
    "Metric": "rftcore.metric",
    "PluginError": "rftcore.errors",
    "Policy": "rftcore.policy",
    "Report": "rftcore.schemas.report",
    "RftError": "rftcore.errors",
    "RunError": "rftcore.errors",
    "Sampler": "rftcore.sampler",
    "Stage": "rftcore.curriculum",
    "Step": "rftcore.environment",
    "Study": "rftcore.study",
    "Task": "rftcore.schemas.task",
    "Trajectory": "rftcore.schemas.trajectory",
    "Turn": "rftcore.schemas.trajectory",
    "hookimpl": "rftcore.hookspecs",
}

__all__ = [
    "Algorithm",
    "ConfigError",
    "Credit",
    "Curriculum",
    "Environment",
    "Episode",
    "EpisodeError",
    "Executor",
    "Experiment",
    "Group",
    "Metric",
    "PluginError",
    "Policy",
    "Report",
    "RftError",
    "RunError",
    "Sampler",
    "Stage",
    "Step",
    "Study",
    "Task",
    "Trajectory",
    "Turn",
    "__version__",
    "hookimpl",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("rftcore")
    elif name in _HOME:
        from importlib import import_module

        value = getattr(import_module(_HOME[name]), name)
    else:
        raise AttributeError(f"module 'rftcore' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
