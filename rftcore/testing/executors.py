"""What every executor promises: one outcome for each job, the same as in this process, and nothing left at the end."""

from __future__ import annotations

import os
import time
import traceback
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import JsonValue

from rftcore.errors import ConfigError, RunError
from rftcore.executor import Executor, Job, Outcome, Progress
from rftcore.testing.check import NotApplicable, Problems, check
from rftcore.testing.subject import SUBJECTS, Subject

PATIENCE = 60.0
"""Seconds that jobs may take to begin."""
REST = 0.5
"""Seconds in which nothing may happen any more."""


class Runner(Subject):
    """An executor that runs: one for most of the checks, because it may take seconds to start."""

    def build(self) -> None:
        """Build the executor that most of the checks share."""
        _ = self.executor

    @cached_property
    def executor(self) -> Executor:
        made: Executor = self.make()
        return made


SUBJECTS["executor"] = Runner


@check("light")
def values_are_plain(subject: Runner) -> Problems:
    """A job's value comes back as JSON has it, whatever the job prints, and the caller's payload is as it was."""
    payload: dict[str, JsonValue] = {"steps": 0, "list": [], "number": 7}
    (outcome,), _ = _run(subject, Job("tell", "rftcore.testing.jobs:tell", payload, "the job tell"))
    value = outcome.value
    if not isinstance(value, dict):
        yield f"the value is {value!r} (error: {outcome.error!r}), expected the dict that the job returned"
        return
    expected = {"pair": [1, 2.5], "text": "ü\u2028\n", "number": 7, "process": value.get("process")}
    if value != expected:
        yield f"the value is {value!r}, expected {expected!r}; pass it through rftcore.executors.target.call"
    if payload["list"]:
        yield "the job changed its caller's payload, expected a copy to be given to it"


@check("light")
def progress_comes_first(subject: Runner) -> Problems:
    """The progress of a job arrives whole, in order, and before its outcome."""
    (outcome,), seen = _run(subject, _job("tell", steps=3, list=[], number=7))
    expected = [Progress(outcome.job, float(step), 3.0, f"step {step}", {"episodes": step - 1}) for step in (1, 2, 3)]
    if seen != expected:
        yield f"wait() handed on {seen!r}, expected {expected!r}"


@check("light")
def failures_are_outcomes(subject: Runner) -> Problems:
    """A job that fails is an outcome: rftcore's errors as they are, others with their message, all with a traceback."""
    outcomes, _ = _run(subject, _job("fail", kind="ConfigError"), _job("fail", kind="ValueError"), _job("missing"))
    for outcome, words in zip(outcomes, ("found 'x'\nexpected", "found 'x'\nexpected", "missing"), strict=True):
        if outcome.error is None or words not in str(outcome.error):
            yield f"a job that raised ended with {outcome!r}, expected an error that says {words!r}"
        elif words != "missing" and "in fail" not in "".join(traceback.format_exception(outcome.error)):
            yield f"{outcome.error!r} does not say where it was raised, expected the job's traceback as a note"
    if outcomes[0].error is not None and type(outcomes[0].error) is not ConfigError:
        yield f"a ConfigError came back as {type(outcomes[0].error).__name__}, expected the same type"


@check("light")
def every_job_ends_once(subject: Runner) -> Problems:
    """Each job has one outcome, of its own, also where there are more than slots; waiting for none is an error."""
    count = min(subject.executor.slots, 4) + 2
    outcomes, _ = _run(subject, *(_job("tell", steps=0, list=[], number=number) for number in range(count)))
    found = sorted(str(outcome.value.get("number")) for outcome in outcomes if isinstance(outcome.value, dict))
    if found != [str(number) for number in range(count)]:
        yield f"{count} jobs ended as those with the numbers {', '.join(found)}, expected each of them once"
    try:
        outcome = subject.executor.wait(lambda progress: None)
    except RuntimeError:
        return
    yield f"wait() without a job returned {outcome!r}, expected a RuntimeError: it would wait for ever"


