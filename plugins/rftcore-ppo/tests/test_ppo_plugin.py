"""What the plugin announces, and what every algorithm promises."""

from __future__ import annotations

from collections.abc import Callable

from rftcore.testing import conforms
from rftcore_ppo import plugin


@conforms("ppo")
def test_ppo_keeps_what_every_algorithm_promises(check: Callable[[], None]) -> None:
    check()


def test_it_needs_a_critic_and_may_pull_to_the_start_policy() -> None:
    (spec,) = plugin.rft_algorithms()
    assert spec.needs_values and spec.needs_reference and not spec.grouped
