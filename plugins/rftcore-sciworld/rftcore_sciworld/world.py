"""One world of the simulator: a house, an agent in it, and a task.

Worlds share a Java process, and in it two things that the simulator keeps only once: its random numbers, by which
animals wander, and the number that the next object gets. Each world keeps its own of both and puts them in place before
it acts, so it answers as if it were alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rftcore.errors import EpisodeError
from rftcore_sciworld.simulator import simulator

START = "look around"
"""The action that every episode begins with; its answer is part of the first observation."""
QUESTION = "Ambiguous request"
"""How an answer begins that asks which of several things was meant; the number of one of them is expected next."""
_ROOM = re.compile(r"This (?:room|outside location) is called the ([a-z ]+)\.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the simulator says to one action."""

    observation: str
    score: int
    """Percent of the task, 0 to 100; -100 after a fatal mistake."""
    over: bool
    """The simulator counts the task as done or lost."""
    moves: int
    """Actions that the simulator has counted, the first look included."""


class World:
    """A world that can be loaded again and again. Not thread-safe by itself; different worlds may be used at once.

    Every method raises EpisodeError when the Java process fails.
    """

    def __init__(self) -> None:
        self._simulator = simulator()
        with self._simulator.calling():
            java = self._simulator.java
            self._interface = java.scienceworld.runtime.pythonapi.PythonInterface()
            self._random = java.java.util.Random()
            self._count = 0
        self.asked = False
        """The last answer was a question."""

    @property
    def alive(self) -> bool:
        """Whether the Java process of this world still runs."""
        return self._simulator.alive

    def load(self, task: str, variation: int) -> tuple[str, str]:
        """Begin a task anew; return its description and what is seen first."""
        self.asked = False
        with self._acting():
            self._load(task, variation, gold=False)
            return str(self._interface.getTaskDescription()), str(self._interface.step(START))

    def gold(self, task: str, variation: int) -> tuple[str, ...]:
        """Return actions that solve the task from its beginning; the world is to be loaded again afterwards."""
        with self._acting():
            self._load(task, variation, gold=True)
            return self._texts(self._interface.getGoldActionSequence())

    def step(self, action: str) -> Outcome:
        """Apply one action. After a question, whatever is no number on offer is lost: it only ends the question."""
        with self._acting():
            observation = str(self._interface.step(action))
            self.asked = observation.startswith(QUESTION)
            score = round(100 * self._interface.getScore())
            over = bool(self._interface.getCompleted()) or score < 0
            return Outcome(observation, score, over, int(self._interface.getNumMoves()))

    def valid_actions(self) -> tuple[str, ...]:
        """Return every action that would do something now, some hundreds; slower than a step.

        The simulator draws random numbers for it. It draws them from elsewhere: to ask changes nothing.
        """
        with self._acting():
            statics, count = self._simulator.statics, self._simulator.statics.count()
            statics.put(self._simulator.java.java.util.Random(0), count)
            try:
                return self._texts(self._interface.getValidActionObjectCombinations())
            finally:
                statics.put(self._random, count)

    def grammar(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the templates of actions, with `OBJ` where a thing is named, and the names of the things in sight."""
        with self._acting():
            templates, things = self._interface.getPossibleActions(), self._interface.getPossibleObjects()
            return self._texts(templates), self._texts(things)

    def room(self) -> str:
        """Return the name of the room that the agent is in."""
        with self._acting():
            found = _ROOM.match(str(self._interface.freeActionLook()))
        if found is None:
            raise EpisodeError("ScienceWorld does not say where the agent is; expected `This room is called the ...`")
        return found[1]

    def _load(self, task: str, variation: int, *, gold: bool) -> None:
        error = self._interface.load(task, variation, "", gold)
        if error:
            raise EpisodeError(f"ScienceWorld cannot load {task!r}, variation {variation}: {error}")

    def _texts(self, java_list: Any) -> tuple[str, ...]:
        """Return a Java list of texts, in one call and not in one for each."""
        joined = str(self._simulator.java.java.lang.String.join("\n", java_list))
        return tuple(joined.split("\n")) if joined else ()

    @contextmanager
    def _acting(self) -> Iterator[None]:
        with self._simulator.calling():
            active = self._simulator.active
            if active is not self:
                if isinstance(active, World):
                    active._count = self._simulator.statics.count()
                self._simulator.statics.put(self._random, self._count)
                self._simulator.active = self
            yield
