"""What was lost is counted by place, and what it may hide has bounds."""

from __future__ import annotations

from rftcore.accounts import Tally, tallies
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group, Status, Trajectory
from rftcore.updates import line


def group(difficulty: str, *samples: tuple[Status, bool, int]) -> Group:
    """A group of samples, each with status, success and attempts."""
    task = Task(environment="maze", id=f"maze/{difficulty}/0", split="train", difficulty=difficulty, seed=0)
    played = [
        Trajectory(task=task, sample=n, turns=(), status=status, ret=float(success), success=success, attempts=attempts)
        for n, (status, success, attempts) in enumerate(samples)
    ]
    return Group(task=task, trajectories=tuple(played))


GROUPS = [
    group("hard", ("completed", True, 1), ("timeout", False, 3), ("environment_error", False, 3)),
    group("easy", ("completed", True, 2), ("truncated", False, 1)),
    group("hard", ("completed", False, 1)),
]


def test_samples_attempts_successes_and_losses_are_counted_by_place() -> None:
    assert {place: tally.written() for place, tally in tallies(GROUPS).items()} == {
        "maze:easy": {"samples": 2, "episodes": 3, "successes": 1, "masked": {}},
        "maze:hard": {
            "samples": 4,
            "episodes": 8,
            "successes": 1,
            "masked": {"environment_error": 1, "timeout": 1},
        },
    }


def test_the_bounds_count_all_that_is_masked_as_failures_and_then_as_successes() -> None:
    hard = tallies(GROUPS)["maze:hard"]
    assert (hard.lost, hard.success, hard.bounds) == (2, 0.5, (0.25, 0.75))
    easy = tallies(GROUPS)["maze:easy"]
    assert (easy.lost, easy.success, easy.bounds) == (0, 0.5, (0.5, 0.5))
    assert tallies([group("easy", ("timeout", True, 3))])["maze:easy"].success is None


def test_a_masked_success_is_no_success() -> None:
    assert tallies([group("easy", ("timeout", True, 3))])["maze:easy"].successes == 0


def test_tallies_are_read_as_they_were_written_and_add_up() -> None:
    hard, easy = tallies(GROUPS)["maze:hard"], tallies(GROUPS)["maze:easy"]
    again = Tally.read(hard.written())
    assert again == hard
    again.add(easy)
    assert (again.samples, again.episodes, again.successes, again.lost) == (6, 11, 2, 2)


def test_every_update_writes_down_its_accounts() -> None:
    assert line(0, GROUPS, {}, 1.0)["accounts"].keys() == {"maze:easy", "maze:hard"}
