"""One run of one ScienceWorld task."""

from __future__ import annotations

import random
import re

from rftcore.environment import ActionList, Episode, Step, with_actions
from rftcore.errors import EpisodeError
from rftcore_sciworld import pool
from rftcore_sciworld.expert import Expert
from rftcore_sciworld.rules import STEP_LIMIT, act
from rftcore_sciworld.world import World

LONGEST = 200
"""Characters of an action that the simulator gets to see under the mended rules."""
_REFUSED = re.compile(
    r"(No known action|Unknown action|It'?s not clear|I'm not sure|Something can't|You can't|That can't"
    r"|.* (is|are) not (open|moveable|edible|openable|closeable|activateable|a container|something|possible))"
)
"""How an answer begins when nothing was done."""
_ANSWER = 0.8
"""Share of the questions that a random player answers."""


class Experiment(Episode):
    """A task in a world of its own.

    The reward is the share of the task that is done, 0 to 1, after each action. All done is success; a fatal mistake
    gives 0 and the end. `close` hands the world on.
    """

    def __init__(self, kind: str, variation: int, action_list: ActionList, *, mended: bool) -> None:
        self._action_list = action_list
        self._mended = mended
        self._taken: list[str] = []
        self._expert = Expert(kind, variation, mended=mended)
        self._reward = 0.0
        self._end: Step | None = None
        self._world: World | None = pool.take()
        description, view = self._world.load(kind, variation)
        self.observation = self._listed(f"{description}\n{view}", first=True)

    def step(self, action: str) -> Step:
        if self._end is not None:
            return self._end
        action = "".join(character if character.isprintable() else " " for character in action)
        if self._mended and len(action) > LONGEST:
            return self._answer(f"No known action is that long ({len(action)} characters).", self._reward, valid=False)
        outcome = act(self._alive(), action, mended=self._mended)
        self._taken.append(action)
        self._reward = min(1.0, max(0.0, outcome.score / 100))
        valid = _REFUSED.match(outcome.observation) is None
        step = self._answer(outcome.observation, self._reward, valid=valid, over=outcome.over)
        won = outcome.over and outcome.score == 100
        late = not self._mended and outcome.moves > STEP_LIMIT
        if outcome.over or late:
            step = self._end = Step(step.observation, step.reward, outcome.over, late and not outcome.over, won, valid)
        return step

    def available_actions(self) -> tuple[str, ...] | None:
        """Return every action that would do something, some hundreds, where observations list them; else None."""
        if self._action_list == "never" or self._end is not None:
            return None
        return self._alive().valid_actions()

    def random_action(self, rng: random.Random) -> str:
        """Return a random kind of action with random things in sight; after a question, mostly a number on offer."""
        world = self._alive()
        if world.asked and rng.random() < _ANSWER:
            return str(rng.randrange(max(1, self.observation.count(":\t"))))
        templates, things = world.grammar()
        words = rng.choice(templates).split(" ")
        return " ".join(rng.choice(things) if word == "OBJ" else word for word in words)

    def expert_action(self) -> str | None:
        """Return the next action of the gold path, or of a way back to it; None where none was found that works."""
        if self._end is not None:
            return None
        self._alive()
        return self._expert.next(self._taken)

    def close(self) -> None:
        """Hand the world on. The episode cannot be played any further."""
        world, self._world = self._world, None
        if world is not None:
            pool.give_back(world)

    def _answer(self, observation: str, reward: float, *, valid: bool, over: bool = False) -> Step:
        self.observation = observation if over else self._listed(observation)
        return Step(self.observation, reward, terminated=over, valid=valid)

    def _listed(self, observation: str, *, first: bool = False) -> str:
        if self._action_list == "never" or (self._action_list == "first" and not first):
            return observation
        return with_actions(observation, self._alive().valid_actions())

    def _alive(self) -> World:
        if self._world is None:
            raise EpisodeError("this episode of sciworld was closed; start another one")
        return self._world
