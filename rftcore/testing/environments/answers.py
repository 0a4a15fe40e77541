"""What an environment promises of a task's private answer: no observation gives it away.

There are two ways to see it. A mark in place of the answer is recognized wherever it comes up, unless the episode reads
its answer and takes no other text; what it showed before it raised counts. The answer itself may stand in an
observation by chance; then it stands there in tasks with other answers too. A short one stands anywhere.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from rftcore.schemas.task import Task
from rftcore.testing.check import NotApplicable, Problems, check
from rftcore.testing.environments.walk import Player, Walk, Walker, drawing, idle, shown
from rftcore.testing.environments.world import World
from rftcore.testing.origin import THEIRS, raised

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
    unreadable: list[Task] = []
    why = ""
    for task in tasks:
        leak, error = _of_a_mark(world, task)
        if error is not None:
            unreadable.append(task)
            why = raised(error, world.spec.target)
        leak = leak or _of_the_answer(world, task, tasks, ("idle",) if error is None else ("idle", "random"))
        if leak is not None:
            turn, text = leak
            yield (
                f"task {task.id!r}, observation {turn}: the private answer is in {shown(text)}, expected it in no "
                "observation; what an agent may read belongs into task.data"
            )
            return
    if unreadable:
        said = f"{_looked_for(unreadable)}; with a mark in place of one {why}"
        if len(unreadable) == len(tasks) and all(_unfit(task) for task in tasks):
            raise NotApplicable(said)
        world.note(said)


def _of_a_mark(world: World, task: Task) -> tuple[Leak | None, BaseException | None]:
    """Return the first observation that shows a mark in place of the answer, and what the mark made the episode raise.

    An episode may take no answer but one of its own form.
    """
    marked = task.model_copy(update={"answer": _marked(task.answer)})
    failed = None
    for player in (drawing(marked), idle(marked)):
        observations, error = _seen(world, marked, player)
        for turn, text in enumerate(observations):
            if MARK in text.lower() or str(NUMBER) in text:
                return (turn, text), None
        failed = failed or error
    return None, failed


def _seen(world: World, task: Task, player: Player) -> tuple[tuple[str, ...], BaseException | None]:
    """Return what was shown until the end, or until what was raised, which is returned too."""
    walker = None
    try:
        walker = Walker(world.environment, task, player)
        for _ in range(world.environment.max_turns):
            if not walker.turn():
                break
        return walker.close().observations, None
    except THEIRS as error:  # somebody else's code, which was given an answer that it did not expect
        return walker.walk.observations if walker else (), error


def _of_the_answer(world: World, task: Task, tasks: Sequence[Task], players: Sequence[str]) -> Leak | None:
    """Return the first observation of these players that has the answer, while tasks with other answers lack it."""
    if _unfit(task):
        return None
    answer = _wording(task.answer)
    for player in players:
        for leak in _said(answer, world.walk(task, player)):
            others = (world.walk(other, by) for other in tasks if other.answer != task.answer for by in players)
            by_chance = any(True for walk in others for _ in _said(answer, walk))
            return None if by_chance else leak
    return None


def _said(answer: re.Pattern[str], walk: Walk) -> Iterator[Leak]:
    """Yield the observations that have the answer before the actions, which an observation may repeat, have it."""
    for turn, text in enumerate(walk.observations):
        if answer.search(text) and not answer.search(" ".join(walk.actions[:turn])):
            yield turn, text


def _words(answer: JsonValue) -> list[str] | None:
    """Return the answer as texts that follow each other; None for an answer of another form."""
    words = answer if isinstance(answer, list) else [answer]
    plain = all(isinstance(word, str | int | float) and not isinstance(word, bool) for word in words)
    return [str(word) for word in words] if plain else None


def _wording(answer: JsonValue) -> re.Pattern[str]:
    """Return what finds the answer in a text, a list with whatever stands between its words."""
    return re.compile(r"[\W_]+".join(re.escape(word) for word in _words(answer) or ()))


def _unfit(task: Task) -> str:
    """Return why the answer itself cannot be looked for; nothing when it can."""
    words = _words(task.answer)
    if words is None:
        return "being neither text nor a list of words"
    if len(" ".join(words)) < TELLING:
        return f"being shorter than {TELLING} letters"
    return "being in task.data too" if _wording(task.answer).search(json.dumps(task.data, ensure_ascii=False)) else ""


def _looked_for(tasks: Sequence[Task]) -> str:
    """Say how many answers themselves were looked for, and why the others were not."""
    kinds = Counter(_unfit(task) for task in tasks)
    done = f"of {len(tasks)} answers themselves {kinds.pop('', 0)} were looked for, with random actions or none"
    return "; ".join([done, *(f"{count} were not, {why}" for why, count in sorted(kinds.items()))])


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
