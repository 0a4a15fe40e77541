"""What a reader must know before any figure: the report's notes, computed from the run and never left out.

They stand in `report.json` as they stand on the page, so that whoever reads the numbers alone reads them too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pydantic import JsonValue

from rftcore.errors import ConfigError
from rftcore.models import CARD, find_model
from rftcore.provenance import placeless
from rftcore.report.figures import count, percent
from rftcore.schemas.report import Axes, Cell

LEFT_OUT = "left_out"
"""Fact of an environment: which tasks its options leave out, in words."""


def notes(
    model: str, environments: Collection[str], facts: Mapping[str, Mapping[str, JsonValue]], axes: Axes
) -> list[str]:
    """Return the notes of a report on `environments`, most important first.

    `model` is the name of the start policy, empty where no model played.
    """
    cells = [*axes.difficulty, *axes.transfer, *axes.sequence]
    found = [_training_noise(cells), _floor(cells), _warm_up(model, environments)]
    found += [f"{name} leaves out {known[LEFT_OUT]}." for name, known in facts.items() if known.get(LEFT_OUT)]
    return [note for note in found if note]


def _training_noise(cells: Iterable[Cell]) -> str:
    if all(cell.role == "base" for cell in cells):
        return ""
    return (
        "One training run stands behind each checkpoint: the intervals hold the noise of tasks and of sampling, not "
        "that of training. Another seed may give other checkpoints; repeat the study with several before speaking of a "
        "method."
    )


def _floor(cells: Iterable[Cell]) -> str:
    """The task sets on which base scores below random play."""
    base = {(cell.environment, cell.difficulty): cell for cell in cells if cell.role == "base"}
    below = [
        f"{environment} {difficulty} ({percent(cell.avg_at_k)} %, {percent(-cell.delta_vs_floor)} points below)"
        for (environment, difficulty), cell in base.items()
        if cell.delta_vs_floor is not None and cell.delta_vs_floor < 0
    ]
    if not below:
        return ""
    return (
        f"Base is below random play on {count(len(below), 'task set')}: {', '.join(below)}. A gain over base there "
        "need not be a skill; read it beside the change from random play."
    )


def _warm_up(model: str, environments: Collection[str]) -> str:
    """What the start policy saw before fine-tuning, as the card in its folder says; nothing where there is no card."""
    if not model:
        return ""
    try:
        place = find_model(model)
    except ConfigError:
        name = placeless(model)
        return f"The start policy {name} is no longer there, so what it saw before fine-tuning cannot be said here."
    card = Path(place) / CARD
    if not card.is_file():
        return ""
    seen = json.loads(card.read_text(encoding="utf-8")).get("environments", [])
    unseen = [name for name in environments if name not in seen]
    text = (
        f"The start policy was warmed up by imitation in {', '.join(seen)}: there, held-out means not seen in "
        "reinforcement fine-tuning, not never seen at all."
    )
    return f"{text} It never saw {', '.join(unseen)}." if unseen else text
