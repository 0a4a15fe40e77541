"""What the jobs of a run have done so far, how fast, and how long the rest will take.

The rest is an estimate: from the pace of the jobs so far, and from how much work each job is expected to be.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rftcore.display import Display
from rftcore.display.symptoms import Symptom, symptoms
from rftcore.executor import Job, Progress
from rftcore.schemas.progress import EndedJob, RunningJob, RunProgress, Sign
from rftcore.telling import COUNTS

MINUTE = 60.0
REPORTS = 3
"""Rates are taken over a minute, or over so many of the longest pauses between two reports of a job that runs."""
RATES = ("episodes", "sampled_tokens", "learned_tokens")


@dataclass
class Running:
    """A job that runs."""

    job: Job
    began: float
    heard: float
    """When it told something for the last time."""
    start: float
    """Share that was done when it began: more than 0 for a stage that goes on."""
    progress: Progress
    share: float
    pause: float = 0.0
    """Longest time between two reports, in seconds."""
    counts: Counter[str] = field(default_factory=Counter)
    figures: dict[str, float] = field(default_factory=dict)
    """Newest measurements."""
    first: dict[str, float] = field(default_factory=dict)

    @property
    def work(self) -> float:
        """Done since it began, as a size."""
        return self.job.size * (self.share - self.start)

    def told(self, seconds: float) -> RunningJob:
        """Return it as a value, after it has worked for `seconds`."""
        success, validation = (self.figures.get(name) for name in ("success", "validation"))
        return RunningJob(
            label=self.job.label,
            done=self.progress.done,
            total=self.progress.total,
            seconds=seconds,
            remark=self.progress.remark,
            success=success,
            validation=validation,
        )


class Course(Display):
    """Told what happens; knows how far the run is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._began = clock()
        self._folder = Path()
        self._before: list[Job] = []
        self._jobs: dict[str, Job] = {}
        self._waiting: dict[str, Job] = {}
        self._running: dict[str, Running] = {}
        self._paces: list[tuple[str, float, float]] = []  # target, size, seconds
        self._ended: list[EndedJob] = []
        self._failed: dict[str, Job] = {}
        self._slots = 1
        self._counts: Counter[str] = Counter()
        self._recent: deque[tuple[float, Counter[str]]] = deque()
        self._signs: dict[str, Sign] = {}
        self._seen: set[tuple[str, str]] = set()
        self.told: BaseException | None = None
        """The first failure."""

    def run(self, folder: Path, done: Sequence[Job]) -> None:
        self._folder, self._before = folder, list(done)

    def plan(self, jobs: Sequence[Job], slots: int) -> None:
        self._jobs = {job.id: job for job in jobs}
        self._waiting = dict(self._jobs)
        self._slots = slots

    def progress(self, progress: Progress) -> None:
        now, share = self._clock(), progress.done / max(progress.total, 1e-9)
        counted = Counter({name: value for name, value in progress.figures.items() if name in COUNTS})
        running = self._running.get(progress.job)
        if running is None:
            job = self._waiting.pop(progress.job)
            running = self._running[job.id] = Running(job, now, now, share, progress, share)
        elif share == running.start and not (running.counts or counted):
            running.began = running.heard = now  # a model is loaded before work begins: that says nothing of the pace
        if counted:
            running.pause = max(running.pause, now - running.heard)
            self._recent.append((now, counted))
            self._forget(now)
            running.counts.update(counted)
            self._counts.update(counted)
            running.heard = now
        measured = {name: value for name, value in progress.figures.items() if name not in COUNTS}
        running.share, running.progress = share, progress
        running.figures |= measured
        running.first = running.first or {name: value for name, value in measured.items() if name == "entropy"}
        self._notice(running.job, symptoms(running.counts, measured, running.first))

    def finished(self, job: str) -> None:
        running = self._end(job)
        seconds = None
        if running is not None:
            seconds = self._clock() - running.began
            if running.share <= running.start:  # a stage that validation stops has told how far it came
                running.share = 1.0
            if running.work > 0:  # a stage may have been done but for its last file
                self._paces.append((running.job.target, running.work, seconds))
        self._ended.append(self._record(job, running, seconds))

    def lost(self, job: str, error: BaseException) -> None:
        self._end(job)
        self._waiting[job] = self._jobs[job]
        self._seen.discard((job, "died"))
        self._notice(self._jobs[job], [Symptom("died", "a worker died; its job goes on in another", "job")])

    def failed(self, job: str, error: BaseException) -> None:
        self._end(job)
        self._failed[job] = self._jobs[job]
        self.told = self.told or error
        text = str(error) or type(error).__name__
        self._ended.append(EndedJob(number=self._behind(), label=self._jobs[job].label, error=text))

    def remaining(self) -> float | None:
        """Return about how many seconds are left; None while nothing is known, after a failure, and at the end."""
        now = self._clock()
        pace = self._paces + [(r.job.target, r.work, now - r.began) for r in self._running.values() if r.work > 0]
        if not pace or self.told or not (self._waiting or self._running):
            return None
        every = sum(seconds for _, _, seconds in pace) / sum(size for _, size, _ in pace)
        left = {r.job.id: r.job.size * (1 - r.share) for r in self._running.values()}
        left |= {job.id: job.size for job in self._waiting.values()}
        seconds = 0.0
        for target in {self._jobs[key].target for key in left}:
            own = [(size, spent) for kind, size, spent in pace if kind == target]
            rate = sum(spent for _, spent in own) / sum(size for size, _ in own) if own else every
            seconds += rate * sum(size for key, size in left.items() if self._jobs[key].target == target)
        return seconds / min(self._slots, len(left))

    def rates(self) -> dict[str, float]:
        """Return what was counted a second, of late, for each of `RATES`."""
        now = self._clock()
        window = self._forget(now)
        seconds = max(min(window, now - self._began), 1e-9)
        return {name: sum(counted[name] for _, counted in self._recent) / seconds for name in RATES}

    def snapshot(self, *, over: bool = False) -> RunProgress:
        """Return how far the run is."""
        now, rates = self._clock(), self.rates()
        left = sum(job.size for job in (*self._waiting.values(), *self._failed.values()))
        left += sum(running.job.size * (1 - running.share) for running in self._running.values())
        whole = sum(job.size for job in (*self._before, *self._jobs.values()))
        return RunProgress(
            folder=str(self._folder),
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            elapsed_seconds=now - self._began,
            remaining_seconds=self.remaining(),
            share=max(0.0, 1 - left / whole) if whole else 1.0,
            stages=self._tally("stage"),
            cells=self._tally("cell"),
            jobs=len(self._jobs),
            waiting=len(self._waiting),
            episodes=self._counts["episodes"],
            sampled_tokens=self._counts["sampled_tokens"],
            learned_tokens=self._counts["learned_tokens"],
            episode_rate=rates["episodes"],
            sampled_rate=rates["sampled_tokens"],
            learned_rate=rates["learned_tokens"],
            running=[running.told(now - running.began) for running in self._running.values()],
            ended=self._ended,
            signs=list(self._signs.values()),
            over=over,
        )

    def noticed(self, sign: Sign) -> None:
        """Hear of something that is to be seen for the first time."""

    def _forget(self, now: float) -> float:
        """Forget what was counted before the window of the rates, and return how many seconds that has."""
        window = max(MINUTE, REPORTS * max((running.pause for running in self._running.values()), default=0.0))
        while self._recent and self._recent[0][0] <= now - window:
            self._recent.popleft()
        return window

    def _notice(self, job: Job, found: Iterable[Symptom]) -> None:
        for rule, text, unit in found:
            known = self._signs.get(rule)
            again = unit == "job" and (job.id, rule) in self._seen
            self._seen.add((job.id, rule))
            count = (known.count if known else 0) + (not again)
            self._signs[rule] = Sign(text=text, label=job.label, count=count, unit=unit)
            if known is None:
                self.noticed(self._signs[rule])

    def _record(self, job: str, running: Running | None, seconds: float | None) -> EndedJob:
        label = self._jobs[job].label
        if running is None:
            return EndedJob(number=self._behind(), label=label)
        figures = {name: running.figures.get(name) for name in ("success", "ci_low", "ci_high")}
        remark = running.progress.remark
        return EndedJob(number=self._behind(), label=label, remark=remark, seconds=seconds, **figures)

    def _end(self, job: str) -> Running | None:
        self._waiting.pop(job, None)
        return self._running.pop(job, None)

    def _behind(self) -> int:
        return len(self._jobs) - len(self._waiting) - len(self._running)

    def _tally(self, kind: str) -> tuple[int, int]:
        """Return how many stages, or cells, are done, and how many there are."""
        open_ = {*self._waiting, *self._running, *self._failed}
        before = sum(job.kind == kind for job in self._before)
        own = [job for job in self._jobs.values() if job.kind == kind]
        return before + sum(job.id not in open_ for job in own), before + len(own)
