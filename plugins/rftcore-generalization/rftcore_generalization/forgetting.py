"""What a stage gained and lost elsewhere: backward transfer, forward transfer and the largest drop.

After Lopez-Paz and Ranzato 2017 (arXiv 1706.08840), taken between a stage's parent and its own checkpoint instead of
over the whole sequence, so that each stage answers for itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from rftcore.schemas.report import StageReport
from rftcore_generalization.evidence import Evidence
from rftcore_generalization.tally import mean


def with_figures(
    stage: StageReport,
    parent: Mapping[tuple[str, str], Evidence],
    own: Mapping[tuple[str, str], Evidence],
    earlier: frozenset[str],
    so_far: frozenset[str],
) -> StageReport:
    """Return `stage` with `backward`, `forward` and `largest_drop`, from the cells that both checkpoints have.

    `earlier`: environments trained in before the stage; `so_far`: the stage's own included. Cells weigh the same. A
    figure without cells is None: the first stage after base has no backward transfer.
    """
    changes = {
        place: change
        for place in parent
        if place in own and (change := mean(pair.change for pair in own[place].pairs(parent[place]))) is not None
    }
    return stage.model_copy(
        update={
            "backward": mean(change for (environment, _), change in changes.items() if environment in earlier),
            "forward": mean(change for (environment, _), change in changes.items() if environment not in so_far),
            "largest_drop": max(0.0, -min(changes.values())) if changes else None,
        }
    )
