"""Reaches into the library reasoning-gym: its datasets, its curricula, and what is wrong with an option, in sentences.

The library is imported when an environment is made and not before, and is no dependency: it brings matplotlib, sympy
and more, which nobody needs who only looks at what is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Protocol

from rftcore.errors import ConfigError

SEED = 1
"""Of every dataset: its problems are told apart by their number, from which they derive."""

SIZE = 1_000_000
"""Problems that a dataset is asked for; they are made one by one."""


class Dataset(Protocol):
    """What is used of a `reasoning_gym.dataset.ProceduralDataset`."""

    def __getitem__(self, number: int) -> dict[str, Any]: ...

    def score_answer(self, answer: str | None, entry: dict[str, Any]) -> float: ...


def library(module: str = "") -> Any:
    """Return `reasoning_gym`, or a module of it. Raises ConfigError when it is not installed."""
    try:
        import_module("reasoning_gym")  # which registers its datasets
        return import_module(f"reasoning_gym{module}")
    except ImportError as error:
        raise ConfigError(
            f"reasoning-gym cannot be imported ({error}), expected it to be installed; run: pip install reasoning-gym"
        ) from error


def dataset_of(name: str, fixed: Mapping[str, Any], difficulty: int | Mapping[str, Any]) -> Dataset:
    """Return a dataset with the arguments `fixed`, of a level of its curriculum or with further arguments.

    Raises ConfigError when there is none of this name, none of this level, or an argument is wrong.
    """
    factory = library(".factory")
    if name not in factory.DATASETS:
        close = get_close_matches(name, factory.DATASETS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "reasoning_gym.factory.DATASETS lists them"
        raise ConfigError(f"dataset: found {name!r}, expected one of {len(factory.DATASETS)} of reasoning-gym; {hint}")
    kind, config = factory.DATASETS[name]
    arguments = {"seed": SEED, "size": SIZE, **fixed}
    try:
        if isinstance(difficulty, int):
            made = _level(factory, name, difficulty, arguments)
        else:
            made = config(**{**arguments, **difficulty})
        dataset: Dataset = kind(config=made)
    except (AssertionError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{name} cannot be made with {dict(fixed)} and {difficulty!r}: {type(error).__name__}: {error}; correct "
            "arguments and difficulties"
        ) from error
    return dataset


def _level(factory: Any, name: str, level: int, arguments: dict[str, Any]) -> Any:
    """Return the configuration of one level of a curriculum, without the easier problems of the levels below."""
    if not factory.has_curriculum(name):
        raise ConfigError(f"difficulties: {name} has no curriculum, so no level {level}; write arguments instead")
    curriculum = factory.create_curriculum(name)
    highest = max(len(attribute.levels) for attribute in curriculum.attributes.values()) - 1
    if level > highest:
        raise ConfigError(
            f"difficulties: found level {level}, expected 0 to {highest}, which the curriculum of {name} has"
        )
    curriculum.set_global_level(level)
    base = library(".coaching.base_curriculum")
    context = base.DefaultCurriculumContext(mode=base.RangeAttributeMode.UPPER_BOUND)
    return curriculum.generate_configuration(arguments, context=context)
