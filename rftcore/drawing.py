"""What the updates of a stage play: the tasks of its pools as they were planned, and which of them each update draws.

Everything follows from the configuration, the seed, the number of an update and the figures of earlier ones, so that a
resumed stage draws what it would have drawn. Nothing here plays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rftcore import updates
from rftcore.curriculum import Curriculum
from rftcore.environment import Environment
from rftcore.errors import RunError
from rftcore.manifests import check_start
from rftcore.plan import Plan, StageNode
from rftcore.recording import Recording
from rftcore.schemas.config import Settings, Validation
from rftcore.schemas.frozen import digest
from rftcore.schemas.task import Task, manifest
from rftcore.stages import samples, train_tasks
from rftcore.validation import divide


@dataclass(frozen=True, slots=True)
class Draw:
    """What is played together: `samples[i]` episodes of `tasks[i]`, their random streams from `seed`."""

    tasks: tuple[Task, ...]
    samples: tuple[int, ...]
    seed: int
    turn_limit: int | None = None

    def payload(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "tasks": [task.model_dump(mode="json") for task in self.tasks],
            "samples": list(self.samples),
            "seed": self.seed,
            "turn_limit": self.turn_limit,
        }

    @classmethod
    def of(cls, payload: dict[str, Any]) -> Draw:
        """Return what `payload` was made of."""
        tasks = tuple(Task.model_validate(task) for task in payload["tasks"])
        return cls(tasks, tuple(payload["samples"]), payload["seed"], payload["turn_limit"])


@dataclass(frozen=True, slots=True)
class Drawing:
    """How the updates of one stage draw."""

    config: Settings
    node: StageNode
    curriculum: Curriculum
    tasks: Mapping[str, Sequence[Task]]
    """Those to draw from, by `environment:difficulty`."""
    recording: Recording | None = None
    """What is learned from in place of what somebody plays; of it, a task has what there is."""
    staleness: int = 0
    """Updates that the learner may make while the rollouts of a later one go on."""

    def draw(self, told: Sequence[Mapping[str, Any]], update: int, round_: int = 0) -> Draw:
        """Return what is played for an update, or for a round of refills of it.

        The curriculum learns from those updates of `told` that are made when the rollouts of this one begin.
        """
        config, node, recording = self.config, self.node, self.recording
        most = samples(config, node.stage)
        wanted = self.curriculum.next(
            node.stage,
            update + round_ * node.updates,
            config.training.groups,
            self.tasks,
            [updates.history(value) for value in told[: max(0, update - self.staleness)]],
            seed=seed_of(config.seed, node.key),
        )
        return Draw(
            tuple(wanted),
            tuple(most if recording is None else min(most, len(recording.of(task))) for task in wanted),
            seed_of(config.seed, node.key, update, round_),
            self.curriculum.turn_limit(node.stage, update, node.updates),
        )


def stage_tasks(
    plan: Plan, node: StageNode, environments: Mapping[str, Environment], validation: Validation | None
) -> tuple[dict[str, Sequence[Task]], list[Task]]:
    """Return the tasks that a stage draws from, by `environment:difficulty`, and those that it is validated on."""
    tasks: dict[str, Sequence[Task]] = {}
    validated: list[Task] = []
    for pool, listed in train_tasks(node.stage, environments).items():
        check_planned(plan, f"{pool.replace(':', '/')}/train", listed)
        check_start(environments[listed[0].environment], listed[0])
        tasks[pool], held = divide(pool, listed, validation)
        validated += held
    return tasks, validated


def check_planned(plan: Plan, place: str, tasks: Sequence[Task]) -> None:
    """Raise RunError when a task list is not the one that the run was made with."""
    found = manifest(tasks)
    if found != plan.manifests[place]:
        raise RunError(
            f"the task list {place} has changed since this run was made (sha256 {plan.manifests[place][:12]}, now "
            f"{found[:12]}): the environment's version, its data, its calibration or its file of tasks differ. Bring "
            "the old one back, or make a new run"
        )


def seed_of(*parts: object) -> int:
    """Return the seed of the random streams of whatever `parts` name."""
    return int(digest(list(parts))[:12], 16)
