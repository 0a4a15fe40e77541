"""What a model sees at each turn, as tokens, under a history policy.

The context is assembled from pieces that are encoded once: the prompt of a turn, and the tokens that were sampled in
answer to it. Nothing is decoded and encoded again. With the full history the context only grows. With a window it
keeps the first turn (which states the task) and the last `turns - 1` ones; dropping a turn in the middle makes the
learner fork a new row, because the context is no longer an extension of the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, Protocol

from pydantic import Field

from rftcore.schemas.frozen import Frozen


class Encoder(Protocol):
    """A chat template as tokens; the one in `rftcore.train.chat` wraps a tokenizer."""

    stop_ids: frozenset[int]

    def first(self, system: str, observation: str) -> list[int]:
        """Return the tokens from the start of the context to where the model begins to answer."""

    def next(self, observation: str, closed: bool) -> list[int]:
        """Return the tokens between an answer and the start of the next; `closed` when it ended with a stop token."""

    def encode_answer(self, text: str) -> list[int]:
        """Return the tokens of a demonstrated answer, end-of-turn token included."""

    def decode(self, token_ids: list[int]) -> str:
        """Return the text of an answer, stop token left out."""


class History(Frozen):
    """How much of the episode the model sees."""

    name: Literal["full", "window"] = "full"
    turns: int = Field(default=4, ge=2)
    """For `window`: turns in the context, the first one included."""


class Conversation:
    """The growing context of one episode."""

    def __init__(
        self, encoder: Encoder, history: History, system: str, examples: Sequence[tuple[str, str]] = ()
    ) -> None:
        """`examples` are turns that the first prompt shows before its observation: observation and answer of each."""
        self._encoder = encoder
        self._history = history
        self._system = system
        self._examples = examples
        self._observations: list[str] = []
        self._answers: list[list[int]] = []
        self.context: list[int] = []

    def prompt(self, observation: str) -> tuple[int, list[int]]:
        """Add an observation; return `(keep, ids)`: the context is its first `keep` tokens, then `ids`."""
        self._observations.append(observation)
        turn = len(self._answers)
        if turn == 0:
            ids = self._first(observation)
            self.context = list(ids)
            return 0, ids
        if self._history.name == "full" or turn < self._history.turns:
            keep = len(self.context)
            ids = self._encoder.next(observation, self._closed(turn - 1))
            self.context = self.context + ids
            return keep, ids
        return self._windowed(turn)

    def answer(self, token_ids: list[int]) -> str:
        """Add the sampled answer and return its text."""
        self._answers.append(list(token_ids))
        self.context = self.context + list(token_ids)
        return self._encoder.decode(token_ids)

    def _first(self, observation: str) -> list[int]:
        turns = [*self._examples, (observation, "")]
        ids = self._encoder.first(self._system, turns[0][0])
        for (_, answer), (following, _) in pairwise(turns):
            ids = ids + self._encoder.encode_answer(answer) + self._encoder.next(following, True)
        return ids

    def _windowed(self, turn: int) -> tuple[int, list[int]]:
        rebuilt = self._first(self._observations[0]) + self._answers[0]
        previous = 0
        for kept in range(turn - self._history.turns + 2, turn):
            rebuilt += self._encoder.next(self._observations[kept], self._closed(previous)) + self._answers[kept]
            previous = kept
        rebuilt += self._encoder.next(self._observations[turn], self._closed(previous))
        keep = 0
        for old, new in zip(self.context, rebuilt, strict=False):
            if old != new:
                break
            keep += 1
        self.context = rebuilt
        return keep, rebuilt[keep:]

    def _closed(self, turn: int) -> bool:
        answer = self._answers[turn]
        return bool(answer) and answer[-1] in self._encoder.stop_ids
