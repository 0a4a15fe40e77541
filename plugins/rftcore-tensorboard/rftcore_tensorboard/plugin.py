"""Announces the tracker `tensorboard`; imports nothing of it."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import TrackerSpec


@hookimpl
def rft_trackers() -> tuple[TrackerSpec, ...]:
    """Announce the tracker."""
    return (
        TrackerSpec(
            name="tensorboard",
            target="rftcore_tensorboard.tracker:TensorBoard",
            summary="event files in the run folder, which TensorBoard shows as the run works",
        ),
    )
