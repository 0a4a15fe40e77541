"""Few-shot prompts: what an environment's expert did in train tasks, shown before an episode begins.

The examples are of the easiest difficulty, whatever is played, so that all prompts of an environment begin alike.
"""

from __future__ import annotations

from rftcore.attempts import closed
from rftcore.environment import Environment
from rftcore.errors import ConfigError
from rftcore.formats import PromptFormat
from rftcore.schemas.task import Task

Shot = tuple[tuple[str, str], ...]
"""One solved task: observation and action of each turn."""


class Examples:
    """The examples of each environment, solved when they are first asked for, in one prompt format."""

    def __init__(self, count: int, form: PromptFormat) -> None:
        self._count, self._form = count, form
        self._shots: dict[str, list[tuple[Task, Shot]]] = {}

    def __call__(self, environment: Environment, task: Task) -> list[tuple[str, str]]:
        """Return the turns that a prompt for `task` shows before it: observation and answer of each."""
        if not self._count:
            return []
        if environment.name not in self._shots:
            self._shots[environment.name] = shots(environment, self._count)
        examples = shown(self._shots[environment.name], task)
        return [(observation, self._form.write(action)) for shot in examples for observation, action in shot]


def shots(environment: Environment, count: int) -> list[tuple[Task, Shot]]:
    """Return the first `count` + 1 train tasks that the expert solves: one more, for whoever plays one of them.

    Raises ConfigError when there are not so many.
    """
    found: list[tuple[Task, Shot]] = []
    for task in environment.tasks("train", environment.difficulties[0]):
        shot = _solved(environment, task)
        if shot is not None:
            found.append((task, shot))
            if len(found) > count:
                return found
    raise ConfigError(
        f"shots: found {count}, but the expert of {environment.name} solves {len(found)} train tasks, and {count + 1} "
        "are needed: an example is never the task that is played. Expected fewer, or 0 where there is no expert"
    )


def shown(found: list[tuple[Task, Shot]], task: Task) -> list[Shot]:
    """Return those of `found` that are shown to whoever plays `task`: all but one, and never `task` itself."""
    return [shot for example, shot in found if example.digest != task.digest][: len(found) - 1]


def _solved(environment: Environment, task: Task) -> Shot | None:
    episode = environment.start(task)
    turns: list[tuple[str, str]] = []
    try:
        for _ in range(environment.max_turns):
            seen, action = episode.observation, episode.expert_action()
            if action is None:
                return None
            turns.append((seen, action))
            step = episode.step(action)
            if step.terminated or step.truncated:
                return tuple(turns) if step.success else None
    finally:
        closed(episode.close)
    return None
