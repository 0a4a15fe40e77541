"""The lower part of a terminal, drawn anew while lines scroll by above it.

It is no screen of its own: what scrolled by stays in the terminal's history, and after a kill nothing is hidden but the
cursor. A terminal whose size changes wraps what stands in it in its own way, so it is cleared then and drawn anew.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

BEAT = 0.5
"""Seconds between two drawings."""
KEPT = 200
"""Lines that are printed again where the terminal was cleared, if they fit."""

Draw = Callable[[int, int], "Sequence[Text]"]
"""Returns the lines for a terminal of so many columns and rows."""


def fits(console: Console) -> bool:
    """Tell whether a live view can be drawn there: not in a pipe, a notebook, a CI job, or a small or dumb terminal."""
    from rftcore.display.view import SMALLEST

    if not console.file.isatty():  # rich takes a file for a terminal where variables such as FORCE_COLOR say so
        return False
    if not console.is_terminal or console.is_dumb_terminal or console.is_jupyter or os.environ.get("CI"):
        return False
    return console.width >= SMALLEST[0] and console.height >= SMALLEST[1]


class Screen:
    """Draws while it is open. Only one is open at a time."""

    def __init__(self, console: Console, draw: Draw, beat: float = BEAT) -> None:
        """`draw` is called from a thread of its own, every `beat` seconds."""
        self._console, self._draw, self._beat = console, draw, beat
        self._live = self._new()
        self._gone = False
        self._size = console.size
        self._lines: deque[tuple[str, str]] = deque(maxlen=KEPT)
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rftcore-screen", daemon=True)

    def __enter__(self) -> Self:
        with self._shown():
            self._start()
        try:
            self.draw()
            self._thread.start()
        except BaseException:  # Ctrl-C while the thread starts is one
            self._closed.set()
            with self._console.capture():  # drops what could not be written, which rich would write again and again
                self._live.stop()
            self._console.show_cursor()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the lines that were printed, and no view."""
        self._closed.set()
        try:
            self._thread.join()
        finally:
            with self._shown():
                self._live.stop()

    def draw(self) -> None:
        """Draw now."""
        from rich.console import Group
        from rich.text import Text

        size = self._console.size
        lines = self._draw(size.width, size.height)  # before the lock, which `print` takes while others have their own
        with self._lock, self._shown():
            if self._gone:
                return
            if size != self._size:
                self._size = size
                self._live.stop()
                self._console.clear()
                for text, style in list(self._lines)[-size.height :]:
                    self._write(text, style)
                self._start()  # the old one would go up by as many rows as its view had
            # The terminal writes ^C where the cursor stands; at the end of a full row that would begin another one.
            self._live.update(Group(*lines, Text()), refresh=True)

    def print(self, text: str, style: str) -> None:
        """Print a text that stays, above the view."""
        with self._lock, self._shown():
            if self._gone:
                return
            self._lines.append((text, style))
            self._write(text, style)

    @contextmanager
    def _shown(self) -> Iterator[None]:
        """Nothing is shown any more when the terminal went away meanwhile, and who works here goes on."""
        try:
            yield
        except (OSError, SystemExit):  # rich would end the process where a pipe has no reader
            self._gone = True

    def _start(self) -> None:
        live = self._new()
        live.start()
        self._live = live  # one that could not start cannot be stopped

    def _new(self) -> Live:
        from rich.live import Live

        return Live(console=self._console, auto_refresh=False, transient=True, vertical_overflow="crop")

    def _write(self, text: str, style: str) -> None:
        self._console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)

    def _run(self) -> None:
        while not self._closed.wait(self._beat):
            self.draw()
