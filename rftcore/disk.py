"""What a run will still write: checkpoints, trajectories, logs and the report, beside what is there already.

A checkpoint is written beside its place and renamed into it (`rftcore.train.checkpoint`), so while it is written there
are two. What a finished stage made stays until `rftcore gc`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from rftcore.estimate import Length, Range, episodes
from rftcore.memory import critic_shape, trained_bytes
from rftcore.plan import CellNode, Plan, StageNode
from rftcore.records import RunFolder
from rftcore.schemas.config import Settings
from rftcore.shape import Shape
from rftcore.stages import settings_of

UPDATE, GROUP = Range(400, 1500), Range(150, 500)
"""Bytes of an update in `updates.jsonl` and in `events.jsonl` together, and of each of its groups."""

CELL = Range(4e3, 6e4)
"""Bytes of a cell's figures and of its part of the report."""

Places = Callable[[str, str], Length]
"""How long the episodes of an environment and a difficulty are."""


def disk_need(
    config: Settings,
    plan: Plan,
    folder: RunFolder,
    done: set[str],
    shape: Shape,
    *,
    slots: int,
    trained: Mapping[str, Length],
    tested: Mapping[tuple[str, str], tuple[int, Length]],
) -> dict[str, Range]:
    """Return the bytes that a run will still take, by what takes them.

    `trained` has the length of an episode of each stage by its key, `tested` how many tasks are played in a cell of an
    environment and a difficulty, and their length. What lies in the folders of unfinished stages is taken off.
    """
    stages = [node for node in plan.stages if node.key not in done]
    results, meanwhile = Range(0, 0), []
    recorded, logs = Range(0, 0), Range(0, 0)
    for node in stages:
        own = settings_of(config, node.stage)
        # What is there already may be more than was left but for the result, as after a kill while it was written.
        left = max(0.0, _while_training(own, shape, node) - _size(folder.stage(node.key)))
        made = min(_checkpoint(own, shape), left)
        results += Range(made, made)
        meanwhile.append(left - made)
        length = trained[node.key].stored
        if own.training.record:
            recorded += length * episodes(config, node)
        if own.training.max_staleness > 0:
            recorded += Range(0, length.high * episodes(config, node) / node.updates + 2 * _checkpoint(own, shape))
        logs += (UPDATE + GROUP * (own.training.groups * (1 + own.training.refills))) * node.updates
    cells = [cell for cell in plan.cells if cell.key not in done]
    played = sum((_cell(config, cell, tested) for cell in cells), start=Range(0, 0))
    meanwhile.sort(reverse=True)
    return {
        f"checkpoints of {len(stages)} stages": results,
        "what is there twice while it is written, and averages": Range(
            max(meanwhile, default=0.0), sum(meanwhile[:slots])
        ),
        "trajectories of evaluation": played,
        "trajectories of training": recorded,
        "logs and report": logs + CELL * len(cells),
    }


def _cell(config: Settings, cell: CellNode, tested: Mapping[tuple[str, str], tuple[int, Length]]) -> Range:
    tasks, length = tested[cell.environment, cell.difficulty]
    stored = length.stored * (tasks * config.evaluation.samples)
    return Range(0, stored.high) if cell.policy else stored  # a policy without tokens stores less


def _checkpoint(config: Settings, shape: Shape) -> float:
    """Return the bytes of a stage's result: a whole model, or adapters, and a tokenizer."""
    return trained_bytes(config, shape) + shape.others


def _while_training(config: Settings, shape: Shape, node: StageNode) -> float:
    """Return the most that a stage has on the disk at once.

    A resumable checkpoint has AdamW's two averages beside the weights, and as much of a critic of its own. The first
    is there once, further ones twice while they are written; the stage's result is written while the last is still
    there, and the best one is kept beside.
    """
    training = config.training
    result = _checkpoint(config, shape)
    critic = critic_shape(config, shape)
    critics = 0.0 if critic is None else 3 * trained_bytes(config, critic)
    resumable = result + 2 * trained_bytes(config, shape) + critics
    saves = math.ceil(node.updates / training.checkpoint_every) - 1
    keeps_best = training.validation is not None and training.validation.checkpoint == "best"
    if keeps_best:  # each better one is a resumable checkpoint, too
        return 2 * resumable + result if node.updates > 1 else resumable + result
    return max(min(saves, 2) * resumable, min(saves, 1) * resumable + result)


def _size(folder: Path) -> int:
    """Return the bytes of all files below a folder, which need not exist."""
    found = 0
    for place, _, names in os.walk(folder):  # says nothing of folders that go meanwhile
        for name in names:
            with suppress(FileNotFoundError):  # a run that works there renames what it has written
                found += Path(place, name).stat().st_size
    return found
