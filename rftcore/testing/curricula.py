"""What every curriculum promises: stages that can be trained, and tasks that follow from the arguments alone."""

from __future__ import annotations

from collections.abc import Sequence

from rftcore.curriculum import Curriculum, Stage, UpdateRecord
from rftcore.schemas.task import Task
from rftcore.testing.check import Problems, check
from rftcore.testing.subject import Subject

UPDATES = 12
"""Updates of a stage that are asked for."""
COUNT = 8
"""Tasks of an update."""

Pools = dict[str, Sequence[Task]]


@check("light")
def stages_can_be_trained(subject: Subject) -> Problems:
    """There is a stage at least, each with positive turn limits, and they are the same whenever they are asked for."""
    stages = subject.make().stages()
    if not stages:
        yield "stages() is empty, expected one at least; refuse options that make no plan with a ConfigError"
    for stage in stages:
        if not isinstance(stage, Stage):
            yield f"stages() has {stage!r}, expected a rftcore.curriculum.Stage"
        elif any(turns < 1 for turns in stage.horizon):
            yield f"stage {stage.name!r} has the turn limits {stage.horizon}, expected 1 at least"
    if subject.make().stages() != stages:
        yield "made again, stages() are others, expected the same; a killed run has to find its place"


@check("light")
def turn_limits_are_positive(subject: Subject) -> Problems:
    """`turn_limit` is None or 1 at least, at every update of a stage."""
    curriculum: Curriculum = subject.make()
    for stage in curriculum.stages():
        for update in range(UPDATES):
            limit = curriculum.turn_limit(stage, update, UPDATES)
            if limit is not None and limit < 1:
                yield f"stage {stage.name!r}, update {update}: the turn limit is {limit}, expected None or 1 at least"
                break


@check("light")
def next_returns_what_is_asked(subject: Subject) -> Problems:
    """`next` returns as many tasks as asked, all of them from the pools of the stage."""
    curriculum: Curriculum = subject.make()
    for stage in curriculum.stages():
        pools = _pools(stage)
        known = {task.id for pool in pools.values() for task in pool}
        for update in range(UPDATES):
            tasks = curriculum.next(stage, update, COUNT, pools, _history(update), 0)
            strange = [task for task in tasks if not isinstance(task, Task) or task.id not in known]
            if len(tasks) != COUNT or strange:
                yield (
                    f"stage {stage.name!r}, update {update}: {len(tasks)} tasks came back, {len(strange)} of them "
                    f"in no pool, expected {COUNT} of the pools; draw a task again where a pool is too small"
                )
                break


@check("light")
def next_is_pure(subject: Subject) -> Problems:
    """`next` depends on its arguments alone: not on what was asked before, and it changes none of them."""
    for stage in subject.make().stages():
        pools, asked = _pools(stage), subject.make()
        forth = [asked.next(stage, update, COUNT, pools, _history(update), 3) for update in range(UPDATES)]
        fresh = subject.make()
        back = [fresh.next(stage, update, COUNT, pools, _history(update), 3) for update in reversed(range(UPDATES))]
        if forth != back[::-1]:
            yield (
                f"stage {stage.name!r}: asked for in another order, the updates have other tasks, expected the same; "
                "keep nothing between calls, and let chance follow from seed, stage and update alone"
            )
        if pools != _pools(stage):
            yield f"stage {stage.name!r}: the pools were changed, expected them as they were; copy what is shuffled"


CURRICULUM_CHECKS = (stages_can_be_trained, turn_limits_are_positive, next_returns_what_is_asked, next_is_pure)


def _pools(stage: Stage) -> Pools:
    """Return six tasks for each `environment:difficulty` of a stage."""
    pools: Pools = {}
    for source in stage.sources:
        for difficulty in ("easy", "hard") if source.difficulty is None else (source.difficulty,):
            place = f"{source.environment}/{difficulty}/train"
            pools[f"{source.environment}:{difficulty}"] = [
                Task(
                    environment=source.environment,
                    id=f"{place}/{number}",
                    split="train",
                    difficulty=difficulty,
                    seed=number,
                )
                for number in range(6)
            ]
    return pools


def _history(update: int) -> list[UpdateRecord]:
    """Return what is known before an update: success that rises."""
    return [UpdateRecord(update=earlier, success=min(1.0, 0.1 * earlier)) for earlier in range(update)]
