"""One problem: a question, an answer, a score."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from rftcore.environment import Episode, Step


class Problem(Episode):
    """Takes one answer, and ends. Saying nothing is no answer."""

    def __init__(
        self, question: str, answer: str, score: Callable[[str], float | None], success: float, guesses: Sequence[str]
    ) -> None:
        self.observation = question
        self._question, self._answer = question, answer
        self._score, self._success, self._guesses = score, success, guesses
        self._end: Step | None = None

    def step(self, action: str) -> Step:
        """Score the answer; one that the library's scorer cannot read is worth 0 and not valid."""
        if self._end is not None:
            return self._end
        answer = action.strip(" \t\r\n\0")
        if not answer:
            self.observation = f"That is no answer.\n{self._question}"
            return Step(self.observation, 0.0, terminated=False, valid=False)
        score = self._score(answer)
        reward = 0.0 if score is None else score
        success = reward >= self._success
        self.observation = "Right." if success else f"Wrong, score {reward:.2g}."
        self._end = Step(self.observation, reward, terminated=True, success=success, valid=score is not None)
        return self._end

    def random_action(self, rng: random.Random) -> str:
        """Return the answer of any problem of the same list."""
        return rng.choice(self._guesses)

    def expert_action(self) -> str:
        """Return the library's answer."""
        return self._answer
