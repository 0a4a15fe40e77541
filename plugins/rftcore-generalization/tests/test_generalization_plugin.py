"""What every metric promises."""

from __future__ import annotations

from collections.abc import Callable

from rftcore.testing import conforms


@conforms("generalization")
def test_generalization_keeps_what_every_metric_promises(check: Callable[[], None]) -> None:
    check()
