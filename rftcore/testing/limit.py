"""A limit on a call of somebody's code: one that hangs is interrupted, and it can be said which one that was.

A call in another thread could only be left behind, where it goes on. So the main thread makes it and a signal
interrupts it, which ends a sleep, a wait, a loop in Python and a regular expression. Code in C that looks for no signal
goes on, and so does a call in another thread: `rftcore.deadline` is for those. Not for Windows.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from rftcore.errors import Interruption

T = TypeVar("T")

LIMIT = 60.0
"""Seconds that a call of an environment may take: a first start may build something."""
AGAIN = 1.0
"""Seconds after which a call that took no notice is interrupted again."""


class Hung(Interruption):
    """A call took too long; the message is a sentence without its end."""


def within(seconds: float, what: Callable[[], str], call: Callable[[], T]) -> T:
    """Return what `call` returns, and raise what it raises; `what` names it, once it has hung.

    Raises Hung after `seconds`, where this is the main thread; in another one the call takes as long as it takes.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    ended = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not ended:
            raise Hung(f"{what()} did not return within {seconds:g} s")

    begin = time.monotonic()
    handler = signal.signal(signal.SIGALRM, interrupt)
    rest, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        return call()
    finally:
        ended = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if rest:  # somebody else's alarm, such as that of a test with a time limit
            signal.setitimer(signal.ITIMER_REAL, max(rest - (time.monotonic() - begin), 1e-3), interval)
