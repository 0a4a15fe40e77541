"""What rewards and experts promise: a declared range, something to learn from, tasks that can be done, no answer."""

from __future__ import annotations

import json

from pydantic import JsonValue

from rftcore.environment import Environment
from rftcore.rollout import episode_return
from rftcore.testing.check import NotApplicable, Problems, check
from rftcore.testing.environments.walk import Walk, drawing, idle, play, shown
from rftcore.testing.environments.world import World

MARK = "zqxanswer"
"""Stands in place of every text of a private answer, so that it is recognized wherever it comes up."""

NUMBER = 918273645
"""Stands in place of every number of a private answer."""

TELLING = 6
"""Letters that a text needs to be recognized as the answer wherever it comes up."""


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


@check("light")
def answer_stays_private(world: World) -> Problems:
    """The private answer of a task is in no observation that random actions, or none, bring about."""
    tasks = [task for task in world.tasks if task.answer is not None]
    if not tasks:
        raise NotApplicable("its tasks have no private answer")
    for task in tasks:
        marked = task.model_copy(update={"answer": _marked(task.answer)})
        for player in (drawing(marked), idle(marked)):
            walk = play(world.environment, marked, player, world.environment.max_turns)
            for turn, text in enumerate(walk.observations):
                if MARK in text or str(NUMBER) in text:
                    yield _leak(task.id, turn, text)
                    return
        told = task.answer if isinstance(task.answer, str) else ""
        if len(told) >= TELLING and told not in json.dumps(task.data, ensure_ascii=False):
            for turn, text in enumerate(world.walk(task, "idle").observations):
                if told in text:
                    yield _leak(task.id, turn, text)
                    return


def _leak(task: str, turn: int, text: str) -> str:
    return (
        f"task {task!r}, observation {turn}: the private answer is in {shown(text)}, expected it in no observation; "
        "what an agent may read belongs into task.data"
    )


def _marked(answer: JsonValue) -> JsonValue:
    """Return an answer of the same form that nothing else resembles."""
    if isinstance(answer, str):
        return MARK
    if isinstance(answer, list):
        return [_marked(item) for item in answer]
    if isinstance(answer, dict):
        return {key: _marked(item) for key, item in answer.items()}
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        return type(answer)(NUMBER)
    return answer


def _return(environment: Environment, walk: Walk) -> float:
    return episode_return(environment, [step.reward for step in walk.steps])


REWARD_CHECKS = (rewards_are_in_range, rewards_tell_agents_apart, expert_succeeds, answer_stays_private)
