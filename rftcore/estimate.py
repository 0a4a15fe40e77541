"""What a planned run will cost: episodes, tokens, arithmetic and hours, before a model is loaded.

A few episodes of each place are played by its expert and at random. They bracket the turns and the text of an episode:
from the expert's way to the turn limit with the longest answers. Arithmetic follows from the parameters (Kaplan et al.
2020, arXiv 2001.08361, section 2.1: 2 operations a parameter and token forward, 4 backward), hours from a sustained
rate. A model's own answers decide where in the bracket a run ends, so it prints both ends and no middle.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rftcore import eventloop, registry
from rftcore.environment import Environment
from rftcore.models import find_model
from rftcore.plan import Plan, StageNode
from rftcore.rollout import PolicyActor, collect
from rftcore.schemas.config import Settings
from rftcore.schemas.task import Split, Task
from rftcore.schemas.trajectory import Trajectory
from rftcore.stages import pools, samples, settings_of

PROBE = 3
"""Tasks of each place that are played."""

CHARACTERS = 4.0
"""Of a token: about what subword tokenizers take of English text."""

CPU_RATE, GPU_RATE = 8e10, 1e14
"""Operations a second that one job is assumed to sustain: on a CPU core with a small model, on a GPU with a large one.

The first was set so that the bracket holds the time of one finished run, the quick study on two cores (4 min 47 s; 4e10
had given 8 to 19 min), so that run does not test it. The second was not measured.
"""

LARGE = 100_000_000
"""Parameters from which nobody trains on a CPU core."""


@dataclass(frozen=True, slots=True)
class Range:
    """A low and a high end."""

    low: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def __mul__(self, factor: float) -> Range:
        return Range(self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a whole plan."""

    training: Range
    """Tokens that are read, sampled or shown, and learned from."""
    evaluation: Range
    """Tokens that are read or sampled."""
    parameters: int | None
    operations: Range | None
    """Floating point operations; None when the model's size is not known."""


def estimate(config: Settings, plan: Plan, environments: Mapping[str, Environment]) -> Cost:
    """Play some episodes and add up. Raises what the environments raise when they cannot start a task."""
    lengths: dict[tuple[str, str, Split], Range] = {}

    def tokens(environment: str, difficulty: str, split: Split) -> Range:
        key = (environment, difficulty, split)
        if key not in lengths:
            lengths[key] = _episode(config, environments[environment], difficulty, split)
        return lengths[key]

    training, evaluation, work = Range(0, 0), Range(0, 0), Range(0, 0)
    for node in plan.stages:
        places = [place.split(":") for place in pools(node.stage, environments)]
        for environment, difficulty in places:
            share = tokens(environment, difficulty, "train") * (episodes(config, node) / len(places))
            training += share
            work += share * _per_token(config, node)
            if (validation := settings_of(config, node.stage).training.validation) is not None:
                times = 1 + math.ceil(node.updates / validation.every)
                evaluation += tokens(environment, difficulty, "train") * (times * validation.tasks * validation.samples)
    for cell in plan.cells:
        if not cell.policy:
            played = evaluated(config, environments[cell.environment], cell.difficulty) * config.evaluation.samples
            evaluation += tokens(cell.environment, cell.difficulty, "test") * played
    parameters = count_parameters(config.model)
    work += evaluation * 2
    return Cost(training, evaluation, parameters, None if parameters is None else work * parameters)


def episodes(config: Settings, node: StageNode) -> int:
    """Return how many episodes a stage plays."""
    return node.updates * settings_of(config, node.stage).training.groups * samples(config, node.stage)


def rate(config: Settings, parameters: int) -> float:
    """Return the operations a second that one job is assumed to sustain."""
    return GPU_RATE if config.device.startswith("cuda") or parameters >= LARGE else CPU_RATE


def evaluated(config: Settings, environment: Environment, difficulty: str) -> int:
    """Return how many test tasks a cell plays."""
    return min(config.evaluation.tasks, len(environment.tasks("test", difficulty)))


def count_parameters(model: str) -> int | None:
    """Return a model's parameters from its weights' headers, or from a name such as `Qwen2.5-7B`; None when unknown."""
    found = find_model(model)
    if isinstance(found, Path):
        return sum(_numbers(file) for file in sorted(found.glob("*.safetensors"))) or None
    size = re.search(r"(?<![\w.])(\d+(?:\.\d+)?)([BM])(?![a-z])", found.replace("-", " "), re.IGNORECASE)
    return int(float(size[1]) * {"B": 1e9, "M": 1e6}[size[2].upper()]) if size else None


def _numbers(file: Path) -> int:
    with file.open("rb") as weights:
        (length,) = struct.unpack("<Q", weights.read(8))
        header: dict[str, Any] = json.loads(weights.read(min(length, 1 << 26)))
    total = 0
    for name, tensor in header.items():
        if name != "__metadata__":
            size = 1
            for extent in tensor["shape"]:
                size *= extent
            total += size
    return total


def _episode(config: Settings, environment: Environment, difficulty: str, split: Split) -> Range:
    """Return the tokens of one episode: played by the expert, and at random to the limit with the longest answers."""
    tasks = environment.tasks(split, difficulty)[:PROBE]
    limit = config.sampler.options.get("max_context")
    most = float(limit) if isinstance(limit, int) else float("inf")
    opening = len(environment.instructions) / CHARACTERS
    expert, chance = (list(played(environment, tasks, policy)) for policy in ("oracle", "random"))
    short = [opening + sum(len(t.observation) + len(t.text) for t in run.turns) / CHARACTERS for run in expert]
    long = [
        opening
        + sum(len(t.observation) for t in run.turns) / max(1, len(run.turns)) / CHARACTERS * environment.max_turns
        + environment.max_turns * config.sampling.max_new_tokens
        for run in chance
    ]
    low = sum(short) / len(short)
    return Range(min(low, most), min(max(low, sum(long) / len(long)), most))


def played(environment: Environment, tasks: Sequence[Task], policy: str) -> Iterable[Trajectory]:
    """Return an episode of each of `tasks`, played by a policy of core."""
    actor = PolicyActor(registry.create("policy", policy))
    groups = eventloop.run(collect({environment.name: environment}, actor, tasks, 1, seed=0))
    return [trajectory for group in groups for trajectory in group.trajectories]


def _per_token(config: Settings, node: StageNode) -> int:
    """Return the operations of a parameter and trained token: sampled and referred to or not, and learned from."""
    chosen = settings_of(config, node.stage).algorithm
    algorithm = registry.create("algorithm", chosen.name, chosen.options)
    sampled, referred = algorithm.demonstrations() is None, algorithm.reference_weight() > 0
    return 6 + (2 if sampled else 0) + (2 if referred else 0)
