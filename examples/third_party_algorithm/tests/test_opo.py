"""OPO keeps what every algorithm promises, and its credit is the one worked out by hand."""

from collections.abc import Callable

from rftcore_opo.algorithm import OPO

from rftcore import Group, Task, Trajectory, Turn
from rftcore.testing import conforms

TASK = Task(environment="sums", id="sums/easy/train/0", split="train", difficulty="easy", seed=0)


def played(sample: int, tokens: int, ret: float) -> Trajectory:
    turn = Turn(observation="1 + 1 = ?", text="2", action="2", reward=ret, valid=True, token_ids=(1,) * tokens)
    return Trajectory(task=TASK, sample=sample, turns=(turn,), status="completed", ret=ret, success=ret > 0)


@conforms("opo")
def test_it_keeps_what_every_algorithm_promises(check: Callable[[], None]) -> None:
    check()


def test_a_long_trajectory_weighs_more_in_the_baseline() -> None:
    group = Group(task=TASK, trajectories=(played(0, 3, 1.0), played(1, 1, 0.0)))
    # (3 x 1 + 1 x 0) / 4 = 0.75
    assert [credit.turns for credit in OPO().credit([group])[0]] == [(0.25,), (-0.75,)]
