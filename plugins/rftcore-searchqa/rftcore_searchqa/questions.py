"""A question with its answers, and how tasks carry it."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from rftcore.errors import ConfigError
from rftcore.schemas.task import Split, Task


class Hop(NamedTuple):
    """One passage on the way to the answer."""

    query: str
    """What the expert searches for."""
    title: str
    """Of the passage, without quotes."""

    @classmethod
    def of(cls, pair: object) -> Hop:
        """Read a hop from JSON. Raises TypeError when `pair` is not a list of two texts."""
        match pair:
            case [str(query), str(title)]:
                return cls(query, title)
        raise TypeError(f"found {str(pair)[:80]} as a hop, expected a query and a title")


class Question(NamedTuple):
    """What is asked."""

    text: str
    golds: tuple[str, ...]
    """Answers that are right; the first is the expert's."""
    hops: tuple[Hop, ...] = ()
    """The passages that the answer follows from, in order; none where that is not known."""

    def task(self, environment: str, split: Split, difficulty: str, number: int, form: str) -> Task:
        """Return the task that asks this; `form` says publicly what kind of question it is."""
        key = f"{environment}/{difficulty}/{split}/{number:06}"
        return Task(
            environment=environment,
            id=key,
            split=split,
            difficulty=difficulty,
            seed=int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big"),
            data={"question": self.text, "form": form},
            answer={"golds": list(self.golds), "hops": [list(hop) for hop in self.hops]},
        )

    @classmethod
    def of(cls, task: Task) -> Question:
        """Read the question of a task. Raises ConfigError when the task has none."""
        try:
            text, answer = task.data["question"], task.answer
            if not isinstance(text, str) or not isinstance(answer, dict):
                raise TypeError("no question, or no answer")
            golds, hops = answer["golds"], answer["hops"]
            if not isinstance(golds, list) or not golds or not isinstance(hops, list):
                raise TypeError("no golds, or no hops")
            return cls(text, tuple(str(gold) for gold in golds), tuple(Hop.of(hop) for hop in hops))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"task {task.id!r} is no question ({error}); expected data with 'question', and an answer with 'golds' "
                "and 'hops', as the task lists have"
            ) from error
