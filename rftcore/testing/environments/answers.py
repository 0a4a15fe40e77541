"""What an environment promises of a task's private answer: no observation gives it away.

There are two ways to see it. A mark in place of the answer is recognized wherever it comes up, unless the episode reads
its answer and takes no other text. The answer itself may stand in an observation by chance; then it stands there in
tasks with other answers too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from pydantic import JsonValue

from rftcore.schemas.task import Task
from rftcore.testing.check import NotApplicable, Problems, check
from rftcore.testing.environments.walk import drawing, idle, play, shown
from rftcore.testing.environments.world import World
from rftcore.testing.origin import raised

MARK = "zqxanswer"
"""Stands in place of every word of a private answer, so that it is recognized wherever it comes up."""

NUMBER = 918273645
"""Stands in place of every number of a private answer."""

TELLING = 6
"""Letters that a text needs to be recognized as the answer wherever it comes up."""

_WORD_OR_NUMBER = re.compile(r"[^\W\d_]+|\d+")

Leak = tuple[int, str]
"""The number of an observation, and the observation."""


@check("light")
def answer_stays_private(world: World) -> Problems:
    """The private answer of a task is in no observation that random actions, or none, bring about."""
    tasks = [task for task in world.tasks if task.answer is not None]
    if not tasks:
        raise NotApplicable("its tasks have no private answer")
    unreadable = ""
    for task in tasks:
        try:
            leak = _of_a_mark(world, task)
        except Exception as error:  # an episode may take no answer but one of its own form
            unreadable, leak = raised(error, world.spec.target), None
        leak = leak or _of_the_answer(world, task, tasks)
        if leak is not None:
            turn, text = leak
            yield (
                f"task {task.id!r}, observation {turn}: the private answer is in {shown(text)}, expected it in no "
                "observation; what an agent may read belongs into task.data"
            )
            return
    if unreadable:
        world.note(
            f"the answers themselves were looked for, where nothing is done: with a mark in place of one {unreadable}"
        )


def _of_a_mark(world: World, task: Task) -> Leak | None:
    """Return the first observation that shows a mark in place of the answer."""
    marked = task.model_copy(update={"answer": _marked(task.answer)})
    for player in (drawing(marked), idle(marked)):
        walk = play(world.environment, marked, player, world.environment.max_turns)
        for turn, text in enumerate(walk.observations):
            if MARK in text.lower() or str(NUMBER) in text:
                return turn, text
    return None


def _of_the_answer(world: World, task: Task, tasks: Sequence[Task]) -> Leak | None:
    """Return the first observation of doing nothing that has the answer, while tasks with other answers lack it."""
    answer = task.answer
    if not isinstance(answer, str) or len(answer) < TELLING or answer in json.dumps(task.data, ensure_ascii=False):
        return None
    for turn, text in enumerate(world.walk(task, "idle").observations):
        if answer in text:
            others = (world.walk(other, "idle") for other in tasks if other.answer != answer)
            by_chance = any(answer in said for other in others for said in other.observations)
            return None if by_chance else (turn, text)
    return None


def _marked(answer: JsonValue) -> JsonValue:
    """Return an answer of the same form that nothing else resembles."""
    if isinstance(answer, str):
        marked = _WORD_OR_NUMBER.sub(lambda found: str(NUMBER) if found[0].isdecimal() else MARK, answer)
        return marked if marked != answer else MARK
    if isinstance(answer, list):
        return [_marked(item) for item in answer]
    if isinstance(answer, dict):
        return {key: _marked(item) for key, item in answer.items()}
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        return type(answer)(NUMBER)
    return answer


ANSWER_CHECKS = (answer_stays_private,)
