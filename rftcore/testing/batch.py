"""Examines several components side by side, as many at once as there are cores: memory is watched by the clock."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any

from rftcore import registry
from rftcore.errors import ConfigError
from rftcore.executor import Job, Outcome
from rftcore.executors.processes import Processes
from rftcore.testing.check import Level
from rftcore.testing.child import temporary
from rftcore.testing.report import Report, Result, check_level, kind_of, reported, require_options
from rftcore.testing.subject import announced


def examine_each(
    names: Sequence[str],
    *,
    kind: str | None = None,
    level: Level = "full",
    options: Mapping[str, Any] | None = None,
    begun: Callable[[str, str], None] | None = None,
    told: Callable[[Report], None] | None = None,
    refused: Callable[[str, ConfigError], None] | None = None,
) -> list[Report]:
    """Return what `examine` would say of each of `names`, in their order.

    `begun` is given a name and the name of its check that begins, an empty one at the end; `told` is given each report
    as soon as it and those before it are there. `refused` is given what its `Config` says of options, which are
    missing or wrong; it then has no report. What refuses them only when it is built has one that says so, and costs
    nobody else's. Raises as `examine`, and before anything runs, and RunError where a component ends the process that
    it is examined in.
    """
    check_level(level)
    kinds = [kind_of(name, kind) for name in names]
    left_out: set[str] = set()

    for name, found in zip(names, kinds, strict=True):
        registry.spec(found, name)
        try:
            require_options(announced(found, name, options), built=False)
        except ConfigError as error:
            if refused is None:
                raise
            left_out.add(name)
            refused(name, error)
    chosen = {"level": level, "options": dict(options or {})}
    jobs: dict[str, dict[str, Any]] = {
        str(place): {"name": name, "kind": found, **chosen}
        for place, (name, found) in enumerate(zip(names, kinds, strict=True))
        if name not in left_out
    }
    reports: dict[str, Report] = {}
    waiting = list(jobs)
    with closing(_outcomes(jobs, begun)) as outcomes:
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
            reports[outcome.job] = _report(outcome.value)
            while waiting and waiting[0] in reports:
                report = reports[waiting.pop(0)]
                if told is not None:
                    told(report)
    return [reports[job] for job in jobs]


def _outcomes(
    jobs: Mapping[str, dict[str, Any]], begun: Callable[[str, str], None] | None
) -> Generator[Outcome, None, None]:
    """Run `jobs`, and yield what becomes of each as soon as it is there."""
    with temporary() as folder, closing(Processes()) as executor:
        for job, payload in jobs.items():
            asked = {**payload, "folder": str(folder)}
            executor.submit(Job(job, f"{__name__}:examined", asked, f"check of {payload['name']}"))
        for _ in jobs:
            outcome = executor.wait(
                lambda news: begun(jobs[news.job]["name"], news.remark) if begun is not None else None
            )
            if begun is not None:
                begun(jobs[outcome.job]["name"], "")
            yield outcome


def examined(payload: dict[str, Any], progress: Callable[[float, float, str], None]) -> dict[str, Any]:
    """Return the report of one component, as JSON has it: the job of a worker."""
    tempfile.tempdir = payload["folder"]  # the driver removes it, also where it has to kill this process
    level = payload["level"]
    subject = announced(payload["kind"], payload["name"], payload["options"], level)
    return asdict(reported(subject, level, begun=lambda check: progress(0, 1, check)))


def _report(value: Any) -> Report:
    results = (Result(**{**result, "problems": tuple(result["problems"])}) for result in value["results"])
    return Report(**{**value, "results": tuple(results)})
