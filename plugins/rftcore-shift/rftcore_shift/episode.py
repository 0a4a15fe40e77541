"""One run of one task behind another interface."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Literal

from rftcore.environment import ActionList, Episode, Step, with_actions
from rftcore_shift.distractors import insert
from rftcore_shift.syntax import Syntax, opaque, requoted
from rftcore_shift.wording import Wording

Feedback = Literal["dense", "sparse"]
NOTHING = "Nothing happens."
"""Under sparse feedback, the answer to every action that was not understood or not possible."""


@dataclass(frozen=True, slots=True)
class Interface:
    """What lies between the agent and any task of one environment."""

    syntax: Syntax | None
    action_list: ActionList
    feedback: Feedback | None
    sentences: tuple[str, ...]
    distractors: int
    """How many sentences each observation has."""
    paraphrased: bool
    seed: int
    returns: Literal["last", "sum", "max"]
    max_turns: int


class ShiftedEpisode(Episode):
    """An episode whose actions, observations and rewards go through an interface; its world is untouched."""

    def __init__(self, inner: Episode, interface: Interface, task: str) -> None:
        """Take an episode at its start, and the id of its task, which all that is random here follows from."""
        self._inner, self._interface, self._task = inner, interface, task
        self._turn = 0
        self._earned: list[float] = []
        self._end: Step | None = None
        self._wording = Wording(random.Random(f"wording/{interface.seed}/{task}")) if interface.paraphrased else None
        self.observation = self._listed(self._told(inner.observation))

    def step(self, action: str) -> Step:
        if self._end is not None:
            return self._end
        syntax, sparse = self._interface.syntax, self._interface.feedback == "sparse"
        read = action if syntax is None else syntax.read(action)
        sent = opaque(action) if read is None else read
        step = self._inner.step(sent)
        self._turn += 1
        self._earned.append(step.reward)
        answer = step.observation if step.valid else requoted(step.observation, sent, action)
        told = self._told(NOTHING if sparse and not step.valid else answer)
        if self._interface.feedback == "dense":
            told += f"\n{self._spelled_out(step)}"
        over = step.terminated or step.truncated
        self.observation = told if over else self._listed(told)
        step = replace(step, observation=self.observation, reward=self._paid(step) if sparse else step.reward)
        if over:
            self._end = step
        return step

    def available_actions(self) -> tuple[str, ...] | None:
        """Return the inner ones in the shifted syntax."""
        actions, syntax = self._inner.available_actions(), self._interface.syntax
        return actions if actions is None or syntax is None else tuple(map(syntax.write, actions))

    def random_action(self, rng: random.Random) -> str:
        """Return one that the inner environment draws, in the shifted syntax."""
        return self._written(self._inner.random_action(rng))

    def expert_action(self) -> str | None:
        """Return the inner expert's action in the shifted syntax."""
        action = self._inner.expert_action()
        return None if action is None else self._written(action)

    def close(self) -> None:
        self._inner.close()

    def _written(self, action: str) -> str:
        syntax = self._interface.syntax
        return action if syntax is None else syntax.write(action)

    def _told(self, text: str) -> str:
        """Return what the inner environment says in the wording, the syntax and the company of this interface."""
        text = "\n".join(map(self._line, text.split("\n")))
        count = self._interface.distractors
        if not count:
            return text
        rng = random.Random(f"distractors/{self._interface.seed}/{self._task}/{self._turn}")
        return insert(text, self._interface.sentences, count, rng)

    def _line(self, line: str) -> str:
        syntax = self._interface.syntax
        told = line if syntax is None else syntax.told(line)
        return told if self._wording is None or told != line else self._wording.apply(line)

    def _listed(self, text: str) -> str:
        mode = self._interface.action_list
        if mode == "never" or (mode == "first" and self._turn):
            return text
        actions = self.available_actions()
        if actions is None and self._interface.syntax is not None:
            actions = self._interface.syntax.forms()
        return text if actions is None else with_actions(text, actions)

    def _return(self) -> float:
        returns = self._interface.returns
        return self._earned[-1] if returns == "last" else sum(self._earned) if returns == "sum" else max(self._earned)

    def _paid(self, step: Step) -> float:
        """Return the reward under sparse feedback: the whole return once the task is decided, nothing before."""
        return self._return() if step.terminated else 0.0

    def _spelled_out(self, step: Step) -> str:
        understood = "understood and possible" if step.valid else "not understood or not possible"
        left = self._interface.max_turns - self._turn
        return f"Feedback: the action was {understood}; earned so far: {self._return():.2f}; turns left: {left}."
