"""What a planned run will cost: episodes, tokens, arithmetic and hours, before a model is loaded.

A few episodes of each place are played by its expert and at random. They bracket the turns and the text of an episode:
from the expert's way to the turn limit with the longest answers. Arithmetic follows from the parameters (Kaplan et al.
2020, arXiv 2001.08361, section 2.1: 2 operations a parameter and token forward, 4 backward), hours from a sustained
rate. A model's own answers decide where in the bracket a run ends, so it prints both ends and no middle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rftcore import eventloop, registry
from rftcore.environment import Environment
from rftcore.plan import Plan, StageNode
from rftcore.rollout import PolicyActor, collect
from rftcore.schemas.config import Settings
from rftcore.schemas.task import Split, Task
from rftcore.schemas.trajectory import Trajectory
from rftcore.shape import count_parameters
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


TOKEN, LOGPROB = Range(2, 7), Range(10, 24)
"""Bytes that a token's number, and a sampled token's log probability, take in a file of trajectories."""


@dataclass(frozen=True, slots=True)
class Length:
    """Of an episode: played by the expert, and at random to the limit with the longest answers."""

    tokens: Range
    sampled: Range
    """Of those tokens, the ones that the model gives."""
    stored: Range
    """Bytes that it takes in a file of trajectories."""


class Lengths:
    """The lengths of episodes; each place is played once, when it is first asked for."""

    def __init__(
        self,
        config: Settings,
        environments: Mapping[str, Environment],
        measured: Mapping[tuple[str, str], Length] | None = None,
    ) -> None:
        """`measured` has by environment and difficulty what need not be played."""
        self._config, self._environments = config, environments
        self._measured = measured or {}
        self._known: dict[tuple[str, str, Split], Length] = {}

    def __call__(self, environment: str, difficulty: str, split: Split) -> Length:
        """Raises what the environment raises when it cannot start a task."""
        if (environment, difficulty) in self._measured:
            return self._measured[environment, difficulty]
        key = (environment, difficulty, split)
        if key not in self._known:
            self._known[key] = _episode(self._config, self._environments[environment], difficulty, split)
        return self._known[key]


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


def estimate(
    config: Settings, plan: Plan, environments: Mapping[str, Environment], lengths: Lengths | None = None
) -> Cost:
    """Play some episodes, unless `lengths` knows them, and add up. Raises as `Lengths` does."""
    lengths = lengths or Lengths(config, environments)
    training, evaluation, work = Range(0, 0), Range(0, 0), Range(0, 0)
    for node in plan.stages:
        places = [place.split(":") for place in pools(node.stage, environments)]
        for environment, difficulty in places:
            length = lengths(environment, difficulty, "train").tokens
            share = length * (episodes(config, node) / len(places))
            training += share
            work += share * _per_token(config, node)
            if (validation := settings_of(config, node.stage).training.validation) is not None:
                times = 1 + math.ceil(node.updates / validation.every)
                evaluation += length * (times * validation.tasks * validation.samples)
    for cell in plan.cells:
        if not cell.policy:
            played = evaluated(config, environments[cell.environment], cell.difficulty) * config.evaluation.samples
            evaluation += lengths(cell.environment, cell.difficulty, "test").tokens * played
    parameters = count_parameters(config.model) if plan.model else None
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


def _episode(config: Settings, environment: Environment, difficulty: str, split: Split) -> Length:
    tasks = environment.tasks(split, difficulty)[:PROBE]
    limit = config.sampler.options.get("max_context")
    most = float(limit) if isinstance(limit, int) else float("inf")
    opening = len(environment.instructions) / CHARACTERS
    expert, chance = (list(played(environment, tasks, policy)) for policy in ("oracle", "random"))
    short = [opening + sum(len(t.observation) + len(t.text) for t in run.turns) / CHARACTERS for run in expert]
    said = fmean(sum(len(t.text) for t in run.turns) / CHARACTERS for run in expert)
    babble = environment.max_turns * config.sampling.max_new_tokens
    seen = [
        opening
        + sum(len(t.observation) for t in run.turns) / max(1, len(run.turns)) / CHARACTERS * environment.max_turns
        for run in chance
    ]
    low = fmean(short)
    tokens = Range(min(low, most), min(max(low, fmean(seen) + babble), most))
    sampled = Range(min(said, tokens.low), min(max(said, babble), tokens.high))
    return Length(tokens, sampled, _stored(expert, chance, environment.max_turns, tokens, sampled))


def _stored(
    expert: Sequence[Trajectory], chance: Sequence[Trajectory], limit: int, tokens: Range, sampled: Range
) -> Range:
    """Return the bytes of stored episodes: their texts as they are written, and each token as `TOKEN` says."""
    short = fmean(len(run.model_dump_json()) for run in expert)
    turn = fmean(len(run.model_dump_json()) / max(1, len(run.turns)) for run in chance)
    long = max(short, turn * limit + 2 * CHARACTERS * sampled.high)  # an answer is stored as text and as action
    return Range(
        short + TOKEN.low * tokens.low + LOGPROB.low * sampled.low,
        long + TOKEN.high * tokens.high + LOGPROB.high * sampled.high,
    )


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
