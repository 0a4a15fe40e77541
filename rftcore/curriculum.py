"""The contract of a curriculum: which stages are trained in which order, and which tasks each update takes.

A stage is named by what it trains on, and a checkpoint by the stages behind it:

    textcraft                      every difficulty of textcraft
    textcraft:easy                 one difficulty
    textcraft+babyai               a mixture, equal weights
    textcraft:easy>textcraft:hard  one after the other
    imitation(textcraft)>textcraft the first stage with an algorithm of its own
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen, without_unused
from rftcore.schemas.task import Task


class Source(Frozen):
    """Where a stage takes its training tasks."""

    environment: str
    difficulty: str | None = None
    """One difficulty, or None for all of them in equal parts."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the tasks, relative to the other sources of the stage."""

    @property
    def label(self) -> str:
        return self.environment if self.difficulty is None else f"{self.environment}:{self.difficulty}"


class Stage(Frozen):
    """One stretch of training between two checkpoints."""

    name: str
    sources: tuple[Source, ...] = Field(min_length=1)
    updates: int | None = Field(default=None, ge=1)
    """Updates of this stage; None takes the experiment's."""
    horizon: tuple[int, ...] = ()
    """Turn limits, in equal stretches of the stage; empty keeps the environment's own."""
    algorithm: str | None = None
    """An algorithm, or a key of the experiment's `algorithms`; None takes the experiment's `algorithm`."""

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_unused(self, handler(self), ("algorithm",))


class UpdateRecord(Frozen):
    """What a curriculum may know of an earlier update of its stage: values, never the trainer."""

    update: int
    success: float
    """Mean success of the update's unmasked trajectories, in [0, 1]."""
    by_source: dict[str, float] = Field(default_factory=dict)
    """Mean success for each `environment:difficulty` that occurred."""


class Curriculum(ABC):
    """Plans stages and picks tasks. Stateless: everything follows from the arguments, so a killed run resumes."""

    class Config(Frozen):
        """Options of the curriculum."""

    name: ClassVar[str]
    picking: ClassVar[str] = ""
    """Names the rule of `next`: curricula that pick alike give it one name, and a study trains equal stages once."""

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments."""
        self.config: Any = self.Config.model_validate(options) if config is None else config

    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """Return the stages in order; each starts from the checkpoint of the one before it."""

    @abstractmethod
    def next(
        self,
        stage: Stage,
        update: int,
        count: int,
        pools: Mapping[str, Sequence[Task]],
        history: Sequence[UpdateRecord],
        seed: int,
    ) -> list[Task]:
        """Return the `count` training tasks of update number `update` (from 0) of `stage`.

        `pools` holds the train-split tasks of each `environment:difficulty` of the stage. The result is a pure
        function of the arguments.
        """

    def turn_limit(self, stage: Stage, update: int, updates: int) -> int | None:
        """Return the turn limit of this update, or None for the environment's own."""
        if not stage.horizon:
            return None
        return stage.horizon[min(len(stage.horizon) - 1, update * len(stage.horizon) // updates)]


_SOURCE = re.compile(r"([a-z][a-z0-9_-]*)(?::([a-z0-9_-]+))?\Z")
_ALGORITHM = re.compile(r"([a-z][a-z0-9_-]*)\((.*)\)\Z")


def parse_train(expression: str) -> tuple[Stage, ...]:
    """Read a checkpoint's name, such as `textcraft:easy>babyai+textcraft`, as the stages that lead to it.

    Raises ConfigError when it is not of the form `environment[:difficulty]` joined by `+` and `>`, where the parts
    between `>` may be `algorithm(...)`.
    """
    stages = []
    for part in expression.split(">"):
        sources = []
        named = _ALGORITHM.match(part.strip())
        for item in (named[2] if named else part).split("+"):
            match = _SOURCE.match(item.strip())
            if match is None:
                raise ConfigError(
                    f"train {expression!r}: cannot read {item.strip()!r}; expected 'environment' or "
                    "'environment:difficulty', joined by '+' (mixture) or '>' (one after the other); a stage with an "
                    "algorithm of its own is 'algorithm(environment)'"
                )
            sources.append(Source(environment=match[1], difficulty=match[2]))
        name, algorithm = "+".join(source.label for source in sources), named[1] if named else None
        name = f"{algorithm}({name})" if algorithm else name
        stages.append(Stage(name=name, sources=tuple(sources), algorithm=algorithm))
    return tuple(stages)
