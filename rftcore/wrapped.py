"""An environment around another one: it plays the same world, and decides anew which tasks there are."""

from __future__ import annotations

from collections.abc import Sequence

from rftcore.environment import Environment, Episode
from rftcore.schemas.task import Task


class Wrapped(Environment):
    """Everything is that of `environment`, but for what a subclass says of the tasks."""

    def __init__(self, environment: Environment, difficulties: tuple[str, ...] = ()) -> None:
        """`difficulties` take the place of the environment's own, if there are any."""
        super().__init__(environment.config)
        # Declared by the class elsewhere; here they are those of whatever is wrapped.
        vars(self).update(
            name=environment.name,
            difficulties=difficulties or environment.difficulties,
            returns=environment.returns,
            reward_range=environment.reward_range,
        )
        self.max_turns = environment.max_turns
        self.instructions = environment.instructions
        self.action_templates = environment.action_templates
        self._environment = environment

    def start(self, task: Task) -> Episode:
        """Begin `task` in the world that is wrapped."""
        return self._environment.start(task)

    def vocabulary(self) -> Sequence[str]:
        """Return the environment's own."""
        return self._environment.vocabulary()

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return the environment's own."""
        return self._environment.facts()
