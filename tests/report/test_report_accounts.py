"""Every report says what was lost to the machine, and what that may hide: in JSON, on the page and in the terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from rftcore.errors import RunError
from rftcore.faults import Faults
from rftcore.metric import CellData
from rftcore.report.accounts import account_rows, account_summary, check_losses, loss_notes
from rftcore.report.evidence import collect
from rftcore.report.html import render
from rftcore.report.tables import print_tables
from rftcore.schemas.report import Account, Report
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group, Status, Trajectory

CLEAN = {"samples": 8, "episodes": 8, "successes": 2, "masked": {}}
LOSSY = {"samples": 8, "episodes": 14, "successes": 3, "masked": {"environment_error": 1, "timeout": 1}}


def cell(train: str, difficulty: str, *statuses: Status) -> CellData:
    """A cell of one task; samples that are not masked succeed."""
    task = Task(environment="maze", id=f"maze/{difficulty}/0", split="test", difficulty=difficulty, seed=0)
    played = [
        Trajectory(task=task, sample=n, turns=(), status=status, ret=0.0, success=status == "completed")
        for n, status in enumerate(statuses)
    ]
    groups = [Group(task=task, trajectories=tuple(played))]
    return CellData(train=train, environment="maze", difficulty=difficulty, groups=groups, trajectories="")


CELLS = [
    cell("base", "easy", "completed", "truncated", "completed", "truncated"),
    cell("maze", "hard", "completed", "truncated", "timeout", "truncated"),
    cell("base", "hard", "completed", "truncated", "truncated", "truncated"),
]


@pytest.fixture
def accounts() -> list[Account]:
    return account_rows(CELLS, [{"maze:easy": CLEAN}, {"maze:easy": CLEAN, "maze:hard": LOSSY}, {}])


def test_phases_and_places_have_rows_and_cells_that_lost_samples_have_their_own(accounts: list[Account]) -> None:
    found = [
        (row.phase, row.train, row.difficulty, row.samples, row.episodes, row.masked, row.success_low, row.success_high)
        for row in accounts
    ]
    assert found == [
        ("training", None, "easy", 16, 16, {}, 0.25, 0.25),
        ("training", None, "hard", 8, 14, {"environment_error": 1, "timeout": 1}, 0.375, 0.625),
        ("evaluation", None, "easy", 4, 4, {}, 0.5, 0.5),
        ("evaluation", None, "hard", 8, 8, {"timeout": 1}, 0.25, 0.375),
        ("evaluation", "maze", "hard", 4, 4, {"timeout": 1}, 0.25, 0.5),
    ]
    assert [(row.masked_share, row.success) for row in accounts][1] == (0.25, 0.5)


def test_a_note_says_how_many_where_and_what_success_might_be(accounts: list[Account]) -> None:
    assert list(loss_notes(accounts)) == [
        "In training, 2 of 24 samples in maze were masked (1 environment_error, 1 timeout; by difficulty: easy 0.0 %, "
        "hard 25.0 %). Success of the others is 31.8 %; were all that are masked failures it would be 29.2 %, were all "
        "successes 37.5 %.",
        "In evaluation, 1 of 12 samples in maze were masked (1 timeout; by difficulty: easy 0.0 %, hard 12.5 %). "
        "Success of the others is 36.4 %; were all that are masked failures it would be 33.3 %, were all successes "
        "41.7 %.",
    ]
    assert list(loss_notes(account_rows(CELLS[:1], [{"maze:easy": CLEAN}]))) == []


def test_a_note_and_the_summary_say_where_episodes_could_not_be_closed() -> None:
    (group,) = CELLS[0].groups
    open_ = group.trajectories[1].model_copy(update={"unclosed": "OSError: connection reset on close"})
    played = (group.trajectories[0], open_, *group.trajectories[2:])
    accounts = account_rows([replace(CELLS[0], groups=[Group(task=group.task, trajectories=played)])], [])
    assert [(row.samples, row.masked, row.unclosed) for row in accounts] == [(4, {}, 1)]
    assert list(loss_notes(accounts)) == [
        "In evaluation, 1 of 4 episodes in maze could not be closed. What they played counts as it is; what they held "
        "of the machine may not be free. Their `unclosed` says why, in the trajectories."
    ]
    assert account_summary(accounts) == "evaluation: 4 samples, none masked, none played again, 1 not closed."
    counted = {"maze:easy": {**CLEAN, "unclosed": 2}}
    (note,) = loss_notes(account_rows([], [counted]))
    assert note.endswith("Their `unclosed` says why, in the trajectories, with training.record.")
    assert [row.unclosed for row in account_rows([], [counted, {"maze:easy": CLEAN}, counted])] == [4]


def test_the_summary_speaks_where_nothing_was_lost_too(accounts: list[Account]) -> None:
    assert account_summary(accounts) == (
        "training: 24 samples, 2 masked, 6 episodes played again; evaluation: 12 samples, 1 masked, none played again."
    )
    assert account_summary(account_rows(CELLS[:1], [])) == "evaluation: 4 samples, none masked, none played again."
    assert account_summary([]) == "No accounts: this report was made by a version that kept none."


def test_the_page_and_the_terminal_print_them_and_an_older_report_says_that_it_has_none(
    accounts: list[Account], study: tuple[Path, Report]
) -> None:
    folder, old = study
    report = old.model_copy(update={"accounts": accounts})
    page = render(report, collect(folder, report))
    assert "<h2>Samples lost to the machine</h2>" in page
    assert "1 environment_error, 1 timeout" in page
    for width in (60, 100):
        paper = io.StringIO()
        print_tables(report, Console(file=paper, width=width, color_system=None))
        text = " ".join(paper.getvalue().split())
        assert "Samples lost to the machine training: 24 samples, 2 masked, 6 episodes played again;" in text
        assert max(map(len, paper.getvalue().splitlines())) <= width
    assert "37.5" in text and "62.5" in text
    assert Report.model_validate_json(report.model_dump_json()).accounts == accounts
    assert "accounts" not in old.model_dump(mode="json")
    assert "this report was made by a version that kept none" in render(old, collect(folder, old))


def test_the_losses_of_a_phase_are_judged_together_and_a_spent_budget_is_none(accounts: list[Account]) -> None:
    check_losses(accounts, Faults())  # 2 of 24 and 1 of 12: fewer than 10
    check_losses(accounts, Faults(least=2))  # 8.3 %
    with pytest.raises(RunError) as told:
        check_losses(accounts, Faults(least=2, lost_share=0.08))
    assert str(told.value).startswith(
        "maze: in all of training, 2 of 24 samples were lost to the machine; expected fewer than 8%, or fewer than 2. "
        "What is left may be the easier tasks, so the run ends without a report.\n"
        "  maze:hard: 2 of 8, 1 environment_error, 1 timeout\n"
        "All that was learned is kept in the run's folder, where with training.record the trajectories tell each "
    )
    with pytest.raises(RunError, match=r"in all of evaluation, 1 of 12 .*\n  maze on maze:hard: 1 of 4, 1 timeout\n"):
        check_losses([row for row in accounts if row.phase == "evaluation"], Faults(least=1, lost_share=0.08))
    unpaid = account_rows([cell("base", "easy", "budget", "budget", "completed", "completed")], [])
    check_losses(unpaid, Faults(least=1, lost_share=0.01))
