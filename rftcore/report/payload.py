"""The chosen trajectories as compact JSON inside the page, for the script to show when a cell is opened.

Observations repeat (every checkpoint plays the same tasks), so each text is stored once. Long texts are cut, and when
a study is so large that the page would be too, fewer trajectories a cell are carried; both are said where they happen.
Private answers and tokens are left in the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rftcore.report.evidence import Evidence
from rftcore.report.figures import bounds, count, mean, percent, points, probability, signed_bounds, typeset
from rftcore.report.markup import Markup, script_json
from rftcore.report.matrix import column_of
from rftcore.schemas.report import Cell
from rftcore.schemas.trajectory import Trajectory

LONGEST = 3000
"""Characters of one observation or answer that the page carries."""
BUDGET = 1_400_000
"""Bytes of trajectories that the page carries at most, as far as one trajectory a cell allows."""


def payload(cells: Mapping[str, Cell], evidence: Mapping[str, Evidence], budget: int = BUDGET) -> Markup:
    """Return the JSON for the page: `{"texts": [...], "cells": {anchor: {...}}}`.

    `cells` maps the anchor of each cell in the page to the cell. As many chosen trajectories a cell are packed as fit
    into `budget` bytes, the same number for all, and one at least.
    """
    shown = max((len(entry.chosen) for entry in evidence.values()), default=0)
    packed = _pack(cells, evidence, shown)
    while shown > 1 and len(packed.encode("utf-8", "replace")) > budget:
        shown -= 1
        packed = _pack(cells, evidence, shown)
    return packed


def figures_of(cell: Cell) -> list[tuple[str, str]]:
    """Return everything known about a cell as pairs of label and text."""
    pairs = [
        ("success (avg@k)", f"{percent(cell.avg_at_k)} %"),
        ("95 % interval", bounds(cell.ci_low, cell.ci_high)),
        (f"pass@{cell.k}", f"{percent(cell.pass_at_k)} %"),
        ("change from base", f"{points(cell.delta_vs_base)} points"),
        ("its 95 % interval", signed_bounds(cell.delta_ci_low, cell.delta_ci_high)),
        ("p raw / Holm", f"{probability(cell.p_value)} / {probability(cell.p_adjusted)}"),
        ("detectable change", f"{percent(cell.minimum_detectable)} points"),
        ("from random play", f"{points(cell.delta_vs_floor)} points"),
        ("interval from random", signed_bounds(cell.delta_vs_floor_ci_low, cell.delta_vs_floor_ci_high)),
        ("p raw / Holm, random", f"{probability(cell.p_vs_floor)} / {probability(cell.p_vs_floor_adjusted)}"),
        ("tasks × samples", f"{cell.tasks} × {cell.k}"),  # noqa: RUF001 - a real multiplication sign
        ("families of tasks", str(cell.families)),
        ("turns an episode", mean(cell.turns)),
        ("tokens an episode", mean(cell.generated_tokens)),
        ("invalid actions", f"{percent(cell.invalid_rate)} %"),
        ("masked samples", str(cell.masked)),
    ]
    if cell.delta_vs_base is None:
        pairs = [pair for pair in pairs if pair[0] not in _OF_CHANGES]
    if cell.delta_vs_floor is None:
        pairs = [pair for pair in pairs if "random" not in pair[0]]
    return [(label, typeset(text)) for label, text in pairs]


_OF_CHANGES = frozenset({"change from base", "its 95 % interval", "p raw / Holm", "detectable change"})


def _pack(cells: Mapping[str, Cell], evidence: Mapping[str, Evidence], shown: int) -> Markup:
    texts: dict[str, int] = {}
    files = {name: [_trajectory(item, texts) for item in entry.chosen[:shown]] for name, entry in evidence.items()}
    entries = {}
    for anchor, cell in cells.items():
        entry = evidence.get(cell.trajectories)
        entries[anchor] = {
            "title": f"{cell.train} on {column_of(cell)}",
            "role": cell.role,
            "figures": figures_of(cell),
            "file": cell.trajectories,
            "said": _said(entry, shown),
        }
    return script_json({"texts": list(texts), "files": files, "cells": entries})


def _said(entry: Evidence | None, shown: int) -> str:
    if entry is None:
        return "No trajectories were recorded for this cell."
    if not entry.found:
        return "The file with this cell's trajectories is not in the run folder."
    chosen = min(shown, len(entry.chosen))
    text = f"{chosen} of {count(entry.total, 'trajectory', 'trajectories')} shown"
    text += f": {count(entry.successes, 'success', 'successes')} in all"
    if entry.masked:
        text += f", {entry.masked} masked"
    left = entry.total - chosen
    return f"{text}. {left:,} left out here; all are in the file." if left else f"{text}."


def _trajectory(trajectory: Trajectory, texts: dict[str, int]) -> dict[str, Any]:
    return {
        "task": trajectory.task.id,
        "sample": trajectory.sample,
        "status": trajectory.status,
        "success": trajectory.success,
        "masked": trajectory.masked,
        "ret": trajectory.ret,
        "attempts": trajectory.attempts,
        "error": trajectory.error,
        "final": _text(trajectory.final_observation, texts),
        "turns": _turns(trajectory, texts),
    }


def _turns(trajectory: Trajectory, texts: dict[str, int]) -> Sequence[Sequence[float]]:
    """One list a turn: observation, answer, action (indices of texts), reward, 1 when valid, sampled tokens."""
    return [
        [
            _text(turn.observation, texts),
            _text(turn.text, texts),
            _text(turn.action, texts),
            turn.reward,
            int(turn.valid),
            len(turn.token_ids),
        ]
        for turn in trajectory.turns
    ]


def _text(text: str, texts: dict[str, int]) -> int:
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} [... {len(text) - LONGEST:,} more characters in the file]"
    return texts.setdefault(text, len(texts))
