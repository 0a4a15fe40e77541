"""Tells observers what happens in a run: those that are installed, and the trackers that its configuration names.

A tracker that fails, for want of a network or of room on the disk, costs a run one warning and nothing else.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from rftcore import plugins, registry
from rftcore.schemas.config import Component
from rftcore.tracker import Tracker


class Tracking:
    """The observers of one session of a run; closed at its end, however it ends."""

    def __init__(self, components: Sequence[Component]) -> None:
        """Make the trackers. One that cannot be made any more, as its plugin was removed, is a RuntimeWarning."""
        self._trackers: list[Tracker] = []
        for number, component in enumerate(components):
            try:
                where = f"trackers.{number}"
                self._trackers.append(registry.create("tracker", component.name, component.options, where))
            except Exception as error:
                _complain(component.name, "is left out", error)

    def notify(self, event: object) -> None:
        """Hand `event` to every observer. A tracker that raises is a RuntimeWarning, and hears no more."""
        plugins.notify(event)
        hook = plugins.hook_of(event)
        for tracker in tuple(self._trackers):
            if not _attempt(tracker, hook, event):
                self._trackers.remove(tracker)
                with suppress(Exception):  # it has been complained of
                    tracker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for tracker in self._trackers:
            _attempt(tracker, "close")


def _attempt(tracker: Tracker, method: str, *arguments: object) -> bool:
    """Call a method of `tracker` and return whether it went well."""
    try:
        getattr(tracker, method)(*arguments)
    except Exception as error:
        _complain(tracker.name, f"failed in {method}", error)
        return False
    return True


def _complain(name: str, what: str, error: Exception) -> None:
    warnings.warn(
        f"tracker {name} {what}, and shows no more of this run, which goes on: {type(error).__name__}: {error}",
        RuntimeWarning,
        stacklevel=3,
    )
