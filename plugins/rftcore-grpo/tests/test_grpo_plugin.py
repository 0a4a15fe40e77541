"""What the plugin announces, and what every algorithm promises."""

from __future__ import annotations

from collections.abc import Callable

from rftcore.testing import conforms
from rftcore_grpo import plugin


@conforms("grpo")
def test_grpo_keeps_what_every_algorithm_promises(check: Callable[[], None]) -> None:
    check()


def test_it_compares_within_a_group_and_may_pull_to_the_start_policy() -> None:
    (spec,) = plugin.rft_algorithms()
    assert spec.grouped and spec.needs_reference and not spec.needs_values
