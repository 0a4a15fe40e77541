"""The cells of the report: every checkpoint on every environment and difficulty, beside base and floor."""

from __future__ import annotations

from collections.abc import Sequence

from rftcore.schemas.report import Cell, Role
from rftcore_generalization.detectable import minimum_detectable
from rftcore_generalization.evidence import Evidence
from rftcore_generalization.family import members
from rftcore_generalization.figures import figures, samples_of
from rftcore_generalization.holm import holm
from rftcore_generalization.intervals import change, success
from rftcore_generalization.permutation import paired_permutation


def cell(evidence: Evidence, base: Evidence | None, floor: Evidence | None, role: Role, trained_on: bool) -> Cell:
    """Return one cell, compared with base and with the floor (the `random` policy) on the same tasks.

    `base` and `floor` are None for themselves, and where they were not evaluated: no change is stated then. Raises
    RunError when the cell and one of them were evaluated on different tasks.
    """
    plain = figures(evidence.data.groups)
    level = success([evidence.tallies])
    pairs, above = ([] if other is None else evidence.pairs(other) for other in (base, floor))
    delta, over = change([pairs]), change([above])
    return Cell(
        train=evidence.data.train,
        environment=evidence.data.environment,
        difficulty=evidence.data.difficulty,
        role=role,
        trained_on=trained_on,
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
        delta_vs_floor=over.value,
        delta_vs_floor_ci_low=over.low,
        delta_vs_floor_ci_high=over.high,
        p_vs_floor=paired_permutation(above),
        p_vs_floor_adjusted=None,
        tasks=len(evidence.tallies),
        families=len(members(evidence.tallies)),
        k=samples_of(evidence.data.groups),
        turns=plain.get("turns"),
        generated_tokens=plain.get("generated_tokens"),
        invalid_rate=plain.get("invalid_rate"),
        masked=int(plain["masked"]),
        trajectories=evidence.data.trajectories,
    )


def adjusted(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells of one table with Holm's correction over all its comparisons with base, and with the floor."""
    base, floor = holm([cell.p_value for cell in cells]), holm([cell.p_vs_floor for cell in cells])
    return [
        cell.model_copy(update={"p_adjusted": p, "p_vs_floor_adjusted": q})
        for cell, p, q in zip(cells, base, floor, strict=True)
    ]
