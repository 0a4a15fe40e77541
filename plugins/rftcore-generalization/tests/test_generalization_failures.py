"""The rules on how an episode failed, their shares in a cell, and their agreement with labels by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rftcore.metric import CellData
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group, Trajectory, Turn
from rftcore_generalization.agreement import (
    PARTS,
    Labelled,
    Part,
    agreement,
    agreement_with_second,
    crossed_table,
    crossings,
    labelled,
    tables,
)
from rftcore_generalization.definitions import DEFINITIONS
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


def test_a_loop_is_one_action_with_one_outcome_in_three_of_five_turns() -> None:
    a, b = ("hall", "turn left", True), ("wall", "turn right", True)
    assert "action_loop" in failure_modes(episode(a, b, a, b, a, b))
    assert "action_loop" not in failure_modes(episode(a, b, a, b))
    push = ("stuck", "push", False)
    assert "action_loop" in failure_modes(episode(("room", "Push ", True), push, push, ("stuck", "look", True)))
    assert "action_loop" not in failure_modes(episode(push, push, b, b, ("wall", "push", True), ("stuck", "go", True)))


def test_an_action_that_leads_on_is_no_loop_however_often_it_is_given() -> None:
    steps = [(f"{number} steps from the door", "move forward", True) for number in range(9, 0, -1)]
    assert "action_loop" not in failure_modes(episode(*steps))


def test_what_the_environment_says_last_is_an_outcome_too() -> None:
    wait = Turn(observation="dark", text="wait", action="wait", reward=0, valid=True)
    lost = Trajectory(
        task=task(), sample=0, turns=(wait,) * 3, final_observation="dark", status="truncated", ret=0, success=False
    )
    assert "action_loop" in failure_modes(lost)
    assert "action_loop" not in failure_modes(lost.model_copy(update={"final_observation": "light"}))


def test_the_list_of_actions_and_dense_feedback_make_no_other_outcome() -> None:
    same = [(f'hall\nFeedback: turns left: {n}.\nAvailable actions: ["{n}"]', "wait", True) for n in range(4)]
    assert "action_loop" in failure_modes(episode(*same))


def test_three_impossible_actions_in_a_row_are_a_spiral() -> None:
    wrong = [("hall", f"go to hall {number}", False) for number in range(3)]
    assert "invalid_spiral" in failure_modes(episode(*wrong))
    assert "invalid_spiral" not in failure_modes(episode(wrong[0], WALK[0], wrong[1], wrong[2]))


@pytest.mark.parametrize(
    "broken",
    [
        "",
        " - ",
        "click[blue lamp",
        "click[blue lamp]] now",
        "click[blue lamp] hall",
        "</go",
        "go to ha\N{REPLACEMENT CHARACTER}",
        "gozzle snurf 12 hall",
    ],
)
def test_a_quarter_of_turns_with_an_impossible_action_of_a_broken_form_is_malformed_output(broken: str) -> None:
    wrong = ("hall with a blue lamp", broken, False)
    assert "malformed_output" in failure_modes(episode(*WALK[:3], wrong))
    assert "malformed_output" not in failure_modes(episode(*WALK, wrong))
    assert "malformed_output" not in failure_modes(episode(*WALK[:3], (wrong[0], broken or "go", True)))


@pytest.mark.parametrize("wrong", ["go to hall", "click[blue lamp]", "<go>lamp</go>", "go to attic", "paint blue lamp"])
def test_an_impossible_action_of_a_sound_form_is_not_malformed(wrong: str) -> None:
    assert "malformed_output" not in failure_modes(episode(*WALK[:3], ("hall with a blue lamp", wrong, False)))


def test_a_success_and_a_failure_of_the_machine_have_no_mode() -> None:
    assert failure_modes(episode(*WALK, status="completed", success=True)) == ()
    assert failure_modes(episode(*WALK, status="environment_error")) == ()


def test_an_episode_without_a_turn_ran_out_and_went_nowhere_it_could_wander() -> None:
    assert failure_modes(episode(status="context_overflow")) == ("out_of_turns",)


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


@pytest.mark.parametrize("part", PARTS)
def test_the_labelled_trajectories_are_failures_in_five_environments(part: Part) -> None:
    examples = labelled(part)
    assert len(examples) >= 60
    assert {example.trajectory.task.environment for example in examples} == {
        "webshop",
        "searchqa",
        "textcraft",
        "alfworld",
        "babyai",
    }
    assert not any(example.trajectory.success or example.trajectory.masked for example in examples)
    assert all(example.labels and example.labels <= RULES.keys() for example in examples)
    assert all(example.second <= DEFINITIONS.keys() for example in examples)


def test_no_episode_is_in_both_parts() -> None:
    adjusted, held_out = ({example.trajectory.model_dump_json() for example in labelled(part)} for part in PARTS)
    assert not adjusted & held_out


def read(first: str, second: str, of: int) -> Labelled:
    """Return an episode that the rules call wandering, with the initials of the modes that two readers found."""
    modes = {mode[0]: mode for mode in DEFINITIONS}
    return Labelled(
        "tiny",
        episode(*WALK, of=of),
        frozenset(modes[each] for each in first),
        frozenset(modes[each] for each in second),
    )


READ = [read("w", "w", 0), read("w", "a", 1), read("", "w", 2), read("c", "c", 3), read("c", "", 3)]


def test_the_readers_are_crossed_on_each_mode() -> None:
    confirmation, loop, wandering, malformed = crossings(READ)
    assert confirmation[:5] == ("confirmation_bias", 1, 1, 0, 3)
    assert loop[:5] == ("action_loop", 0, 0, 1, 4)
    assert wandering[:5] == ("wandering", 1, 1, 1, 2)
    assert malformed == ("malformed_output", 0, 0, 0, 5, (None, None, None))
    # confirmation_bias: p_o = 4/5, p_e = 2/5 * 1/5 + 3/5 * 4/5 = 14/25; 6/25 of 11/25
    assert confirmation.kappa.value == pytest.approx(6 / 11)
    # wandering: p_o = 3/5, p_e = (2/5)^2 + (3/5)^2 = 13/25; 2/25 of 12/25
    assert wandering.kappa.value == pytest.approx(1 / 6)


def test_the_table_of_two_readers_has_a_line_for_each_mode_and_a_dash_for_what_is_undefined() -> None:
    lines = [line.split() for line in crossed_table(crossings(READ)).splitlines()]
    assert lines[0] == ["mode", "both", "first", "second", "neither", "kappa", "low", "high"]
    assert lines[1][:6] == ["confirmation_bias", "1", "1", "0", "3", "0.55"]
    assert lines[4] == ["malformed_output", "0", "0", "0", "5", "-", "-", "-"]


def test_the_rules_are_compared_with_either_reader() -> None:
    first = {row.label: (row.held, row.found, row.both) for row in agreement(READ)}
    second = {row.label: (row.held, row.found, row.both) for row in agreement_with_second(READ)}
    assert first["confirmation_bias"] == (2, 0, 0)
    assert second == {
        "confirmation_bias": (1, 0, 0),
        "action_loop": (1, 0, 0),
        "wandering": (2, 5, 2),
        "malformed_output": (0, 0, 0),
    }


def test_the_page_prints_the_agreement_of_today() -> None:
    assert tables() in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("mode", "precision", "recall"),
    [
        ("confirmation_bias", 0.95, 0.65),
        ("action_loop", 0.85, 0.6),
        ("invalid_spiral", 0.95, 0.95),
        ("early_end", 0.95, 0.95),
        ("out_of_turns", 0.95, 0.95),
        ("wandering", 0.7, 0.75),
        ("malformed_output", 0.75, 0.7),
    ],
)
def test_rules_agree_with_labels_that_they_have_not_seen(mode: str, precision: float, recall: float) -> None:
    row = {each.label: each for each in agreement(labelled("held_out"))}[mode]
    assert row.precision is not None and row.precision >= precision
    assert row.recall is not None and row.recall >= recall
