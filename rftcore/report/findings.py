"""What the figures allow one to say, in plain sentences computed from the report.

Nothing here is an opinion or an expectation: a change is said to be there when it is significant after Holm's
correction, changes smaller than their cell could detect are counted aloud, and losses are named before they are
asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from rftcore.report.figures import count, mean, percent, points, signed_bounds
from rftcore.report.matrix import (
    GROUPS,
    beats_floor,
    below_limit,
    column_of,
    columns,
    detectable,
    every_cell,
    gained,
    group_of,
    significant,
)
from rftcore.schemas.report import Cell, Report


def findings(report: Report) -> list[str]:
    """Return the sentences, most important first; the first says what was compared."""
    cells = every_cell(report)
    own, near, held_out = (_changed(cells, group) for group in GROUPS)
    found = [
        _compared(cells),
        _changes("On the environment and difficulty that they were trained on", own),
        _effort(cells),
        _changes("On other difficulties of the environments that they were trained in", near),
        _changes("In other environments (held-out)", held_out),
        _floor(cells),
        _means(report),
        _limits([*own, *near, *held_out]),
        _forgetting(report),
        _machine(report),
    ]
    return [sentence for sentence in found if sentence]


def largest_gain(report: Report, group: str) -> Cell | None:
    """Return the cell of one of `GROUPS` that rose most among those that changed significantly, or None."""
    sure = [cell for cell in _changed(every_cell(report), group) if gained(cell)]
    return max(sure, key=_change, default=None)


def largest_fall(report: Report, group: str) -> Cell | None:
    """Return the cell of one of `GROUPS` that fell most among those that changed significantly, or None."""
    sure = [cell for cell in _changed(every_cell(report), group) if significant(cell) and not gained(cell)]
    return min(sure, key=_change, default=None)


def described(cell: Cell) -> str:
    """Return one cell's change in words, with its interval."""
    interval = signed_bounds(cell.delta_ci_low, cell.delta_ci_high)
    change = f"{points(cell.delta_vs_base)} points ({interval}) to {percent(cell.avg_at_k)} %"
    return f"{cell.train} on {column_of(cell)}, {change}"


def _compared(cells: Sequence[Cell]) -> str:
    trained = {cell.train for cell in cells if cell.role != "base"}
    sets = columns(cells)
    if not trained:
        return "No trained checkpoint has been evaluated yet: there is nothing to compare with base."
    environments = {column.environment for column in sets}
    sizes = sorted({cell.tasks for cell in cells})
    samples = sorted({cell.k for cell in cells})
    families = sorted({cell.families for cell in cells})
    alike = "" if families == sizes else f" (of {_span(families)} families: near-copies count once)"
    return (
        f"This study compares {count(len(trained), 'checkpoint')} with the policy that fine-tuning started from (base) "
        f"on {count(len(sets), 'set')} of fixed test tasks from {count(len(environments), 'environment')}: "
        f"{_span(sizes)} tasks a set{alike}, {_span(samples)} samples a task."
    )


def _changes(where: str, cells: Sequence[Cell]) -> str:
    if not cells:
        return ""
    sure = [cell for cell in cells if significant(cell)]
    up = [cell for cell in sure if _change(cell) > 0]
    down = [cell for cell in sure if _change(cell) < 0]
    total = count(len(cells), "cell")
    if not sure:
        return f"{where}, none of {total} changed significantly."
    text = f"{where}, {len(up) or 'none'} of {total} rose and {len(down) or 'none'} fell significantly"
    if up:
        text += f"; the largest gain: {described(max(up, key=_change))}"
    if down:
        text += f"; the largest loss: {described(min(down, key=_change))}"
    return text + "."


def _floor(cells: Sequence[Cell]) -> str:
    """What random play, which has no skill at all, leaves of base and of the gains over it."""
    base = [cell for cell in cells if cell.role == "base" and cell.delta_vs_floor is not None]
    if not base:
        return ""
    below = [cell for cell in base if (cell.delta_vs_floor or 0.0) < 0]
    text = f"Base is below random play in {len(below) or 'none'} of {count(len(base), 'set')}"
    gains = [cell for cell in cells if cell.role != "base" and gained(cell) and cell.delta_vs_floor is not None]
    if gains:
        better = sum(map(beats_floor, gains))
        hold = "holds" if better == 1 else "hold"
        text += f"; {better or 'none'} of {count(len(gains), 'significant gain')} {hold} against random play too"
    return text + "."


