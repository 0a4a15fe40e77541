"""What the plugin announces, and what every algorithm promises."""

from __future__ import annotations

from collections.abc import Callable

from rftcore.testing import conforms
from rftcore_reinforce import plugin


@conforms("reinforce")
def test_reinforce_keeps_what_every_algorithm_promises(check: Callable[[], None]) -> None:
    check()


@conforms("rloo")
def test_rloo_keeps_what_every_algorithm_promises(check: Callable[[], None]) -> None:
    check()


@conforms("reinforce_pp")
def test_reinforce_pp_keeps_what_every_algorithm_promises(check: Callable[[], None]) -> None:
    check()


def test_rloo_alone_compares_within_a_group_and_no_one_has_a_critic() -> None:
    specs = plugin.rft_algorithms()
    assert [spec.name for spec in specs] == ["reinforce", "rloo", "reinforce_pp"]
    assert [spec.grouped for spec in specs] == [False, True, False]
    assert not any(spec.needs_values for spec in specs)
