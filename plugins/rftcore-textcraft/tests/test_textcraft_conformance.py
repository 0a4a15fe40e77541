"""What every environment promises; `rftcore check textcraft --level full` looks longer."""

from __future__ import annotations

from collections.abc import Callable

from rftcore.testing import conforms


@conforms("textcraft", level="light")
def test_textcraft_keeps_what_every_environment_promises(check: Callable[[], None]) -> None:
    check()
