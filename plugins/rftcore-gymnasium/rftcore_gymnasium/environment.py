"""The environment `gymnasium`: plays any environment of Gymnasium that can be read and answered in text.

It plays under the name of what it plays, so that a study can have several. A task is a seed of `reset`. Nothing here
knows an environment by name: what the options do not say is asked of Gymnasium once, and kept in the configuration.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from itertools import count
from typing import Any, ClassVar, Literal

import gymnasium
from pydantic import Field, JsonValue

from rftcore.environment import ActionList, Environment
from rftcore.errors import ConfigError, EpisodeError
from rftcore.schemas.frozen import Frozen, digest
from rftcore.schemas.task import Split, Task
from rftcore.splits import divided
from rftcore_gymnasium.actions import actions_of
from rftcore_gymnasium.episode import GymnasiumEpisode, Rules
from rftcore_gymnasium.observations import Show, check_view, preferred, seen
from rftcore_gymnasium.source import derived_name, make, registered

TEST_SEEDS = 1_000_000_000
"""First seed of the test split, where seeds tell tasks apart: neither list grows into the other."""


class Gymnasium(Environment):
    """An environment of Gymnasium. It is made once to see its spaces, and once more for each episode."""

    class Config(Frozen):
        """Options of `gymnasium`."""

        id: str
        """Gymnasium's id, such as `Taxi-v4`; of another package `PACKAGE:ID`, which imports it first."""
        called: str = Field(default="", pattern=r"^([a-z][a-z0-9_-]*)?$")
        """Name that it plays under; empty: the id in lower case."""
        kwargs: dict[str, JsonValue] = Field(default_factory=dict)
        """Arguments of `gymnasium.make`."""
        difficulties: dict[str, dict[str, JsonValue]] = Field(default={"all": {}}, min_length=1)
        """From easiest to hardest: the name of each difficulty, and further arguments that make it."""
        train: int = Field(default=100, ge=1)
        """Train tasks of each difficulty."""
        test: int = Field(default=50, ge=1)
        """Test tasks of each difficulty."""
        distinct: Literal["observation", "seed"] = "observation"
        """What tells tasks apart: how they begin, or their seed alone, for those that all begin alike."""
        show: Show | None = None
        """`observation` or `ansi`, its own drawing; None: the drawing where the observation is a mere number."""
        observations: tuple[str, ...] = ()
        """Names of Discrete observations, in their order."""
        actions: tuple[str, ...] = ()
        """Names of Discrete actions, in their order; empty: their numbers."""
        action_list: ActionList = "never"
        """Which observations list the possible actions."""
        instructions: str = ""
        """What an agent has to know first; the form of an action is added."""
        returns: Literal["last", "sum", "max"] = "sum"
        """How rewards become the return of an episode."""
        reward_range: tuple[float, float] = (0.0, 1.0)
        """Lowest and highest reward of a turn. Gymnasium does not say."""
        success_reward: float = 1.0
        """Least last reward of an episode that terminated and is a success."""
        success_info: str = ""
        """Key of `info` that says in the end, instead of the reward, whether it is a success."""
        max_turns: int | None = Field(default=None, ge=1)
        """Turns after which the rollout truncates; None: as registered."""

    name: ClassVar[str] = "gymnasium"

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments.

        Raises ConfigError when Gymnasium cannot make it, or its spaces or the options cannot be said in text.
        """
        super().__init__(config, **options)
        given: Gymnasium.Config = self.config
        self._spec = registered(given.id)
        turns = given.max_turns or self._spec.max_episode_steps
        if turns is None:
            raise ConfigError(
                f"max_turns: {given.id} is registered without a limit of steps, expected one; set it here"
            )
        sample = make(self._spec, {**given.kwargs, **next(iter(given.difficulties.values()))}, ansi=False)
        show = given.show or preferred(sample, given.observations)
        check_view(sample, show, given.observations)
        actions = actions_of(sample.action_space, given.actions)
        sample.close()
        if given.action_list != "never" and not actions.enumerated:
            raise ConfigError(f"action_list: the actions of {given.id} are too many to list, expected 'never'")
        called = given.called or derived_name(given.id)
        self.config = given.model_copy(update={"called": called, "max_turns": turns, "show": show})
        # Declared by the class elsewhere; here they are those of whatever is played.
        vars(self).update(
            name=called,
            difficulties=tuple(given.difficulties),
            returns=given.returns,
            reward_range=given.reward_range,
        )
        self.max_turns = turns
        self.instructions = " ".join(filter(None, [given.instructions, actions.grammar]))
        self._rules = Rules(
            actions=actions,
            see=lambda environment, observation: seen(environment, observation, show, given.observations),
            action_list=given.action_list,
            nonsense=min(0.0, given.reward_range[0]),
            succeeded=self._succeeded,
        )
        self._lists: dict[str, dict[Split, list[tuple[int, str]]]] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Gymnasium], tuple[Frozen]]:
        return type(self), (self.config,)

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return as many tasks as the options say.

        Raises ConfigError when `difficulty` is unknown, or not as many tasks are found that begin differently.
        """
        self._check(difficulty)
        with self._lock:
            if difficulty not in self._lists:
                self._lists[difficulty] = self._found(difficulty)
        return [self._task(split, difficulty, seed, start) for seed, start in self._lists[difficulty][split]]

    def start(self, task: Task) -> GymnasiumEpisode:
        """Begin `task`. Raises EpisodeError when it begins otherwise than when it was listed."""
        self._check(task.difficulty)
        episode = GymnasiumEpisode(self._made(task.difficulty), task.seed, self._rules)
        expected = task.data.get("start")
        if expected is not None and _mark(episode.start) != expected:
            episode.close()
            raise EpisodeError(
                f"task {task.id!r} began otherwise than when it was listed, expected reset(seed={task.seed}) to "
                f"decide; report it to the authors of {self.config.id}"
            )
        return episode

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return what is known of any environment of Gymnasium."""
        module = str(self._spec.entry_point).partition(".")[0].partition(":")[0]
        return {
            "lists_actions": self.config.action_list != "never",
            "feedback": f"the rewards of {self.config.id}, their {self.config.returns} is the return",
            "deterministic": not self._spec.nondeterministic,
            "thread_safe": True,
            "gymnasium_id": self.config.id,
            "gymnasium_version": version("gymnasium"),
            "tasks_differ_in": self.config.distinct,
            "data_source": f"the installed package {module}",
            "license": f"that of the package {module}",
        }

    def _found(self, difficulty: str) -> dict[Split, list[tuple[int, str]]]:
        """Return seeds of both splits, each with the mark of its first observation."""
        train, test = self.config.train, self.config.test
        if self.config.distinct == "seed":
            return {"train": [(seed, "") for seed in range(train)], "test": [(TEST_SEEDS + n, "") for n in range(test)]}
        environment = self._made(difficulty)  # one for all seeds: some take longer to make than to play
        firsts = ((seed, self._rules.see(environment, environment.reset(seed=seed)[0])) for seed in count())
        try:
            return divided((((seed, _mark(first)), first) for seed, first in firsts), train, test)
        except ConfigError as error:
            raise ConfigError(
                f"{error}, or set distinct='seed' if tasks of {self.config.id} differ in what the first observation "
                "does not show"
            ) from error
        finally:
            environment.close()

    def _made(self, difficulty: str) -> gymnasium.Env[Any, Any]:
        options = {**self.config.kwargs, **self.config.difficulties[difficulty]}
        return make(self._spec, options, self.config.show == "ansi")

    def _task(self, split: Split, difficulty: str, seed: int, start: str) -> Task:
        return Task(
            environment=self.name,
            id=f"{self.name}/{difficulty}/{split}/{seed}",
            split=split,
            difficulty=difficulty,
            seed=seed,
            data={"start": start} if start else {},
        )

    def _check(self, difficulty: str) -> None:
        if difficulty not in self.difficulties:
            raise ConfigError(f"found difficulty {difficulty!r}, expected one of: {', '.join(self.difficulties)}")

    def _succeeded(self, reward: float, info: Mapping[str, Any]) -> bool:
        if self.config.success_info:
            return bool(info.get(self.config.success_info, False))
        return bool(reward >= self.config.success_reward)


def _mark(observation: str) -> str:
    """Return a short hash of a first observation."""
    return digest(observation)[:16]
