"""What `train` may say for one stage: an expression, a list of sources, or a mapping of sources to weights.

The three forms of one mixture give equal stages. A stage is named after its sources, as checkpoints are; weights are no
part of the name. An algorithm of its own stands around the sources: `imitation(a+b)`, or `{imitation: {a: 2, b: 1}}`.
"""

from __future__ import annotations

import math

from rftcore.curriculum import Source, Stage, parse_train
from rftcore.errors import ConfigError

Train = str | tuple[str, ...] | dict[str, float | dict[str, float]]


def stage(train: Train, *, updates: int | None, horizon: tuple[int, ...] = ()) -> Stage:
    """Return the one stage that trains on `train`.

    Raises ConfigError when `train` names no source, a source twice, or more than one stage or algorithm.
    """
    algorithm = None
    if isinstance(train, str):
        parsed = _one_stage(train)
        sources, algorithm = parsed.sources, parsed.algorithm
    elif isinstance(train, dict):
        algorithm, shares = _algorithm_and_shares(train)
        sources = tuple(source(label, weight) for label, weight in shares.items())
    else:
        sources = tuple(source(label) for label in train)
    labels = [each.label for each in sources]
    if not labels:
        raise ConfigError("train: found no sources, expected at least one, such as 'textcraft:easy'")
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ConfigError(
            f"train: {', '.join(twice)} occurs more than once in one stage; to give it more of the tasks, name it once "
            "with a weight, as in {textcraft: 2, babyai: 1}"
        )
    name = f"{algorithm}({'+'.join(labels)})" if algorithm else "+".join(labels)
    return Stage(name=name, sources=sources, updates=updates, horizon=horizon, algorithm=algorithm)


def _algorithm_and_shares(train: dict[str, float | dict[str, float]]) -> tuple[str | None, dict[str, float]]:
    shares = {label: weight for label, weight in train.items() if not isinstance(weight, dict)}
    algorithms = {name: within for name, within in train.items() if isinstance(within, dict)}
    if not algorithms:
        return None, shares
    if len(train) > 1:
        raise ConfigError(
            f"train: found {', '.join(train)} beside each other, of which {', '.join(algorithms)} would be an "
            "algorithm; a stage has one algorithm, around all of its sources, as in "
            "{imitation: {textcraft: 2, babyai: 1}}"
        )
    ((algorithm, shares),) = algorithms.items()
    _one_stage(f"{algorithm}({'+'.join(shares)})")  # which is how the checkpoint will be called
    return algorithm, shares


def source(label: str, weight: float = 1.0) -> Source:
    """Read one `environment` or `environment:difficulty`. Raises ConfigError when `label` is anything else."""
    if not 0 < weight < math.inf:
        raise ConfigError(f"train: weight of {label!r}: found {weight}, expected a positive number")
    parsed = one_source(label)
    if parsed.algorithm is not None:
        raise ConfigError(
            f"train {label!r}: found an algorithm for one source; a stage has one algorithm, so write the stage as one "
            f"text, such as '{parsed.algorithm}(textcraft+babyai)', or around their weights, such as "
            f"{{{parsed.algorithm}: {{textcraft: 2, babyai: 1}}}}"
        )
    return parsed.sources[0].model_copy(update={"weight": weight})


def one_source(label: str) -> Stage:
    """Read a stage of one source. Raises ConfigError when `label` is anything else."""
    parsed = _one_stage(label)
    if len(parsed.sources) > 1:
        raise ConfigError(
            f"train {label!r}: found {len(parsed.sources)} sources, expected one 'environment' or "
            "'environment:difficulty'; for several at once take the curriculum 'mixture'"
        )
    return parsed


def _one_stage(expression: str) -> Stage:
    stages = parse_train(expression)
    if len(stages) > 1:
        raise ConfigError(
            f"train {expression!r}: found {len(stages)} stages, expected one; for stages one after the other take the "
            "curriculum 'sequential'"
        )
    return stages[0]
