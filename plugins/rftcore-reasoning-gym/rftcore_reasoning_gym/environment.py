"""The environment `reasoning-gym`: the problems of one of the library's generated datasets, each a task of one turn.

It plays under the name of the dataset, so that a study can have several. The library has seeds and no splits; a problem
is a train or a test task by its question.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import count
from typing import Any, ClassVar, NamedTuple

from pydantic import Field, JsonValue

from rftcore.environment import Environment
from rftcore.errors import ConfigError, EpisodeError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task
from rftcore.splits import divided
from rftcore_reasoning_gym.episode import Problem
from rftcore_reasoning_gym.source import Dataset, dataset_of

GUESSES = 20
"""Answers of train tasks that the random policy draws from."""


class _Entry(NamedTuple):
    number: int
    question: str
    answer: str


class ReasoningGym(Environment):
    """A dataset of reasoning-gym at one or more difficulties."""

    class Config(Frozen):
        """Options of `reasoning-gym`."""

        dataset: str
        """Name of the dataset, such as `chain_sum`."""
        called: str = Field(default="", pattern=r"^([a-z][a-z0-9_-]*)?$")
        """Name that it plays under; empty: the dataset's."""
        arguments: dict[str, JsonValue] = Field(default_factory=dict)
        """Arguments of the dataset's configuration."""
        difficulties: dict[str, int | dict[str, JsonValue]] = Field(default={"easy": 0, "hard": 2}, min_length=1)
        """From easiest to hardest: a level of the library's curriculum, or further arguments."""
        train: int = Field(default=100, ge=1)
        """Train tasks of each difficulty."""
        test: int = Field(default=50, ge=1)
        """Test tasks of each difficulty."""
        success_score: float = Field(default=1.0, gt=0, le=1)
        """Least score of an answer that is a success; the library gives some for answers that are nearly right."""
        instructions: str = "Answer the question with the result alone."
        """What an agent has to know first."""

    name: ClassVar[str] = "reasoning-gym"
    max_turns = 1

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments.

        Raises ConfigError when the library is missing, or does not have such a dataset.
        """
        super().__init__(config, **options)
        given: ReasoningGym.Config = self.config
        self._datasets: dict[str, Dataset] = {
            name: dataset_of(given.dataset, given.arguments, difficulty)
            for name, difficulty in given.difficulties.items()
        }
        called = given.called or given.dataset
        self.config = given.model_copy(update={"called": called})
        # Declared by the class elsewhere; here they are those of the dataset.
        vars(self).update(name=called, difficulties=tuple(given.difficulties))
        self.instructions = given.instructions
        self._lists: dict[str, dict[Split, list[_Entry]]] = {}
        self._lock = threading.RLock()

    def __reduce__(self) -> tuple[type[ReasoningGym], tuple[Frozen]]:
        return type(self), (self.config,)

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return as many tasks as the options say, each with a question of its own.

        Raises ConfigError when `difficulty` is unknown, or not as many different questions are found.
        """
        return [self._task(split, difficulty, entry) for entry in self._listed(difficulty)[split]]

    def start(self, task: Task) -> Problem:
        """Begin `task`. Raises EpisodeError when the library makes another problem of its number now."""
        self._check(task.difficulty)
        dataset = self._datasets[task.difficulty]
        with self._lock:
            entry = dataset[task.seed]
        if entry["question"] != task.data.get("question"):
            raise EpisodeError(
                f"problem {task.seed} of {self.config.dataset} is another one than when task {task.id!r} was listed, "
                "expected the same; report it to the authors of reasoning-gym"
            )

        def score(answer: str) -> float | None:
            try:
                with self._lock:
                    return float(dataset.score_answer(answer, entry))
            except Exception:  # scorers of the library parse what they are given, each in its way
                return None

        guesses = [each.answer for each in self._listed(task.difficulty)["train"][:GUESSES]]
        return Problem(str(entry["question"]), str(task.answer), score, self.config.success_score, guesses)

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return what is known of any dataset."""
        return {
            "lists_actions": False,
            "feedback": "a score, once",
            **{f"expert_turns_{difficulty}": 1.0 for difficulty in self.difficulties},
            "deterministic": True,
            "thread_safe": True,
            "data_source": f"generated by reasoning-gym {version('reasoning-gym')}: {self.config.dataset}",
            "license": "that of reasoning-gym: Apache-2.0",
        }

    def _listed(self, difficulty: str) -> dict[Split, list[_Entry]]:
        self._check(difficulty)
        with self._lock:
            if difficulty not in self._lists:
                supply = ((entry, entry.question) for entry in self._solvable(self._datasets[difficulty]))
                self._lists[difficulty] = divided(supply, self.config.train, self.config.test)
            return self._lists[difficulty]

    def _solvable(self, dataset: Dataset) -> Iterator[_Entry]:
        """Yield the problems whose own answer is a success: for some the library knows none, some it cannot make."""
        unsolved = 0
        for number in count():
            entry = _generated(dataset, number)
            answer = entry["answer"] if entry else None
            if entry and answer is not None and dataset.score_answer(str(answer), entry) >= self.config.success_score:
                yield _Entry(number, str(entry["question"]), str(answer))
                continue
            unsolved += 1
            if unsolved > 10 * (self.config.train + self.config.test):
                raise ConfigError(
                    f"dataset: of {number + 1} problems of {self.config.dataset} the library's own answers solve "
                    f"{number + 1 - unsolved}, expected more; lower success_score, or choose another dataset"
                )

    def _task(self, split: Split, difficulty: str, entry: _Entry) -> Task:
        return Task(
            environment=self.name,
            id=f"{self.name}/{difficulty}/{split}/{entry.number}",
            split=split,
            difficulty=difficulty,
            seed=entry.number,
            data={"question": entry.question},
            answer=entry.answer,
        )

    def _check(self, difficulty: str) -> None:
        if difficulty not in self.difficulties:
            raise ConfigError(f"found difficulty {difficulty!r}, expected one of: {', '.join(self.difficulties)}")


def _generated(dataset: Dataset, number: int) -> dict[str, Any] | None:
    """Return a problem; None where its generator gives up, as that of countdown does for some numbers."""
    try:
        return dataset[number]
    except Exception:  # each generator with an error of its own
        return None
