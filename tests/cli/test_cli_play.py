"""`rftcore play`: a person or the expert plays one task; lines of the standard input do as well as a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Done


def test_the_expert_plays_to_the_end(rftcore: Callable[..., Done]) -> None:
    done = rftcore("play", "counting", "--oracle", "--difficulty", "hard", "--set", "profile=original")
    assert done.code == 0, done.err
    assert done.out.splitlines()[2:] == [
        "Say add until the goal is reached.",
        "",
        "Count to 4",
        "",
        "[1/5] > add",
        "1",
        "",
        "[2/5] > add",
        "2",
        "",
        "[3/5] > add",
        "3",
        "",
        "[4/5] > add",
        "4",
        "reward 1",
        "",
        "success after 4 turns, return 1",
    ]


def test_a_person_types_actions_or_their_numbers_and_asks_for_help(rftcore: Callable[..., Done]) -> None:
    done = rftcore("play", "counting", "--task", "counting/easy/test/1", stdin="?\n1\n[b]x\n\nadd\nleft\n")
    assert done.code == 0, done.err
    text = done.out
    assert text.startswith("counting/easy/test/1\n")
    assert text.count("Say add until the goal is reached.") == 2
    assert text.count("   1  add\n   2  stop") == 2
    assert "[1/5] > 1\nadd\n1.\n" in text
    assert "[2/5] > [b]x\nWhat is [[b]x]?.\n(not understood, or not possible now)" in text
    assert text.endswith("2.\nreward 1\n\nsuccess after 3 turns, return 1\n")


@pytest.mark.parametrize(
    ("stdin", "end"),
    [
        ("add\nq\nadd\n", "stopped after 1 turn, return 0"),
        ("", "stopped after 0 turns, return 0"),
        ("2\n", "failure after 1 turn, return 0"),
        ("x\n" * 9, "turn limit reached after 5 turns, return 0"),
    ],
)
def test_an_episode_ends_as_its_player_ended_it(rftcore: Callable[..., Done], stdin: str, end: str) -> None:
    done = rftcore("play", "counting", stdin=stdin)
    assert (done.code, done.out.splitlines()[-1]) == (0, end)


def test_an_expert_that_needs_more_turns_than_there_are_is_stopped(rftcore: Callable[..., Done]) -> None:
    done = rftcore("play", "counting", "--oracle", "--set", "max_turns=1")
    assert done.out.endswith("[1/1] > add\n1.\n\nturn limit reached after 1 turn, return 0\n")


def test_the_seed_chooses_the_task(rftcore: Callable[..., Done]) -> None:
    chosen = {rftcore("play", "counting", "--seed", str(seed)).out.split()[0] for seed in range(4)}
    assert len(chosen) > 1
    assert all(task.startswith("counting/easy/train/") for task in chosen)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["countign"], "did you mean 'counting'?"),
        (["counting:hard"], "expected an environment alone; write: rftcore play counting --difficulty hard"),
        (["counting", "--difficulty", "medium"], "--difficulty medium: counting has easy, hard"),
        (["counting", "--task", "counting/easy/train/7"], "did you mean 'counting/easy/train/"),
        (["counting", "--set", "max_turn=3"], "counting.max_turn: unknown key; did you mean 'max_turns'?"),
        (["counting", "--set", "max_turns=0"], "counting.max_turns: found 0, expected greater than or equal to 1"),
        (["counting", "--set", "three"], "--set three: expected key=value"),
    ],
)
def test_what_cannot_be_played_says_why(rftcore: Callable[..., Done], arguments: list[str], message: str) -> None:
    done = rftcore("play", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
