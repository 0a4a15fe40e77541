"""What a stage gained and lost elsewhere: backward transfer, forward transfer and the largest drop.

After Lopez-Paz and Ranzato 2017 (arXiv 1706.08840), taken between a stage's parent and its own checkpoint instead of
over the whole sequence, so that each stage answers for itself. Pools (environment and difficulty) are told apart, so
that what a stage on hard tasks did to the easy ones is not hidden by its gain on the hard ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from rftcore.schemas.report import StageReport
from rftcore_generalization.evidence import Evidence, Place
from rftcore_generalization.tally import mean


def with_figures(
    stage: StageReport,
    parent: Mapping[Place, Evidence],
    own: Mapping[Place, Evidence],
    earlier: frozenset[Place],
    trained: frozenset[Place],
) -> StageReport:
    """Return `stage` with `backward`, `forward` and `largest_drop`, from the cells that both checkpoints have.

    `earlier`: the pools that its parents trained on; `trained`: the stage's own included. Cells weigh the same. A
    figure without cells is None: the first stage after base has no backward transfer.
    """
    changes = {
        place: change
        for place in parent
        if place in own and (change := mean(pair.change for pair in own[place].pairs(parent[place]))) is not None
    }
    left = {place for place in earlier if ":".join(place) not in stage.pools}
    return stage.model_copy(
        update={
            "backward": mean(change for place, change in changes.items() if place in left),
            "forward": mean(change for place, change in changes.items() if place not in trained),
            "largest_drop": max(0.0, -min(changes.values())) if changes else None,
        }
    )
