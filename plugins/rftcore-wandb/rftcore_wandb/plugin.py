"""Announces the tracker `wandb`; imports nothing of it."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import TrackerSpec


@hookimpl
def rft_trackers() -> tuple[TrackerSpec, ...]:
    """Announce the tracker."""
    return (
        TrackerSpec(
            name="wandb",
            target="rftcore_wandb.tracker:WeightsAndBiases",
            summary="Weights & Biases, online or in files of the run folder that are sent later",
        ),
    )
