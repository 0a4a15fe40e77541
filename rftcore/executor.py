"""The contract of an executor: where the jobs of a study run.

A job is one stage of training or one evaluation cell: pure data in, files in the run folder and a small value out.
Results never depend on the executor, which is why it cuts no cell: the episodes of a job share batches, and who is in a
batch decides the last digits of its sums. One call carries a whole job, never a step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import JsonValue

from rftcore.schemas.frozen import Frozen


@dataclass(frozen=True, slots=True)
class Job:
    """A unit of work: `target` names a module-level function that takes `payload` and a progress callback."""

    id: str
    target: str
    payload: dict[str, JsonValue]
    label: str
    size: float = 1.0
    """How much work it is expected to be, relative to other jobs: for displays, and for which job begins first."""
    cpus: int = 1
    """Cores that it keeps busy. Where there are fewer, it has those."""
    gpus: int = 0
    """GPUs that it needs to itself. Where there are none at all, it runs without: the job knows whether it can."""
    folder: str | None = None
    """Where it reads and leaves its files: the same folder has to be there wherever it runs."""
    kind: Literal["stage", "cell", "other"] = "other"
    """What it is: for displays only."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: `done` of `total` steps, with a short remark such as `success 0.42`, and what it counted."""

    job: str
    done: float
    total: float
    remark: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What `rftcore.telling` names: counts since the job's last progress, and its newest measurements."""


Tell = Callable[[float, float, str], None]
"""How work that is no job of a run is followed: it is called with the steps done, those in total, and a remark."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job's end: its value, or the exception that stopped it."""

    job: str
    value: JsonValue = None
    error: BaseException | None = None
    lost: bool = False
    """True when whatever ran the job died, and not the job failed: it may be given again, and goes on where it was."""


class Executor(ABC):
    """Runs jobs. `submit` never blocks; `wait` returns one outcome."""

    class Config(Frozen):
        """Options of the executor."""

    name: ClassVar[str]

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments."""
        self.config: Any = self.Config.model_validate(options) if config is None else config

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many jobs run side by side."""

    @property
    def elsewhere(self) -> bool:
        """Whether jobs run on other machines, too: what this one has says nothing about them then."""
        return False

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Queue a job. Raises RuntimeError after `close`."""

    @abstractmethod
    def wait(self, on_progress: Callable[[Progress], None]) -> Outcome:
        """Run until one job ends and return its outcome; report progress of all of them meanwhile.

        What `on_progress` raises comes through. Raises RuntimeError when there is no job to wait for.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop everything that still runs. Safe to call twice."""
