"""Where the numbers of a run come from: what it takes to get the same ones, and what they cost.

A report is made to be published: names of folders, of machines and of users are left out, and so is what a URL says
before its host and behind its path, where keys and passwords stand.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib import metadata
from itertools import chain, count
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from packaging.requirements import Requirement
from pydantic_core import to_json

from rftcore import plugins, records, registry
from rftcore.hardware import hardware
from rftcore.metric import CellData
from rftcore.plan import Plan
from rftcore.records import RunFolder
from rftcore.schemas.config import EvaluationConfig, ExperimentConfig, Settings
from rftcore.sessions import sessions
from rftcore.stages import settings_of

CONFIG = "config.yaml"
"""What a card calls the file with the configuration that it ends with."""

_LIBRARIES = ("torch", "transformers", "accelerate", "peft", "pydantic", "numpy")


def provenance(folder: RunFolder, config: Settings, plan: Plan) -> dict[str, Any]:
    """Return what a report says of the origin of its numbers, but for the effort."""
    told = sessions(folder.path)
    return {
        "command": command(config),
        "versions": versions(config, plan),
        "seeds": {"study": config.seed},
        "manifests": plan.manifests,
        "specs": plan.specs,
        "model": {"name": placeless(config.model), "sha256": plan.model},
        "arithmetic": {"device": config.device, "dtype": config.dtype, "threads": config.threads},
        **({"recordings": placeless(plan.recordings)} if plan.recordings else {}),
        **({"stages": placeless(stages)} if (stages := _stage_settings(config, plan)) else {}),
        "hardware": {**hardware(), "executor": config.executor.name},
        **({"sessions": told} if told else {}),
    }


def effort(folder: RunFolder, plan: Plan, cells: Collection[CellData]) -> dict[str, Any]:
    """Return what a run took: episodes, tokens, and the seconds of its jobs, those of repeated work left out.

    `cpu_seconds` are those of the processes in which jobs ended, from where these began; energy was not measured.
    """
    lines = [line for node in plan.stages for line in records.read_lines(folder.stage(node.key) / "updates.jsonl")]
    turns = [turn for cell in cells for group in cell.groups for t in group.trajectories for turn in t.turns]
    ended = [folder.stage(node.key) / "stage.json" for node in plan.stages]
    figures = [records.read_json(folder.cell_figures(node.key)) for node in plan.cells]
    told = [*map(records.read_json, ended), *figures]
    spent = [one["cpu_seconds"] for one in told if "cpu_seconds" in one]
    return {
        "training_episodes": sum(line["episodes"] for line in lines),
        "training_tokens_sampled": sum(line["sampled_tokens"] for line in lines),
        "training_tokens_learned": sum(line.get("learned_tokens", 0) for line in lines),
        "evaluation_episodes": sum(len(group.trajectories) for cell in cells for group in cell.groups),
        "evaluation_tokens_sampled": sum(len(turn.token_ids) for turn in turns),
        "training_seconds": sum(line.get("update_seconds", 0.0) for line in lines),
        "evaluation_seconds": sum(one["cell_seconds"] for one in figures),
        **({"cpu_seconds": sum(spent)} if len(spent) == len(told) else {}),
    }


def command(config: Settings) -> str:
    """Return the line that makes the same run again, from the configuration in `CONFIG` where it needs one."""
    if not isinstance(config, EvaluationConfig):
        return f"rftcore {'train' if isinstance(config, ExperimentConfig) else 'study'} {CONFIG}"
    dumped: dict[str, Any] = placeless(config.model_dump(mode="json", exclude={"name", "executor", "trackers"}))
    default = EvaluationConfig().model_dump(mode="json")
    player = [dumped.pop("model")] if config.policy is None else ["--policy", config.policy.name]
    given = {key: value for key, value in dumped.items() if value != default.get(key) or key == "references"}
    settings = [f"{key}={to_json(value).decode()}" for key, value in given.items()]
    return shlex.join(["rftcore", "evaluate", *player, *settings])


def placeless(value: Any) -> Any:
    """Return a value of JSON without the folders of absolute paths, and without users, queries and fragments of URLs.

    A text is a path as a whole or not at all. Of keys that come out equal, each behind the first has a number.
    """
    if isinstance(value, Mapping):
        found: dict[str, Any] = {}
        for key, item in value.items():
            found[_free(placeless(key), found)] = placeless(item)
        return found
    if isinstance(value, list | tuple):
        return [placeless(item) for item in value]
    if not isinstance(value, str):
        return value
    text = re.sub(r"(?<=://)[^/?#\s]*@", "", value)
    text = re.sub(r"(://[^\s?#]*)[?#]\S*", r"\1", text).removeprefix("file://")
    if "\n" in text:
        return text
    posix, windows = PurePosixPath(text), PureWindowsPath(text)
    # The root and one name, as in `/no_think`, tell no place, and may be no path.
    if len(posix.parts) > 2 - text.startswith("~") and (posix.is_absolute() or text.startswith("~")):
        return posix.name
    return windows.name if windows.drive and windows.is_absolute() else text


def _free(key: str, taken: Collection[str]) -> str:
    """Return a key, or its first variant with a number that is not taken."""
    return next(name for name in chain([key], (f"{key} ({n})" for n in count(2))) if name not in taken)


def versions(config: Settings, plan: Plan) -> dict[str, str]:
    """Return the version of every distribution behind a number: the plugins, what they require, and the model's."""
    found = {plugin.dist: plugin.version for plugin in plugins.installed() if plugin.version}
    known = {name: version for name in _needed(config, plan) if (version := _version(name)) is not None}
    return dict(sorted((found | known).items()))


def _needed(config: Settings, plan: Plan) -> Iterator[str]:
    yield from _LIBRARIES
    if config.model.startswith("rftcore/"):
        yield config.model.replace("/", "-")
    for used in plan.specs:
        owner = registry.owner(*used.split("/", 1))
        if owner.version:
            yield from _required(owner.dist)


@cache
def _version(name: str) -> str | None:
    """Return the version of a distribution when it was first asked for; None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@cache
def _required(dist: str) -> frozenset[str]:
    """Return the names of the distributions that `dist` requires on this machine, extras aside."""
    requirements = [Requirement(line) for line in metadata.requires(dist) or ()]
    named = (each.name for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""}))
    return frozenset(named)


def _stage_settings(config: Settings, plan: Plan) -> dict[str, Any]:
    """Return the whole settings of each stage that has some of its own."""
    settings: dict[str, Any] = {}
    for node in plan.stages:
        if node.stage.algorithm in config.stages:
            own = settings_of(config, node.stage)
            training = own.training.model_copy(update={"updates": node.updates})
            settings[node.name] = {
                "algorithm": own.algorithm.model_dump(mode="json"),
                "training": training.model_dump(mode="json"),
                "learner": own.learner.model_dump(mode="json"),
            }
    return settings
