"""How far a run is, as a value: what a live view shows, and what `progress.json` holds for one in another process."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rftcore.schemas.frozen import Frozen


class RunningJob(Frozen):
    """A job that runs."""

    label: str
    done: float
    total: float
    """Steps: updates of a stage, episodes of a cell."""
    seconds: float
    """Since its work began; loading a model is none."""
    remark: str = ""
    success: float | None = None
    """Of a stage's newest update, or of a cell's episodes so far."""
    validation: float | None = None
    """Newest of a stage."""


class EndedJob(Frozen):
    """A job that ended in this session."""

    number: int
    """How many of the planned jobs had ended with it."""
    label: str
    remark: str = ""
    seconds: float | None = None
    """None where it was never seen to run."""
    success: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    """95 % interval of a cell's success."""
    error: str = ""
    """Why it failed; empty where it did not."""


class Sign(Frozen):
    """Something that a person should look at, told once and counted."""

    text: str
    """What it is, with the newest figure."""
    label: str
    """The job that showed it last."""
    count: int
    """How often: updates of stages, or jobs."""
    unit: Literal["update", "job"]


class RunProgress(Frozen):
    """How far a run is in this session. Rates are means of the last minute, or longer where reports are rarer."""

    schema_version: Literal[1] = 1
    folder: str
    """The run folder as whoever works on it called it."""
    at: str
    """When this was told, UTC."""
    elapsed_seconds: float
    remaining_seconds: float | None
    """An estimate; None while nothing is known."""
    share: float
    """Share of the run's work that is done, in [0, 1], also by earlier sessions."""
    stages: tuple[int, int]
    cells: tuple[int, int]
    """How many are done, and how many there are."""
    jobs: int
    """How many this session planned."""
    waiting: int
    episodes: float
    sampled_tokens: float
    learned_tokens: float
    """Counts of this session."""
    episode_rate: float
    sampled_rate: float
    learned_rate: float
    """The same a second."""
    running: list[RunningJob] = Field(default_factory=list)
    ended: list[EndedJob] = Field(default_factory=list)
    signs: list[Sign] = Field(default_factory=list)
    over: bool = False
    """Whether nobody works on it any more."""
