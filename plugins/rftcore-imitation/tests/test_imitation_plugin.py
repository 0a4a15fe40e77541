"""What the plugin announces, and what every algorithm promises."""

from __future__ import annotations

from collections.abc import Callable

from rftcore.testing import conforms
from rftcore_imitation import plugin


@conforms("imitation")
def test_imitation_keeps_what_every_algorithm_promises(check: Callable[[], None]) -> None:
    check()


def test_it_needs_nothing_but_trajectories() -> None:
    spec = plugin.rft_algorithms()
    assert not (spec.grouped or spec.needs_reference or spec.needs_values)