def _effort(cells: Sequence[Cell]) -> str:
    """Length of the episodes on what a checkpoint was trained on, and of base's on the same tasks."""
    base = {column_of(cell): cell for cell in cells if cell.role == "base"}
    pairs = [(cell, base[column_of(cell)]) for cell in cells if cell.trained_on and column_of(cell) in base]
    parts = []
    for key, unit in (("turns", "turns"), ("generated_tokens", "generated tokens")):
        known = [(getattr(own, key), getattr(before, key)) for own, before in pairs]
        known = [(after, before) for after, before in known if after is not None and before is not None]
        if known:
            after, before = (fmean(values) for values in zip(*known, strict=True))
            parts.append(f"{mean(before)} to {mean(after)} {unit}")
    return f"Episodes there went from {' and from '.join(parts)} on average." if parts else ""


def _means(report: Report) -> str:
    parts = []
    for key, where in (("held_in_delta", "held-in"), ("held_out_delta", "held-out")):
        figures = sorted(float(mean) for row in report.summary if isinstance(mean := row.get(key), int | float))
        if figures:
            low, high = points(figures[0]), points(figures[-1])
            parts.append(f"the mean {where} change is {low if low == high else f'{low} to {high}'} points")
    return f"By checkpoint, {' and '.join(parts)}." if parts else ""


def _limits(cells: Sequence[Cell]) -> str:
    limits = detectable(cells)
    if limits is None:
        return ""
    low, high = (percent(limit) for limit in limits)
    span = f"{low} points" if low == high else f"{low} to {high} points, by cell"
    small = [cell for cell in cells if below_limit(cell)]
    text = (
        f"The smallest change that a cell detects reliably is {span}; {len(small)} of {count(len(cells), 'change')} "
        f"{'is' if len(small) == 1 else 'are'} smaller, and what happened there this study cannot tell"
    )
    lucky = [cell for cell in small if significant(cell)]
    if lucky:
        text += f" ({len(lucky)} of them significant all the same: such estimates tend to be too large)"
    return text + "."


def _forgetting(report: Report) -> str:
    later = [stage for stage in report.stages if stage.backward is not None]
    if not later:
        return ""
    lost = min(later, key=lambda stage: stage.backward or 0.0)
    gained = max(later, key=lambda stage: stage.backward or 0.0)
    text = "After a later stage, what earlier ones were trained on (environment and difficulty) changed by "
    text += points(lost.backward)
    if lost is not gained:
        text += f" ({lost.name}) to {points(gained.backward)} ({gained.name})"
    else:
        text += f" ({lost.name})"
    text += " points on average"
    worst = max(later, key=lambda stage: stage.largest_drop or 0.0)
    if worst.largest_drop is not None:
        text += f"; the largest fall of any one cell is {percent(worst.largest_drop)} points ({worst.name})"
    return text + "."


def causes(report: Report) -> str:
    """Return what may have cost a sample; a budget where answers are paid for."""
    return "failures of the machine or a spent budget" if report.spending else "failures of the machine"


def _machine(report: Report) -> str:
    drift = sum(stage.drift for stage in report.stages)
    masked = (
        f"{count(report.masked, 'sample')} lost to {causes(report)} and counted nowhere"
        if report.masked
        else f"No sample was lost to {causes(report)}"
    )
    shown = any("demonstrated_tokens" in stage.budget for stage in report.stages)
    origin = "sampled or demonstrated" if shown else "sampled"
    tokens = (
        f"{count(drift, 'token')} of unconfirmed provenance"
        if drift
        else f"every trained token is one that was {origin}"
    )
    return f"{masked}; {tokens}." if report.stages else f"{masked}."


def _changed(cells: Sequence[Cell], group: str) -> list[Cell]:
    return [cell for cell in cells if group_of(cell) == group and cell.delta_vs_base is not None]


def _change(cell: Cell) -> float:
    return cell.delta_vs_base or 0.0


def _span(values: Sequence[int]) -> str:
    return str(values[0]) if values[0] == values[-1] else f"{values[0]} to {values[-1]}"
