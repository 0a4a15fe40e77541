"""The coefficient of the KL penalty, which may adapt to hold the policy at a distance from where it started."""

from __future__ import annotations

GAIN = 0.1
"""How much a relative error changes the coefficient; the K of D. Ziegler et al., section 2.2."""

MOST = 0.2
"""Largest relative error that counts."""


def adapted(coefficient: float, divergence: float, target: float) -> float:
    """Return the coefficient for the next update, after one whose trajectories diverged by `divergence`.

        e = clip((divergence - target) / target, -MOST, MOST)            coefficient * (1 + GAIN * e)

    `divergence` and `target` are in nats a trajectory, `target` is above 0. Source: D. Ziegler et al., Fine-Tuning
    Language Models from Human Preferences, arXiv 1909.08593, section 2.2.
    """
    error = min(max((divergence - target) / target, -MOST), MOST)
    return coefficient * (1.0 + GAIN * error)
