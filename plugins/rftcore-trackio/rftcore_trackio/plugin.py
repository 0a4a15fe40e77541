"""Announces the tracker `trackio`; imports nothing of it."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import TrackerSpec


@hookimpl
def rft_trackers() -> tuple[TrackerSpec, ...]:
    """Announce the tracker."""
    return (
        TrackerSpec(
            name="trackio",
            target="rftcore_trackio.tracker:Trackio",
            summary="Trackio, a local database with a page that shows it",
        ),
    )
