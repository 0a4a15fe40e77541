"""The hooks of rftcore: eight announce what a plugin offers, five observe a run.

A plugin is one entry point in the group `rftcore` whose value is a tiny module of `@hookimpl` functions. The module
must not import anything heavy: a spec names its implementation by a string. An implementation may take any subset of
the arguments shown here, so new arguments never break an old plugin. No hook changes a result.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from rftcore.schemas.events import Evaluated, GroupFinished, RunFinished, RunStarted, UpdateFinished
    from rftcore.specs import (
        AlgorithmSpec,
        CurriculumSpec,
        EnvironmentSpec,
        ExecutorSpec,
        MetricSpec,
        PolicySpec,
        ProtocolSpec,
        SamplerSpec,
        TrackerSpec,
    )

hookspec = pluggy.HookspecMarker("rftcore")
hookimpl = pluggy.HookimplMarker("rftcore")


@hookspec
def rft_environments() -> Iterable[EnvironmentSpec]:  # type: ignore[empty-body]
    """Announce environments. Called once per process, at the first question to the registry."""


@hookspec
def rft_algorithms() -> Iterable[AlgorithmSpec]:  # type: ignore[empty-body]
    """Announce algorithms: a torch-free credit class and a pure loss."""


@hookspec
def rft_curricula() -> Iterable[CurriculumSpec]:  # type: ignore[empty-body]
    """Announce curricula: which stages are trained, and which tasks each update takes."""


@hookspec
def rft_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Announce metrics: pure functions of recorded trajectories."""


@hookspec
def rft_policies() -> Iterable[PolicySpec]:  # type: ignore[empty-body]
    """Announce policies that act without a trained model, such as an oracle."""


@hookspec
def rft_samplers() -> Iterable[SamplerSpec]:  # type: ignore[empty-body]
    """Announce samplers: engines that turn token ids into token ids."""


@hookspec
def rft_executors() -> Iterable[ExecutorSpec]:  # type: ignore[empty-body]
    """Announce executors: where the jobs of a study run."""


@hookspec
def rft_protocols() -> Iterable[ProtocolSpec]:  # type: ignore[empty-body]
    """Announce protocols: what an environment that is served speaks."""


@hookspec
def rft_trackers() -> Iterable[TrackerSpec]:  # type: ignore[empty-body]
    """Announce trackers: observers of the runs whose configuration names them."""


@hookspec
def rft_run_started(event: RunStarted) -> None:
    """A run began or was resumed. Fires in the driver process only, like all observation hooks."""


@hookspec
def rft_group_finished(event: GroupFinished) -> None:
    """All samples of one training task are finished."""


@hookspec
def rft_update_finished(event: UpdateFinished) -> None:
    """The learner made one update."""


@hookspec
def rft_evaluated(event: Evaluated) -> None:
    """One checkpoint was evaluated on one environment and difficulty."""


@hookspec
def rft_run_finished(event: RunFinished) -> None:
    """The report is written."""
