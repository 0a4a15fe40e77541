"""The five curricula: each turns its options into stages, and all of them pick tasks in the same way.

None looks at the history of a stage: what is trained when is decided by the configuration alone, so that two runs of a
study differ in what was asked and in nothing else. Wrong options are errors when the curriculum is made, not when the
stage begins.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator

from rftcore.curriculum import Curriculum, Stage, UpdateRecord, parse_train
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Task
from rftcore_sequential.picking import pick
from rftcore_sequential.training import Train, one_source, source, stage

Updates = Annotated[int, Field(ge=1)]


class Planned(Curriculum):
    """A curriculum whose stages follow from its configuration alone."""

    picking: ClassVar[str] = "rftcore-sequential/1"

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments. Raises ConfigError when they make no plan."""
        super().__init__(config, **options)
        self._stages = self.plan()

    @abstractmethod
    def plan(self) -> tuple[Stage, ...]:
        """Return the stages in order. Called once, when the curriculum is made."""

    def stages(self) -> tuple[Stage, ...]:
        """Return the stages in order; each starts from the checkpoint of the one before it."""
        return self._stages

    def next(
        self,
        stage: Stage,
        update: int,
        count: int,
        pools: Mapping[str, Sequence[Task]],
        history: Sequence[UpdateRecord],
        seed: int,
    ) -> list[Task]:
        """Return the `count` training tasks of this update; see `rftcore_sequential.picking.pick`."""
        return pick(stage, update, count, pools, seed)


class Single(Planned):
    """One environment, or one difficulty of it."""

    class Config(Frozen):
        """Options of the curriculum."""

        train: str
        """`environment` or `environment:difficulty`."""
        updates: Updates | None = None
        """Updates of the stage; None takes the experiment's."""

    name: ClassVar[str] = "single"

    def plan(self) -> tuple[Stage, ...]:
        """Return the one stage."""
        return (stage(one_source(self.config.train).name, updates=self.config.updates),)


class Mixture(Planned):
    """Several sources at once. Example: `Mixture(train={"textcraft": 2, "babyai:easy": 1})`."""

    class Config(Frozen):
        """Options of the curriculum."""

        train: Train
        """`a+b`, a list of sources, or a mapping of sources to their shares of the tasks, relative to each other.

        With an algorithm of its own: `imitation(a+b)`, or `{imitation: {a: 2, b: 1}}`.
        """
        updates: Updates | None = None
        """Updates of the stage; None takes the experiment's."""

    name: ClassVar[str] = "mixture"

    def plan(self) -> tuple[Stage, ...]:
        """Return the one stage."""
        return (stage(self.config.train, updates=self.config.updates),)


class Sequential(Planned):
    """Stages one after the other. Example: `Sequential(train=["textcraft:easy", {"textcraft": 3, "babyai": 1}])`."""

    class Config(Frozen):
        """Options of the curriculum."""

        train: str | tuple[Train, ...]
        """`a>b`, or a list with one item a stage; an item takes the forms of a mixture's `train`."""
        updates: Updates | tuple[Updates | None, ...] | None = None
        """Updates of each stage: one number for all, or one for each; None takes the experiment's."""

    name: ClassVar[str] = "sequential"

    def plan(self) -> tuple[Stage, ...]:
        """Return one stage for each item."""
        items = self.config.train
        if isinstance(items, str):
            items = tuple(each.name for each in parse_train(items))
        return tuple(
            stage(item, updates=updates)
            for item, updates in zip(items, _for_each(self.config.updates, len(items)), strict=True)
        )


class EasyToHard(Planned):
    """The difficulties of one environment, one after the other."""

    class Config(Frozen):
        """Options of the curriculum."""

        environment: str
        """Where it trains: the name of an installed environment."""
        difficulties: tuple[str, ...] = ("easy", "hard")
        """In the order of training."""
        updates: Updates | tuple[Updates | None, ...] | None = None
        """Updates of each stage: one number for all, or one for each; None takes the experiment's."""

    name: ClassVar[str] = "easy_to_hard"

    def plan(self) -> tuple[Stage, ...]:
        """Return one stage for each difficulty."""
        difficulties = self.config.difficulties
        return tuple(
            stage(source(f"{self.config.environment}:{difficulty}").label, updates=updates)
            for difficulty, updates in zip(difficulties, _for_each(self.config.updates, len(difficulties)), strict=True)
        )


class Horizon(Planned):
    """One stage whose turn limit grows in equal stretches of its updates (ScalingInter-RL, arXiv 2509.08755)."""

    class Config(Frozen):
        """Options of the curriculum."""

        train: Train
        """As for a mixture."""
        turns: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(5, 10, 20), min_length=1)
        """Turn limits, each larger than the one before; the environment's own limit still holds."""
        updates: Updates | None = None
        """Updates of the stage; None takes the experiment's."""

        @field_validator("turns")
        @classmethod
        def _grows(cls, turns: tuple[int, ...]) -> tuple[int, ...]:
            if any(later <= earlier for earlier, later in pairwise(turns)):
                raise ValueError("turn limits that grow, such as [5, 10, 20]")
            return turns

    name: ClassVar[str] = "horizon"

    def plan(self) -> tuple[Stage, ...]:
        """Return the one stage."""
        return (stage(self.config.train, updates=self.config.updates, horizon=self.config.turns),)


def _for_each(updates: int | tuple[int | None, ...] | None, stages: int) -> tuple[int | None, ...]:
    if stages == 0:
        raise ConfigError("found no stages, expected at least one, such as train: ['textcraft:easy', 'textcraft:hard']")
    if not isinstance(updates, tuple):
        return (updates,) * stages
    if len(updates) != stages:
        raise ConfigError(
            f"updates: found {len(updates)} numbers for {stages} stages; give one number for all, or one for each"
        )
    return updates
