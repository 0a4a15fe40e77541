"""What a stage writes down about its updates: a line each in `updates.jsonl`, and what later updates learn from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from rftcore import launch, records
from rftcore.accounts import tallies
from rftcore.checkpoint import put_back
from rftcore.curriculum import UpdateRecord
from rftcore.errors import RunError
from rftcore.schemas.trajectory import Group

FLAT = 0.7
"""Share of groups without variance above which a stage hardly learns."""
GAP = 1e-2
"""Difference of two logprobs of one token above which sampler and learner do not agree; rounding makes 1e-5 of it."""


def put_back_resume(resume: Path, log: Path) -> None:
    """Let a stage have the resumable checkpoint again that a kill caught between its two renames.

    That is the newer of the two unless the log, of which a power cut may take the end, lacks lines that it has seen.
    """
    put_back(resume, lambda state: 0 < int(state["update"]) <= len(records.read_lines(log)))


def taken_up(resume: Path, log: Path) -> list[dict[str, Any]]:
    """Return the lines of the updates that the resumable checkpoint has behind it; none where there is none.

    Before that it is put back, as `put_back_resume` says. For the other processes of a launch that was done before.
    """
    if not launch.rank():
        put_back_resume(resume, log)
    told, first = records.read_lines(log), _resume_point(resume)
    return told[:first] if first <= len(told) else []  # a power cut may take lines that the checkpoint has seen


def _resume_point(folder: Path) -> int:
    """Return the updates that a resumable checkpoint has behind it; 0 without one."""
    index = folder / "checkpoint.json"
    if not index.is_file():
        return 0
    try:
        return int(records.read_json(index)["state"]["update"])
    except (RunError, LookupError, TypeError, ValueError) as error:
        raise RunError(
            f"the checkpoint {str(folder)!r} is damaged ({error}). Resume the run: it is set aside, and the stage is "
            "trained again from its beginning"
        ) from error


def line(update: int, groups: Sequence[Group], figures: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Return what is written down about an update."""
    told = [
        {"task": g.task.id, "returns": [t.ret for t in g.usable], "successes": [t.success for t in g.usable]}
        for g in groups
    ]
    accounts = {place: tally.written() for place, tally in tallies(groups).items()}
    written = {"update": update, **_figures(groups), **figures, "update_seconds": seconds}
    return {**written, "groups": told, "accounts": accounts}


def _figures(groups: Sequence[Group]) -> dict[str, Any]:
    """Return an update's training figures, without the samples that the machine spoiled."""
    usable = [trajectory for group in groups for trajectory in group.usable]
    sources: dict[str, list[bool]] = {}
    for trajectory in usable:
        sources.setdefault(f"{trajectory.task.environment}:{trajectory.task.difficulty}", []).append(trajectory.success)
    flat = [len({t.ret for t in group.usable}) <= 1 for group in groups]
    told = sum(len(turn.token_ids) for t in usable for turn in t.turns if not turn.logprobs)
    return {
        "success": fmean(t.success for t in usable),
        "return": fmean(t.ret for t in usable),
        "turns": fmean(len(t.turns) for t in usable),
        "zero_variance": fmean(flat),
        "episodes": sum(len(group.trajectories) for group in groups),
        "masked": sum(t.masked for group in groups for t in group.trajectories),
        "sampled_tokens": sum(len(turn.logprobs) for t in usable for turn in t.turns),
        "by_source": {name: fmean(found) for name, found in sorted(sources.items())},
        **({"demonstrated_tokens": told} if told else {}),
    }


def history(value: Mapping[str, Any]) -> UpdateRecord:
    """Return what a curriculum learns of the update that a line tells of."""
    return UpdateRecord(update=value["update"], success=value["success"], by_source=value["by_source"])
