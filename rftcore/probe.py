"""A short run of the real thing, to measure what a plan is otherwise only bracketed with.

What it found is here; `rftcore.probing` is the process that finds it, with the run's model, prompt format, sampler and
device: seconds for a token that is read or sampled and for one that is learned, tokens and bytes of an episode, seconds
until a model is ready, the peak of memory.
"""

from __future__ import annotations

import json

from pydantic import JsonValue

from rftcore.errors import ConfigError
from rftcore.estimate import Length, Range
from rftcore.executor import Job
from rftcore.executors.child import Child
from rftcore.plan import Plan
from rftcore.schemas.config import Settings
from rftcore.schemas.frozen import Frozen, digest

SECONDS = 30.0
"""That playing and learning take together, about; starting up comes on top, and so does a single slow update."""


class PlaceMeasured(Frozen):
    """Episodes in one environment and difficulty, on training tasks."""

    environment: str
    difficulty: str
    at_once: int
    """Episodes that were played side by side: as many as an update, or a cell, of the run has."""
    episodes: int
    """That ended in time."""
    token_seconds: float
    """Seconds for a token that is read or sampled."""
    tokens: tuple[float, float]
    """Of an episode: the expert's and the model's mean, the lower one first."""
    sampled: tuple[float, float]
    stored: tuple[float, float]
    """Bytes in a file of trajectories."""
    policy_seconds: float
    """For an episode without a model."""


class LearningMeasured(Frozen):
    """One update by one way of learning."""

    key: str
    """As `way` names it."""
    token_seconds: float
    """Seconds for a token of the trajectories that are learned from, credit included."""
    tokens: int
    """Of them, in the update that was measured."""
    share: float
    """Of the trajectories that had credit; those without are not learned from."""


class Measured(Frozen):
    """What a probe found."""

    places: tuple[PlaceMeasured, ...]
    lanes: int
    """Most episodes that the sampler takes at once."""
    learning: tuple[LearningMeasured, ...]
    start_seconds: float
    """Until a fresh process has imported what it needs, what the first model asks for included: once a worker."""
    load_seconds: float
    """Until a model is loaded and its sampler ready: once a job."""
    peak: int
    """Most bytes of the machine's memory that the probe had."""
    gpu_peak: int
    """Most bytes of the GPU's memory; 0 without one."""
    device: str

    def place(self, environment: str, difficulty: str, episodes: int) -> PlaceMeasured:
        """Return what was found of a place with about as many episodes at once as `episodes` have.

        Raises KeyError where no model plays there.
        """
        found = [each for each in self.places if (each.environment, each.difficulty) == (environment, difficulty)]
        if not found:
            raise KeyError(f"{environment}:{difficulty}")
        return min(found, key=lambda each: abs(each.at_once - min(self.lanes, episodes)))

    def lengths(self) -> dict[tuple[str, str], Length]:
        """Return how long the episodes of each place are, however many were played at once."""
        found: dict[tuple[str, str], list[PlaceMeasured]] = {}
        for each in self.places:
            found.setdefault((each.environment, each.difficulty), []).append(each)
        return {
            key: Length(
                _hull([each.tokens for each in those]),
                _hull([each.sampled for each in those]),
                _hull([each.stored for each in those]),
            )
            for key, those in found.items()
        }


def _hull(ends: list[tuple[float, float]]) -> Range:
    return Range(min(low for low, _ in ends), max(high for _, high in ends))


def way(config: Settings) -> str:
    """Return the name of a way of learning: of all that decides what an update of these settings costs."""
    chosen = config.model_dump(mode="json", include={"algorithm", "learner"})
    return digest([chosen, config.training.groups, config.training.samples])


def probe(kind: str, config: Settings, plan: Plan, *, seconds: float = SECONDS) -> Measured:
    """Measure in a process of its own, which sees every GPU that this one sees.

    Raises ConfigError where no model plays, RunError when the process died, as for want of memory, or when nobody
    answered in time, and what a job of the run would raise.
    """
    if not plan.stages and all(cell.policy for cell in plan.cells):
        raise ConfigError("--probe: found nothing but policies, expected a model to measure; leave it out")
    payload: dict[str, JsonValue] = {
        "kind": kind,
        "config": config.model_dump(mode="json"),
        "plan": plan.model_dump(mode="json"),
        "seconds": seconds,
    }
    job = Job("probe", "rftcore.probing:measure", payload, "the probe", gpus=1)
    request = json.dumps({"target": job.target, "payload": payload})
    child = Child({})
    try:
        outcome = child.run(job, request, lambda progress: None)
    finally:
        child.close()
    if outcome.error is not None:
        raise outcome.error
    return Measured.model_validate(outcome.value)
