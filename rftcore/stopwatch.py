"""How long a job has worked, by clocks that nobody sets."""

from __future__ import annotations

import time


class Stopwatch:
    """Runs from when it was made."""

    def __init__(self) -> None:
        self._began, self._busy = time.monotonic(), time.process_time()

    @property
    def seconds(self) -> float:
        """Seconds that have passed."""
        return time.monotonic() - self._began

    @property
    def cpu_seconds(self) -> float:
        """Seconds for which this process kept cores busy, those of all its threads added up."""
        return time.process_time() - self._busy
