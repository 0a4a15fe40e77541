"""What rewards and experts promise: a declared range, something to learn from, tasks that can be done."""

from __future__ import annotations

from rftcore.environment import Environment
from rftcore.rollout import episode_return
from rftcore.testing.check import NotApplicable, Problems, check
from rftcore.testing.environments.walk import Walk, shown
from rftcore.testing.environments.world import World


@check("light")
def rewards_are_in_range(world: World) -> Problems:
    """Every reward lies in the declared `reward_range`."""
    low, high = world.environment.reward_range
    for walk in world.walks():
        for turn, step in enumerate(walk.steps):
            if not low <= step.reward <= high:
                yield (
                    f"task {walk.task.id!r}, turn {turn}: {shown(walk.actions[turn])} earned {step.reward:g}, expected "
                    f"{low:g} to {high:g}; correct the reward, or declare another reward_range"
                )
                break


@check("light")
def rewards_tell_agents_apart(world: World) -> Problems:
    """Expert, random actions and doing nothing do not all have the same return."""
    returns = {_return(world.environment, walk) for walk in world.walks()}
    if len(returns) == 1:
        if world.spec.bridge and not world.has_expert:
            raise NotApplicable("a bridge has no expert, and random actions earn what doing nothing does")
        players = (
            "the expert, random actions and doing nothing" if world.has_expert else "random actions and doing nothing"
        )
        yield (
            f"{players} all have the return {returns.pop():g} on {len(world.tasks)} tasks, expected a difference; "
            "nothing can be learned from a constant reward"
        )


@check("light")
def expert_succeeds(world: World) -> Problems:
    """The expert solves tasks of every list within `max_turns`, and the end says so."""
    world.require_expert()
    for task in world.tasks:
        walk = world.walk(task, "expert")
        last = walk.steps[-1] if walk.steps else None
        if last is None or not (last.terminated and last.success):
            yield (
                f"task {task.id!r}: the expert ends after {len(walk.steps)} turns of {world.environment.max_turns} "
                f"with {last!r}, expected terminated and success; a task that nobody can solve is none"
            )


def _return(environment: Environment, walk: Walk) -> float:
    return episode_return(environment, [step.reward for step in walk.steps])


REWARD_CHECKS = (rewards_are_in_range, rewards_tell_agents_apart, expert_succeeds)