@check("light")
def needs_are_no_refusal(subject: Runner) -> Problems:
    """A job that needs more cores or GPUs than there are runs all the same."""
    (outcome,), _ = _run(subject, _job("tell", steps=0, list=[], number=7, cpus=100_000, gpus=100_000))
    if outcome.error is not None:
        yield f"it ended with {outcome.error!r}, expected its value; give it what there is"


@check("light")
def slots_run_side_by_side(subject: Runner) -> Problems:
    """Where there are several slots, jobs run at the same time."""
    if subject.executor.slots < 2:
        raise NotApplicable("it has one slot")
    with TemporaryDirectory() as folder:
        jobs = [_job("meet", folder=folder, name=str(each), count=2, seconds=PATIENCE) for each in range(2)]
        outcomes, _ = _run(subject, *jobs)
    if [outcome.value for outcome in outcomes] != [True, True]:
        yield (
            f"{subject.executor.slots} slots, and of two jobs each waited {PATIENCE:g} s for the other in vain, "
            "expected both to run at once"
        )


@check("light")
def a_death_costs_one_job(subject: Runner) -> Problems:
    """A worker that dies is the RunError of its own job, which names it and is lost; the next job runs."""
    if _process(subject) == os.getpid():
        raise NotApplicable("its jobs run in this process")
    (dead,), _ = _run(subject, _job("die"))
    if not isinstance(dead.error, RunError) or "the job die" not in str(dead.error) or not dead.lost:
        yield f"a job whose process was killed ended with {dead!r}, expected a RunError with its label, and lost=True"
    (next_,), _ = _run(subject, _job("tell", steps=0, list=[], number=7))
    if next_.error is not None:
        yield f"the next job ended with {next_.error!r}, expected its value; replace a worker that died"


@check("light")
def closing_ends_everything(subject: Runner) -> Problems:
    """`close` ends what still runs, may be called twice, and `submit` refuses what comes later."""
    executor = subject.executor
    # A job that was not ended may put its file back while the folder goes.
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "beat"
        elsewhere = _process(subject) != os.getpid()
        if elsewhere:
            executor.submit(_job("beat", file=str(file)))
            with suppress(_Stop):
                executor.wait(_stop)
        executor.close()
        executor.close()
        del subject.executor
        last = file.read_text(encoding="ascii") if elsewhere else ""
        end = time.monotonic() + REST
        while elsewhere and time.monotonic() < end:
            time.sleep(0.02)
            if file.read_text(encoding="ascii") != last:
                yield "after close() a job still writes, expected its process to have ended"
                break
    try:
        executor.submit(_job("tell", steps=0, list=[], number=7))
    except RuntimeError:
        return
    yield "submit() took a job after close(), expected a RuntimeError"


EXECUTOR_CHECKS = (
    values_are_plain,
    progress_comes_first,
    failures_are_outcomes,
    every_job_ends_once,
    needs_are_no_refusal,
    slots_run_side_by_side,
    a_death_costs_one_job,
    closing_ends_everything,
)


class _Stop(BaseException):
    """What stops a driver, such as Ctrl-C, comes through `wait`."""


def _stop(progress: Progress) -> None:
    raise _Stop


def _job(function: str, *, cpus: int = 1, gpus: int = 0, **payload: JsonValue) -> Job:
    return Job(function, f"rftcore.testing.jobs:{function}", payload, f"the job {function}", cpus=cpus, gpus=gpus)


def _run(subject: Runner, *jobs: Job) -> tuple[list[Outcome], list[Progress]]:
    """Return the outcomes in the order of the jobs, and all progress."""
    seen: list[Progress] = []
    named = [replace(job, id=f"{job.id}-{number}") for number, job in enumerate(jobs)]
    for job in named:
        subject.executor.submit(job)
    found = {outcome.job: outcome for outcome in [subject.executor.wait(seen.append) for _ in named]}
    return [found[job.id] for job in named], seen


def _process(subject: Runner) -> int:
    """Return the process in which jobs run."""
    (outcome,), _ = _run(subject, _job("tell", steps=0, list=[], number=0))
    assert isinstance(outcome.value, dict) and isinstance(outcome.value["process"], int)
    return outcome.value["process"]
