"""Examines several components side by side, as many at once as there are cores: memory is watched by the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rftcore import registry
from rftcore.executor import Job
from rftcore.executors.processes import Processes
from rftcore.testing.check import Level
from rftcore.testing.report import Report, Result, check_level, examine, kind_of, require_options
from rftcore.testing.subject import announced


def examine_each(
    names: Sequence[str],
    *,
    kind: str | None = None,
    level: Level = "full",
    options: Mapping[str, Any] | None = None,
    begun: Callable[[str, str], None] | None = None,
    told: Callable[[Report], None] | None = None,
) -> list[Report]:
    """Return what `examine` would say of each of `names`, in their order.

    `begun` is given a name and the name of its check that begins, an empty one at the end; `told` is given each report
    as soon as it and those before it are there. Raises as `examine`, before anything runs,
    and RunError where a component ends the process that it is examined in.
    """
    check_level(level)
    kinds = [kind_of(name, kind) for name in names]
    for name, found in zip(names, kinds, strict=True):
        registry.spec(found, name)
        require_options(announced(found, name, options))
    jobs = [
        Job(
            str(place),
            f"{__name__}:examined",
            {"name": name, "kind": found, "level": level, "options": dict(options or {})},
            f"check of {name}",
        )
        for place, (name, found) in enumerate(zip(names, kinds, strict=True))
    ]
    reports: dict[str, Report] = {}
    shown = 0
    executor = Processes()
    try:
        for job in jobs:
            executor.submit(job)
        while len(reports) < len(jobs):
            outcome = executor.wait(
                lambda news: begun(names[int(news.job)], news.remark) if begun is not None else None
            )
            if begun is not None:
                begun(names[int(outcome.job)], "")
            if outcome.error is not None:
                raise outcome.error
            reports[outcome.job] = _report(outcome.value)
            while shown < len(jobs) and str(shown) in reports:
                if told is not None:
                    told(reports[str(shown)])
                shown += 1
    finally:
        executor.close()
    return [reports[job.id] for job in jobs]


def examined(payload: dict[str, Any], progress: Callable[[float, float, str], None]) -> dict[str, Any]:
    """Return the report of one component, as JSON has it: the job of a worker."""
    chosen = {key: payload[key] for key in ("kind", "level", "options")}
    return asdict(examine(payload["name"], **chosen, begun=lambda check: progress(0, 1, check)))


def _report(value: Any) -> Report:
    results = (Result(**{**result, "problems": tuple(result["problems"])}) for result in value["results"])
    return Report(**{**value, "results": tuple(results)})
