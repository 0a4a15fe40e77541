"""Episodes that are begun outside of rollouts: one that fails or hangs there costs a run nothing but time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chance import Even  # type: ignore[import-not-found]

from rftcore import registry
from rftcore.errors import EpisodeError, RunError
from rftcore.schemas.report import Report
from rftcore.schemas.task import Task
from rftcore.specs import EnvironmentSpec
from rftcore.study import Evaluation


class Flaky(Even):  # type: ignore[misc]
    """Even, but that each of its `bad` starts, counted from 1 in this process, fails as `failing` does."""

    name = "flaky"
    started = 0
    bad: frozenset[int] = frozenset()
    failing: Callable[[], Any] = staticmethod(lambda: None)

    def start(self, task: Task) -> Any:
        cls = type(self)
        cls.started += 1
        if cls.started in cls.bad:
            cls.failing()
        return super().start(task)


@pytest.fixture(autouse=True)
def flaky(monkeypatch: pytest.MonkeyPatch) -> type[Flaky]:
    monkeypatch.setattr(registry, "_added", {})
    for name in ("started", "bad", "failing"):
        monkeypatch.setattr(Flaky, name, vars(Flaky)[name])
    registry.add(EnvironmentSpec(name="flaky", target=f"{__name__}:Flaky", summary="fails at some starts"))
    return Flaky


@pytest.fixture
def let_go() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def run(root: Path, **fields: Any) -> Report:
    """Play one difficulty: one start before everything, two before the cell, and then the episodes."""
    played = {"policy": "random", "environments": {"flaky": {}}, "evaluation": {"tasks": 2, "samples": 3}}
    return Evaluation(name="run", **{**played, **fields}).run(root)


def scores(report: Report) -> list[tuple[str, dict[str, Any]]]:
    return [(cell.difficulty, cell.model_dump(exclude={"trajectories"})) for cell in report.references]


def dropped() -> None:
    raise ConnectionError("the game server dropped the connection")


def broken() -> None:
    raise EpisodeError("this episode broke")


@pytest.mark.parametrize("failing", [dropped, broken])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_start_that_fails_once_is_tried_again_wherever_it_is(
    flaky: type[Flaky], tmp_path: Path, number: int, failing: Callable[[], None]
) -> None:
    expected = scores(run(tmp_path / "sound"))
    flaky.started, flaky.bad, flaky.failing = 0, frozenset({number}), staticmethod(failing)
    report = run(tmp_path / "flaky")
    assert scores(report) == expected
    assert report.masked == 0
    played = sum(row.episodes for row in report.accounts if row.train is None)
    assert played == 12 + (number == 4)  # the fourth start is the first of the rollout, which counts it


def test_a_start_that_hangs_before_everything_is_waited_for_as_long_as_any_other(
    flaky: type[Flaky], tmp_path: Path, let_go: threading.Event
) -> None:
    flaky.bad, flaky.failing = frozenset({1, 2}), staticmethod(let_go.wait)
    report = run(tmp_path, faults={"step_seconds": 0.1})
    assert report.masked == 0
    assert flaky.started == 3 + 2 * 2 + 12


def test_an_environment_that_starts_nothing_is_named_before_anything_is_played(
    flaky: type[Flaky], tmp_path: Path
) -> None:
    flaky.bad, flaky.failing = frozenset(range(1000)), staticmethod(dropped)
    with pytest.raises(RunError) as told:
        run(tmp_path)
    assert str(told.value) == (
        "flaky: none of 3 episodes could begin; the last, of flaky/hard/test/2, ended with ConnectionError: the game "
        "server dropped the connection. Nothing was trained or played with it in this session; mend flaky, then resume "
        "the run"
    )
    assert not list((tmp_path / "run").glob("cells/*"))
