"""The rules on how an episode failed, their shares in a cell, and their agreement with labels by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rftcore.metric import CellData
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group, Trajectory, Turn
from rftcore_generalization.agreement import agreement, labelled, table
from rftcore_generalization.evidence import Evidence
from rftcore_generalization.failure_table import failure_row
from rftcore_generalization.failures import RULES, failure_modes

PAGE = Path(__file__).parents[3] / "docs/failures.md"


def task(number: int = 0) -> Task:
    return Task(environment="house", id=f"house/easy/test/{number}", split="test", difficulty="easy", seed=number)


def episode(*turns: tuple[str, str, bool], status: Any = "truncated", success: bool = False, of: int = 0) -> Trajectory:
    """Return an episode of turns: what was seen, what was done, whether it was possible."""
    played = tuple(Turn(observation=seen, text=done, action=done, reward=0, valid=valid) for seen, done, valid in turns)
    return Trajectory(task=task(of), sample=0, turns=played, status=status, ret=0, success=success)


WALK = tuple((f"room {number}", f"go to room {number}", True) for number in range(4))


def test_possible_actions_that_lead_nowhere_are_wandering() -> None:
    assert failure_modes(episode(*WALK)) == ("out_of_turns", "wandering")


def test_a_quarter_of_impossible_actions_is_still_wandering_and_more_is_not() -> None:
    fly = ("room 9", "go to room 9", False)
    assert "wandering" in failure_modes(episode(*WALK[:3], fly))
    assert "wandering" not in failure_modes(episode(*WALK[:2], fly, fly))


def test_a_thing_that_was_never_shown_is_an_unverified_belief() -> None:
    assert "confirmation_bias" in failure_modes(episode(*WALK, ("room 3", "go to attic", False)))
    assert "confirmation_bias" not in failure_modes(episode(*WALK, ("room 3", "go to room 2", False)))
    assert "confirmation_bias" not in failure_modes(episode(*WALK, ("room 3", "zap attic", False)))


def test_what_was_refuted_is_tried_again_in_vain_unless_something_happened_in_between() -> None:
    wrong, other = ("room 3", "go to room 2", False), ("room 3", "look", True)
    assert "confirmation_bias" in failure_modes(episode(*WALK, wrong, wrong))
    assert "confirmation_bias" not in failure_modes(episode(*WALK, wrong, other, wrong))


def test_an_answer_that_was_never_read_is_an_unverified_belief_and_ends_too_early() -> None:
    read = ("Who? | Ada, a baker", "<answer>Ada</answer>", True)
    made_up = ("Who? | Ada, a baker", "<answer>Zoe</answer>", True)
    assert failure_modes(episode(read, status="completed")) == ("early_end",)
    assert failure_modes(episode(made_up, status="completed")) == ("confirmation_bias", "early_end")


def test_a_loop_is_one_action_three_times_in_a_row_or_to_one_observation() -> None:
    a, b = ("hall", "turn left", True), ("wall", "turn right", True)
    assert "action_loop" in failure_modes(episode(a, b, a, b, a))
    assert "action_loop" not in failure_modes(episode(a, b, a, b))
    assert "action_loop" in failure_modes(
        episode(*(("room", "push", True), ("room!", "Push ", True), ("door", "push", True)))
    )


def test_the_list_of_actions_and_dense_feedback_make_no_other_observation() -> None:
    same = [(f'hall\nFeedback: turns left: {n}.\nAvailable actions: ["{n}"]', "wait", True) for n in range(2)]
    other = ("wall", "turn", True)
    assert "action_loop" in failure_modes(episode(same[0], other, same[1], other, same[0]))


def test_three_impossible_actions_in_a_row_are_a_spiral() -> None:
    wrong = [("hall", f"go to hall {number}", False) for number in range(3)]
    assert "invalid_spiral" in failure_modes(episode(*wrong))
    assert "invalid_spiral" not in failure_modes(episode(wrong[0], WALK[0], wrong[1], wrong[2]))


def test_a_quarter_of_turns_without_an_action_is_malformed_output() -> None:
    empty = ("hall", "", False)
    assert "malformed_output" in failure_modes(episode(*WALK[:3], empty))
    assert "malformed_output" not in failure_modes(episode(*WALK, empty))


def test_a_success_and_a_failure_of_the_machine_have_no_mode() -> None:
    assert failure_modes(episode(*WALK, status="completed", success=True)) == ()
    assert failure_modes(episode(*WALK, status="environment_error")) == ()
    assert failure_modes(episode(status="context_overflow")) == ("out_of_turns", "wandering")


def test_shares_are_of_all_episodes_that_the_machine_did_not_spoil() -> None:
    won = episode(*WALK, status="completed", success=True)
    lost = episode(*WALK, status="timeout")
    groups = [
        Group(task=task(0), trajectories=(episode(*WALK), won)),
        Group(task=task(1), trajectories=(episode(*WALK, of=1), episode(*WALK, of=1))),
        Group(task=task(2), trajectories=(lost,)),
    ]
    row = failure_row("base", Evidence(CellData("base", "house", "easy", groups)))
    assert row is not None
    assert (row["train"], row["environment"], row["difficulty"], row["episodes"]) == ("base", "house", "easy", 4)
    assert row["wandering"] == 0.75
    assert row["wandering_ci_low"] < 0.75 < row["wandering_ci_high"]
    assert (row["early_end"], row["early_end_ci_low"]) == (0.0, 0.0)
    assert failure_row("base", Evidence(CellData("base", "house", "easy", groups[2:]))) is None


def test_the_labelled_trajectories_are_failures_of_three_players_in_five_environments() -> None:
    examples = labelled()
    assert len(examples) >= 60
    assert {example.player for example in examples} == {"rftcore/tiny", "random", "noisy oracle"}
    assert {example.trajectory.task.environment for example in examples} == {
        "webshop",
        "searchqa",
        "textcraft",
        "alfworld",
        "babyai",
    }
    assert not any(example.trajectory.success or example.trajectory.masked for example in examples)
    assert all(example.labels and example.labels <= RULES.keys() for example in examples)


def test_the_page_prints_the_agreement_of_today() -> None:
    assert table(agreement(labelled())) in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("mode", "precision", "recall"),
    [
        ("confirmation_bias", 0.8, 0.55),
        ("action_loop", 0.5, 0.75),
        ("invalid_spiral", 0.95, 0.95),
        ("early_end", 0.95, 0.95),
        ("out_of_turns", 0.95, 0.95),
        ("wandering", 0.6, 0.9),
        ("malformed_output", 0.95, 0.2),
    ],
)
def test_rules_agree_with_the_labels_as_well_as_they_did(mode: str, precision: float, recall: float) -> None:
    row = {each.mode: each for each in agreement(labelled())}[mode]
    assert row.precision is not None and row.precision >= precision
    assert row.recall is not None and row.recall >= recall
