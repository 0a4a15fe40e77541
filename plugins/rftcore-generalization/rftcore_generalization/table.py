"""The cells of the report: every checkpoint on every environment and difficulty, beside base on the same tasks."""

from __future__ import annotations

from collections.abc import Sequence

from rftcore.schemas.report import Cell, Role
from rftcore_generalization.detectable import minimum_detectable
from rftcore_generalization.evidence import Evidence
from rftcore_generalization.figures import figures, samples_of
from rftcore_generalization.holm import holm
from rftcore_generalization.intervals import change, success
from rftcore_generalization.permutation import paired_permutation


def cell(evidence: Evidence, base: Evidence | None, role: Role) -> Cell:
    """Return one cell. `base` is None for base itself, and where base was not evaluated: no change is stated then.

    Raises RunError when the cell and base were evaluated on different tasks.
    """
    plain = figures(evidence.data.groups)
    level = success([evidence.tallies])
    pairs = evidence.pairs(base) if base is not None else []
    delta = change([pairs])
    return Cell(
        train=evidence.data.train,
        environment=evidence.data.environment,
        difficulty=evidence.data.difficulty,
        role=role,
        avg_at_k=level.value,
        ci_low=level.low,
        ci_high=level.high,
        pass_at_k=plain.get("pass_at_k"),
        delta_vs_base=delta.value,
        delta_ci_low=delta.low,
        delta_ci_high=delta.high,
        p_value=paired_permutation(pairs),
        p_adjusted=None,
        minimum_detectable=minimum_detectable(pairs),
        tasks=len(evidence.tallies),
        k=samples_of(evidence.data.groups),
        turns=plain.get("turns"),
        generated_tokens=plain.get("generated_tokens"),
        invalid_rate=plain.get("invalid_rate"),
        masked=int(plain["masked"]),
        trajectories=evidence.data.trajectories,
    )


def adjusted(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells of one table with `p_adjusted`: Holm's correction over all its comparisons with base."""
    corrected = holm([cell.p_value for cell in cells])
    return [cell.model_copy(update={"p_adjusted": p}) for cell, p in zip(cells, corrected, strict=True)]
