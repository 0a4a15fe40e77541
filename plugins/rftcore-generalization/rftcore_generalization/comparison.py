"""Cells of two runs on the same tasks: the study's own paired statistics, with another run in base's place."""

from __future__ import annotations

from collections.abc import Sequence

from rftcore.metric import CellData
from rftcore.schemas.comparison import Comparison
from rftcore_generalization.detectable import minimum_detectable
from rftcore_generalization.evidence import Evidence
from rftcore_generalization.family import members
from rftcore_generalization.holm import holm
from rftcore_generalization.intervals import change
from rftcore_generalization.permutation import paired_permutation
from rftcore_generalization.tally import avg_at_k


def compared(cells: Sequence[tuple[CellData, CellData]]) -> list[Comparison]:
    """Return each second cell beside the first, Holm's correction over all of them.

    Raises RunError when two cells were not evaluated on the same tasks.
    """
    found = [_comparison(Evidence(before), Evidence(after)) for before, after in cells]
    corrected = holm([each.p_value for each in found])
    return [each.model_copy(update={"p_adjusted": p}) for each, p in zip(found, corrected, strict=True)]


def _comparison(before: Evidence, after: Evidence) -> Comparison:
    pairs = after.pairs(before)
    difference = change([pairs])
    return Comparison(
        before=before.data.train,
        after=after.data.train,
        environment=after.data.environment,
        difficulty=after.data.difficulty,
        before_avg_at_k=avg_at_k([pair.before for pair in pairs]),
        after_avg_at_k=avg_at_k([pair.after for pair in pairs]),
        change=difference.value,
        change_ci_low=difference.low,
        change_ci_high=difference.high,
        p_value=paired_permutation(pairs),
        p_adjusted=None,
        minimum_detectable=minimum_detectable(pairs),
        tasks=len(pairs),
        families=len(members(pairs)),
    )
