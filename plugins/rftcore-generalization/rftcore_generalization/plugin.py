"""Announces the metric `generalization`; imports nothing of it."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import MetricSpec


@hookimpl
def rft_metrics() -> list[MetricSpec]:
    return [
        MetricSpec(
            name="generalization",
            target="rftcore_generalization.metric:Generalization",
            version="4",
            summary="avg@k, pass@k, transfer matrix and forgetting, with clustered intervals and paired tests",
        )
    ]
