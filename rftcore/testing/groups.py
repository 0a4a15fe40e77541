"""Groups to ask credit and figures for: small, the same everywhere, and with all in them that can happen to a group."""

from __future__ import annotations

import random
from collections.abc import Sequence

from rftcore.algorithm import TokenFloats
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group, Trajectory, Turn

_RETURNS = ((1.0, 0.0, 0.25, 0.0), (0.5, 0.5, 0.5, 0.5), (0.0, 1.0, 1.0, 0.7), (0.3, 0.9, 0.1, 0.6))
"""Of four groups; the second has no variance. In the last, the machine spoils two and one has no turn."""


def played() -> list[Group]:
    """Return four groups of four trajectories, ragged in turns and tokens."""
    groups = []
    for number, returns in enumerate(_RETURNS):
        task = Task(environment="probe", id=f"probe/easy/train/{number}", split="train", difficulty="easy", seed=number)
        trajectories = [_trajectory(task, sample, ret) for sample, ret in enumerate(returns)]
        if number == len(_RETURNS) - 1:
            trajectories[0] = trajectories[0].model_copy(update={"turns": ()})
            for sample in (1, 2):
                trajectories[sample] = trajectories[sample].model_copy(update={"status": "environment_error"})
        groups.append(Group(task=task, trajectories=tuple(trajectories)))
    return groups


def token_floats(groups: Sequence[Group]) -> TokenFloats:
    """Return a float for each sampled token that depends on nothing but its group, trajectory, turn and place."""
    return [
        [
            [
                [-random.Random(f"{group.task.id}/{own.sample}/{index}/{place}").random() for place in range(count)]
                for index, count in enumerate(len(turn.token_ids) for turn in own.turns)
            ]
            for own in group.usable
        ]
        for group in groups
    ]


def _trajectory(task: Task, sample: int, ret: float) -> Trajectory:
    rng = random.Random(f"{task.id}/{sample}")
    turns = []
    for number in range(1 + (task.seed + sample) % 3):
        count = rng.randint(1, 5)
        turns.append(
            Turn(
                observation=f"state {number if sample < 2 else sample}",
                text="go",
                action="go",
                reward=0.0,
                valid=True,
                token_ids=tuple(rng.randint(1, 9) for _ in range(count)),
                logprobs=tuple(-rng.random() for _ in range(count)),
            )
        )
    turns[-1] = turns[-1].model_copy(update={"reward": ret})
    return Trajectory(task=task, sample=sample, turns=tuple(turns), status="completed", ret=ret, success=ret == 1.0)
