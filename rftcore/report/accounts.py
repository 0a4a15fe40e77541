"""The accounts of a report: what was lost to the machine, where, and what that may hide.

They are printed whether anything was lost or not, because "nothing was lost" is a finding too. Rows are of a phase and
a place; where samples of one cell were lost, the cell has a row of its own, with the bounds of its own success.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rftcore.accounts import Tally, tallies
from rftcore.errors import RunError
from rftcore.faults import Faults
from rftcore.metric import CellData
from rftcore.report.figures import MISSING, count, percent
from rftcore.report.listing import Value, sortable
from rftcore.report.markup import Markup, tag
from rftcore.schemas.report import Account, Phase, Report

HEADS = (
    "phase",
    "of",
    "environment",
    "difficulty",
    "samples",
    "episodes",
    "masked",
    "%",
    "success %",
    "bounds %",
)
ABOUT = (
    "What failures of the machine, and not of the agent, took: a failed episode is played again, and a sample whose "
    "every attempt failed is masked, which means left out of every score and of training. Episodes: all attempts. "
    "Bounds: success were all masked samples failures, and were all of them successes."
)


def account_rows(cells: Sequence[CellData], updates: Iterable[Mapping[str, Mapping[str, object]]]) -> list[Account]:
    """Return the accounts of all training and of all evaluation, and of each cell that lost samples.

    `updates` has the tallies of each update by place, as `updates.jsonl` holds them.
    """
    training: dict[str, Tally] = {}
    for places in updates:
        _add(training, {place: Tally.read(value) for place, value in places.items()})
    evaluation: dict[str, Tally] = {}
    lossy: list[Account] = []
    for cell in cells:
        found = tallies(cell.groups)
        _add(evaluation, found)
        lossy += [_row("evaluation", place, tally, cell.train) for place, tally in found.items() if tally.lost]
    return [
        *(_row("training", place, tally) for place, tally in sorted(training.items())),
        *(_row("evaluation", place, tally) for place, tally in sorted(evaluation.items())),
        *lossy,
    ]


def _add(total: dict[str, Tally], more: Mapping[str, Tally]) -> None:
    for place, tally in more.items():
        total.setdefault(place, Tally()).add(tally)


def _row(phase: Phase, place: str, tally: Tally, train: str | None = None) -> Account:
    environment, _, difficulty = place.partition(":")
    low, high = tally.bounds
    return Account(
        phase=phase,
        train=train,
        environment=environment,
        difficulty=difficulty,
        samples=tally.samples,
        episodes=tally.episodes,
        masked=dict(sorted(tally.masked.items())),
        masked_share=tally.lost / tally.samples,
        success=tally.success,
        success_low=low,
        success_high=high,
        unclosed=tally.unclosed,
    )


def loss_notes(accounts: Sequence[Account]) -> Iterator[str]:
    """Yield a sentence for each phase and environment that lost samples: how many, where, and what it may hide.

    And one where episodes could not be closed.
    """
    whole = [row for row in accounts if row.train is None]
    for phase, name in dict.fromkeys((row.phase, row.environment) for row in whole):
        rows = [row for row in whole if (row.phase, row.environment) == (phase, name)]
        if unclosed := sum(row.unclosed for row in rows):
            total = sum(row.samples for row in rows)
            where = "in the trajectories" + (", with training.record" if phase == "training" else "")
            yield (
                f"In {phase}, {unclosed} of {count(total, 'episode')} in {name} could not be closed. What they played "
                f"counts as it is; what they held of the machine may not be free. Their `unclosed` says why, {where}."
            )
        statuses: Counter[str] = Counter()
        for row in rows:
            statuses.update(row.masked)
        if not statuses:
            continue
        samples = sum(row.samples for row in rows)
        usable = samples - statuses.total()
        successes = sum(round(row.success_low * row.samples) for row in rows)
        shares = ", ".join(f"{row.difficulty} {percent(row.masked_share)} %" for row in rows)
        told = ", ".join(f"{number} {status}" for status, number in sorted(statuses.items()))
        yield (
            f"In {phase}, {statuses.total()} of {count(samples, 'sample')} in {name} were masked "
            f"({told}; by difficulty: {shares}). "
            f"Success of the others is {percent(successes / usable if usable else None)} %; were all that are masked "
            f"failures it would be {percent(successes / samples)} %, were all successes "
            f"{percent((successes + statuses.total()) / samples)} %."
        )


def check_losses(accounts: Sequence[Account], faults: Faults) -> None:
    """Raise RunError when an environment lost too many samples in all jobs of a phase, though in none of them.

    The bound is that of the breaker, which sees one job, over all that the run has played. A budget that was spent is
    no failure.
    """
    for phase, name in dict.fromkeys((row.phase, row.environment) for row in accounts):
        rows = [row for row in accounts if (row.phase, row.environment) == (phase, name)]
        whole = [row for row in rows if row.train is None]
        lost = sum(_failed(row) for row in whole)
        samples = sum(row.samples - row.masked.get("budget", 0) for row in whole)
        if faults.too_many(lost, samples):
            where = "\n".join(
                f"  {f'{row.train} on ' if row.train else ''}{name}:{row.difficulty}: {_failed(row)} of {row.samples}, "
                + ", ".join(f"{number} {status}" for status, number in row.masked.items() if status != "budget")
                for row in rows
                if _failed(row) and (row.train is None) == (phase == "training")
            )
            kept, record = ("learned", "with training.record ") if phase == "training" else ("played", "")
            raise RunError(
                f"{name}: in all of {phase}, {lost} of {samples} samples were lost to the machine; expected fewer than "
                f"{faults.lost_share:.0%}, or fewer than {faults.least}. What is left may be the easier tasks, so the "
                f"run ends without a report.\n{where}\nAll that was {kept} is kept in the run's folder, where "
                f"{record}the trajectories tell each `error`. Mend {name} and make a new run; or have the report of "
                "this one, with what the losses may hide: give the command again with "
                f"{faults.accepting(lost, samples)}"
            )


def _failed(row: Account) -> int:
    return sum(number for status, number in row.masked.items() if status != "budget")


def account_summary(accounts: Sequence[Account]) -> str:
    """Return in one line what was lost in all."""
    if not accounts:
        return "No accounts: this report was made by a version that kept none."
    parts = []
    for phase in ("training", "evaluation"):
        rows = [row for row in accounts if row.phase == phase and row.train is None]
        samples, episodes = sum(row.samples for row in rows), sum(row.episodes for row in rows)
        lost = sum(sum(row.masked.values()) for row in rows)
        if samples:
            told = f"{lost} masked" if lost else "none masked"
            again = f"{episodes - samples:,} episodes played again" if episodes > samples else "none played again"
            unclosed = sum(row.unclosed for row in rows)
            left = f", {unclosed:,} not closed" if unclosed else ""
            parts.append(f"{phase}: {count(samples, 'sample')}, {told}, {again}{left}")
    return "; ".join(parts) + "."


def fields(row: Account) -> tuple[str, ...]:
    """Return the texts of a row, as `HEADS` names them."""
    statuses = ", ".join(f"{number} {status}" for status, number in row.masked.items()) or "0"
    return (
        row.phase,
        row.train or "all",
        row.environment,
        row.difficulty,
        f"{row.samples:,}",
        f"{row.episodes:,}",
        statuses,
        percent(row.masked_share),
        MISSING if row.success is None else percent(row.success),
        f"{percent(row.success_low)} to {percent(row.success_high)}",
    )


def account_section(report: Report) -> Markup:
    """Return the section of the page: what was lost in all, and a table of every row."""
    rows: list[list[Value]] = []
    for row in report.accounts:
        keys = (
            *(row.phase, row.train or "", row.environment, row.difficulty, row.samples, row.episodes),
            *(sum(row.masked.values()), row.masked_share, row.success, row.success_low),
        )
        rows.append(list(zip(fields(row), keys, strict=True)))
    return tag(
        "section",
        tag("h2", "Samples lost to the machine"),
        tag("p", ABOUT, class_="question"),
        tag("p", account_summary(report.accounts)),
        sortable(HEADS, rows, "Accounts of training and of evaluation") if rows else None,
        id="accounts",
    )
