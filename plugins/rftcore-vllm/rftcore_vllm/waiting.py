"""What is said while servers are waited for: a start takes minutes, and one that will never be looks the same."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import AsyncIterator, Callable, Iterable

PERIOD = 30.0
"""Seconds between two lines about the same server."""


@contextlib.asynccontextmanager
async def told(waited_for: Callable[[], Iterable[tuple[str, str]]]) -> AsyncIterator[None]:
    """Warn every PERIOD seconds of each server that is waited for, by its URL and what is known of it."""
    telling = asyncio.create_task(_tell(waited_for))
    try:
        yield
    finally:
        telling.cancel()


async def _tell(waited_for: Callable[[], Iterable[tuple[str, str]]]) -> None:
    seconds = 0.0
    while True:
        await asyncio.sleep(PERIOD)
        seconds += PERIOD
        for url, known in waited_for():
            text = f"waiting for `vllm serve` at {url}, {seconds:.0f} s so far ({known})"
            warnings.warn(text, RuntimeWarning, stacklevel=2)
