"""A walk: one episode as it was played, to be played again and compared."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rftcore.environment import Environment, Episode, Step
from rftcore.schemas.task import Task

Player = Callable[[Episode, int], str | None]
"""Takes a live episode and the number of the turn; returns the action, or None to stop."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What was seen, listed, done and answered."""

    task: Task
    first: str
    listed: tuple[tuple[str, ...] | None, ...] = ()
    """Available actions before each action."""
    actions: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the environment ended it."""
        return bool(self.steps) and (self.steps[-1].terminated or self.steps[-1].truncated)

    @property
    def observations(self) -> tuple[str, ...]:
        """All that an agent saw."""
        return (self.first, *(step.observation for step in self.steps))


class Walker:
    """Plays one episode, a turn at a time."""

    def __init__(self, environment: Environment, task: Task, player: Player) -> None:
        self._task, self._player = task, player
        self._episode = environment.start(task)
        self._first = self._episode.observation
        self._listed: list[tuple[str, ...] | None] = []
        self._actions: list[str] = []
        self._steps: list[Step] = []

    def turn(self) -> bool:
        """Play a turn. Returns False when the player or the environment has ended the episode."""
        action = self._player(self._episode, len(self._steps))
        if action is None:
            return False
        self._listed.append(self._episode.available_actions())
        step = self._episode.step(action)
        self._actions.append(action)
        self._steps.append(step)
        return not (step.terminated or step.truncated)

    @property
    def walk(self) -> Walk:
        """What was played until now."""
        return Walk(self._task, self._first, tuple(self._listed), tuple(self._actions), tuple(self._steps))

    def close(self) -> Walk:
        """Close the episode and return what was played."""
        self._episode.close()
        return self.walk


def play(environment: Environment, task: Task, player: Player, turns: int) -> Walk:
    """Play at most `turns` turns."""
    walker = Walker(environment, task, player)
    for _ in range(turns):
        if not walker.turn():
            break
    return walker.close()


def again(environment: Environment, walk: Walk) -> Walk:
    """Play the same actions."""
    return play(environment, walk.task, repeating(walk.actions), len(walk.actions))


def expert(task: Task) -> Player:
    """Do what the expert would do; give up where it does."""
    return lambda episode, turn: episode.expert_action()


def drawing(task: Task, seed: int = 0) -> Player:
    """Draw actions at random, the same for the same task and seed."""
    rng = random.Random(f"{task.id}/{seed}")
    return lambda episode, turn: episode.random_action(rng)


def idle(task: Task) -> Player:
    """Say nothing."""
    return lambda episode, turn: ""


def repeating(actions: Sequence[str]) -> Player:
    """Say what was said."""
    return lambda episode, turn: actions[turn] if turn < len(actions) else None


def difference(expected: Walk, found: Walk) -> str | None:
    """Return the first difference of two walks of one task as the beginning of a sentence; None when there is none."""
    where = f"task {expected.task.id!r}"
    if found.first != expected.first:
        return f"{where} began with {parted(expected.first, found.first)}"
    for number, action in enumerate(expected.actions):
        said = f"{where}, turn {number}"
        if number >= len(found.steps):
            return f"{said}: the episode had ended before"
        if found.listed[number] != expected.listed[number]:
            return f"{said}: the available actions were {parted(expected.listed[number], found.listed[number])}"
        if found.steps[number] != expected.steps[number]:
            return f"{said}: {shown(action)} gave {parted(expected.steps[number], found.steps[number])}"
    return None


def parted(first: object, second: object) -> str:
    """Show two values from a little before the place where they part."""
    ours, theirs = (value if isinstance(value, str) else repr(value) for value in (first, second))
    place = next((at for at, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), 0)
    start = max(0, place - 20)
    return f"{shown(ours[start:])} and then {shown(theirs[start:])}"


def shown(text: str) -> str:
    """Return the text as it would be typed in Python, cut after 60 characters."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
