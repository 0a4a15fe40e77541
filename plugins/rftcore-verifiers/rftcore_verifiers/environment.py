"""The environment `verifiers`: plays any environment of the library verifiers that is said in text.

It plays under the name of what it plays, so that a study can have several. A task is a row of the environment's own
dataset. Nothing here knows an environment by name: what the options do not say is asked of the environment once, and
kept in the configuration.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, ClassVar

from pydantic import Field, JsonValue

from rftcore.environment import Environment
from rftcore.errors import ConfigError, EpisodeError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task
from rftcore_verifiers.episode import GuidedEpisode, Rules, VerifiersEpisode
from rftcore_verifiers.loop import Loop
from rftcore_verifiers.messages import grammar
from rftcore_verifiers.rows import Dataset, Distinct, Row, dataset_of, lists, mark
from rftcore_verifiers.source import loaded

GUESSES = 20
"""Answers of train tasks that the random policy draws from."""


class Verifiers(Environment):
    """An environment of verifiers at one or more difficulties, each of them loaded once."""

    class Config(Frozen):
        """Options of `verifiers`."""

        id: str
        """An installed package of the Environments Hub, such as `wordle`, or `MODULE:NAME` of what makes one."""
        called: str = Field(default="", pattern=r"^([a-z][a-z0-9_-]*)?$")
        """Name that it plays under; empty: one made of the id."""
        arguments: dict[str, JsonValue] = Field(default_factory=dict)
        """Arguments that it is loaded with."""
        difficulties: dict[str, dict[str, JsonValue]] = Field(default={"all": {}}, min_length=1)
        """From easiest to hardest: the name of each difficulty, and further arguments that make it."""
        train: int = Field(default=100, ge=1)
        """Train tasks of each difficulty."""
        test: int = Field(default=50, ge=1)
        """Test tasks of each difficulty."""
        distinct: Distinct = "prompt"
        """What tells tasks apart: what is read first, or the whole row, for those that all begin alike."""
        instructions: str | None = None
        """What an agent has to know first; None: the system prompt. How tools are called is added."""
        expert: str = ""
        """The expert's action, with `{answer}` for the row's answer; empty: there is no expert."""
        reward_range: tuple[float, float] | None = None
        """Lowest and highest reward; None: those of a rubric whose functions give 0 to 1."""
        success_metric: str = ""
        """Name of the reward function that tells a success; empty: the reward."""
        success_score: float = 1.0
        """Least score of a success."""
        max_turns: int | None = Field(default=None, ge=1)
        """Turns after which the library stops, and rewards; None: the environment's."""
        timeout: float = Field(default=120.0, gt=0)
        """Seconds that the environment has for an answer."""

    name: ClassVar[str] = "verifiers"

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments.

        Raises ConfigError when the library is missing, or the environment cannot be loaded or played in text.
        """
        super().__init__(config, **options)
        given: Verifiers.Config = self.config
        self._loaded = {
            name: loaded(given.id, {**given.arguments, **further}) for name, further in given.difficulties.items()
        }
        first = next(iter(self._loaded.values()))
        turns = given.max_turns or max(int(getattr(first, "max_turns", 0)), 0)
        if not turns:
            raise ConfigError(f"max_turns: {given.id} has no limit of turns, expected one; set it here")
        for environment in self._loaded.values():
            environment.max_turns = turns
        self.config = given.model_copy(
            update={
                "called": given.called or _derived(given.id),
                "max_turns": turns,
                "reward_range": given.reward_range or _range(first.rubric),
            }
        )
        # Declared by the class elsewhere; here they are those of whatever is played.
        vars(self).update(
            name=self.config.called,
            difficulties=tuple(given.difficulties),
            reward_range=self.config.reward_range,
        )
        self.max_turns = turns
        self._system = str(getattr(first, "system_prompt", None) or "")
        said = self._system if given.instructions is None else given.instructions
        self.instructions = "\n".join(filter(None, [said, grammar(first.tool_defs or ())]))
        self._lists: dict[str, dict[Split, list[Row]]] = {}
        self._guesses: dict[str, list[str]] = {}
        self._lock = threading.RLock()
        self._loop = Loop()

    def __reduce__(self) -> tuple[type[Verifiers], tuple[Frozen]]:
        return type(self), (self.config,)

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return as many tasks as the options say.

        Raises ConfigError when `difficulty` is unknown, or not as many different tasks are found.
        """
        return [self._task(split, difficulty, row) for row in self._listed(difficulty)[split]]

    def start(self, task: Task) -> VerifiersEpisode:
        """Begin `task`. Raises EpisodeError when its row says something else than when it was listed."""
        self._check(task.difficulty)
        row = self._row(task)
        environment, rules = self._loaded[task.difficulty], self._rules(task.difficulty)
        if not self.config.expert:
            return VerifiersEpisode(environment, row, rules, self._loop)
        return GuidedEpisode(environment, row, rules, self._loop, self._given(row.get("answer")))

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return what is known of any environment of verifiers."""
        module = self.config.id.partition(":")[0].rpartition("/")[2].partition(".")[0]
        return {
            "lists_actions": False,
            "feedback": "the reward of a rubric, at the end",
            "deterministic": True,
            "thread_safe": True,
            "verifiers_id": self.config.id,
            "verifiers_version": version("verifiers"),
            "tasks_differ_in": self.config.distinct,
            "data_source": f"the installed package {module}",
            "license": f"that of the package {module}",
        }

    def _rules(self, difficulty: str) -> Rules:
        environment, score = self._loaded[difficulty], self.config.success_score
        return Rules(
            system=self._system,
            tools=environment.tool_defs or (),
            turns=self.max_turns,
            nonsense=min(0.0, self.reward_range[0]),
            timeout=self.config.timeout,
            succeeded=lambda state: self._score(state) >= score,
            guesses=self._guessed(difficulty),
        )

    def _score(self, state: Mapping[str, Any]) -> float:
        metric = self.config.success_metric
        metrics = state.get("metrics") or {}
        if metric and metric not in metrics:
            raise EpisodeError(
                f"success_metric: found {metric!r}, expected one of: {', '.join(sorted(metrics))}; correct it"
            )
        return float(metrics[metric] if metric else state.get("reward") or 0.0)

    def _row(self, task: Task) -> Mapping[str, Any]:
        name: Dataset = "eval" if task.data.get("dataset") == "eval" else "train"
        with self._lock:
            rows = dataset_of(self._loaded[task.difficulty], name)
        row: Mapping[str, Any] = rows[task.seed] if rows is not None and 0 <= task.seed < len(rows) else {}
        if mark(row) != task.data.get("row"):
            raise EpisodeError(
                f"row {task.seed} of {self.config.id} says something else than when task {task.id!r} was listed, "
                "expected the same; install the version of then"
            )
        return row

    def _listed(self, difficulty: str) -> dict[Split, list[Row]]:
        self._check(difficulty)
        with self._lock:
            if difficulty not in self._lists:
                options = self.config
                environment = self._loaded[difficulty]
                self._lists[difficulty] = lists(environment, options.train, options.test, options.distinct)
            return self._lists[difficulty]

    def _guessed(self, difficulty: str) -> list[str]:
        with self._lock:
            if difficulty not in self._guesses:
                some = self.tasks("train", difficulty)[:GUESSES]
                guesses = [self._given(task.answer) for task in some]
                self._guesses[difficulty] = [guess for guess in guesses if guess.strip()] or ["I do not know."]
            return self._guesses[difficulty]

    def _given(self, answer: Any) -> str:
        """Return the action that gives an answer."""
        return (self.config.expert or "{answer}").replace("{answer}", _said(answer))

    def _task(self, split: Split, difficulty: str, row: Row) -> Task:
        answer = dataset_of(self._loaded[difficulty], row.dataset)[row.number].get("answer")
        return Task(
            environment=self.name,
            id=f"{self.name}/{difficulty}/{split}/{row.number}",
            split=split,
            difficulty=difficulty,
            seed=row.number,
            data={"dataset": row.dataset, "row": row.mark},
            answer=answer if answer is None or isinstance(answer, str) else _said(answer),
        )

    def _check(self, difficulty: str) -> None:
        if difficulty not in self.difficulties:
            raise ConfigError(f"found difficulty {difficulty!r}, expected one of: {', '.join(self.difficulties)}")


def _said(answer: Any) -> str:
    """Return an answer as text: JSON, if it is none."""
    return answer if isinstance(answer, str) else json.dumps(answer, default=str, ensure_ascii=False)


def _range(rubric: Any) -> tuple[float, float]:
    """Return the lowest and highest reward of a rubric whose functions give 0 to 1."""
    weights = [float(weight) for part in getattr(rubric, "rubrics", [rubric]) for weight in part.weights]
    return sum(min(weight, 0.0) for weight in weights), sum(max(weight, 0.0) for weight in weights)


def _derived(identifier: str) -> str:
    """Return an id as the name of an environment: `primeintellect/Wordle` is `wordle`."""
    name = re.split(r"[:/]", identifier)[-1]
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-_0123456789") or "verifiers"
