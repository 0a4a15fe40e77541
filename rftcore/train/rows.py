"""From turns to training rows, by prefix check: extend the row when the context grew, fork when it did not.

A row is what the model is trained on: the context's ids, and for each sampled token its old logprob and advantage.
Nothing is decoded or encoded. The audit recomputes each context's checksum and compares it with the one that the
sampler took of what it had fed to the model: any difference is drift, and drift must be 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan
from statistics import fmean

from rftcore.errors import RunError
from rftcore.schemas.trajectory import Credit, Trajectory, Turn
from rftcore.train.sampler import checksum


@dataclass(slots=True)
class Row:
    """`ids` [T]; the other lists [A] belong to the sampled tokens, which stand in `ids` at `positions` (ascending)."""

    ids: list[int]
    positions: list[int] = field(default_factory=list)
    old_logprobs: list[float] = field(default_factory=list)
    """NaN where nobody sampled: at demonstrated tokens."""
    advantages: list[float] = field(default_factory=list)
    learner_logprobs: list[float] = field(default_factory=list)
    """The learner's own before an update of several steps, filled in where a loss tells them from the sampler's."""
    old_values: list[float] = field(default_factory=list)
    returns: list[float] = field(default_factory=list)
    value_mask: list[float] = field(default_factory=list)
    """With a critic: what it expected, what it should have, and 1.0 where there is such a target (0.0, and a return of
    0.0, where not)."""
    behind: list[int] = field(default_factory=list)
    """Versions from the weights that sampled a token to the learner's, where a stage allows any; empty: none."""
    trajectory: str = field(default="", compare=False)
    """Which one it was cut from, for messages."""


def build_rows(
    trajectory: Trajectory,
    credit: Credit,
    values: Sequence[Sequence[float]] | None = None,
    *,
    version: int | None = None,
) -> tuple[list[Row], int]:
    """Return the rows of one trajectory and the number of sampled tokens whose provenance is in doubt.

    With a full history there is one row; each turn that drops part of the context starts another, whose kept tokens are
    context only and are not trained twice. `values` are a critic's, [turn][token]. `version` is that of the learner's
    weights, where tokens may be of older ones.
    """
    rows: list[Row] = []
    context: list[int] = []
    drift = 0
    name = f"{trajectory.task.id} sample {trajectory.sample}"
    for number, turn in enumerate(trajectory.turns):
        if not rows or turn.keep != len(context):
            rows.append(Row(context[: turn.keep], trajectory=name))
        context = [*context[: turn.keep], *turn.prompt_ids, *turn.token_ids]
        row = rows[-1]
        row.ids = context
        first = len(context) - len(turn.token_ids)
        row.positions += range(first, len(context))
        row.old_logprobs += turn.logprobs or (nan,) * len(turn.token_ids)
        if credit.tokens is not None:
            row.advantages += credit.tokens[number]
        else:
            row.advantages += [credit.turns[number]] * len(turn.token_ids)
        if values is not None:
            targets = credit.returns[number] if credit.returns is not None else ()
            blank = [0.0] * (len(turn.token_ids) - len(targets))
            row.old_values += values[number]
            row.returns += [*targets, *blank]
            row.value_mask += [*[1.0] * len(targets), *blank]
        if version is not None:
            row.behind += behind(turn, version)
        if checksum(context) != turn.checksum:
            drift += len(turn.token_ids)
    return [row for row in rows if row.positions], drift


def behind(turn: Turn, version: int) -> list[int]:
    """Return for each sampled token of a turn how many versions lie from the weights that made it to `version`.

    Its logprob is that of the weights that made it, so a correction for the sampler weighs it right.
    """
    return [version - made for made in turn.versions or (turn.version,) * len(turn.token_ids)]


def staleness(trajectories: Sequence[Trajectory], version: int, bound: int) -> dict[str, float]:
    """Return how many sampled tokens other weights than those of `version` made, as `stale_tokens`, if there are any.

    With a `bound` above 0, the most versions that a token may be behind, the count is always there, and `staleness`,
    the mean distance. Raises RunError when a token is further behind.
    """
    turns = [turn for trajectory in trajectories for turn in trajectory.turns]
    distances = [distance for turn in turns for distance in behind(turn, version)]
    stale = sum(distance != 0 for distance in distances)
    if not bound:
        return {"stale_tokens": stale} if stale else {}
    if max(distances, default=0) > bound:
        raise RunError(
            f"found tokens sampled by weights {max(distances)} versions behind the learner's, expected at most "
            f"training.max_staleness, {bound}: the sampler did not bring new weights into effect when it was given "
            "them. Nothing was learned from them: mend the sampler, and resume the run"
        )
    return {"stale_tokens": stale, "staleness": fmean(distances) if distances else 0.0}
