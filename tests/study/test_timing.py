"""How jobs fit side by side, and how long a run takes by what a probe measured, worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rftcore.estimate import Range
from rftcore.probe import LearningMeasured, Measured, PlaceMeasured, way
from rftcore.study import Experiment
from rftcore.timing import forecast, makespan
from tests.study.conftest import small

JOBS: dict[str, tuple[str | None, float]] = {"a": (None, 4), "b": (None, 2), "c": ("a", 3), "d": (None, 1)}


@pytest.mark.parametrize(("slots", "seconds"), [(1, 10), (2, 7), (4, 7)])
def test_a_job_begins_when_what_it_needs_is_done_and_a_slot_is_free(slots: int, seconds: float) -> None:
    # Two slots: a and b, d after b, c after a from 4 to 7.
    assert makespan(JOBS, set(), slots) == seconds


def test_what_is_done_holds_nobody_up() -> None:
    assert makespan({"c": ("a", 3)}, {"a"}, 1) == 3
    assert makespan({}, {"a"}, 2) == 0


def measured(run: Experiment, **changes: Any) -> Measured:
    places = [
        PlaceMeasured(
            environment="even",
            difficulty=difficulty,
            at_once=12,
            episodes=10,
            token_seconds=0.01,
            tokens=(10, 20),
            sampled=(2, 4),
            stored=(100, 200),
            policy_seconds=0.5,
        )
        for difficulty in ("easy", "hard")
    ]
    learning = LearningMeasured(key=way(run.config), token_seconds=0.001, tokens=100, share=0.25)
    fields: dict[str, Any] = {
        "places": tuple(places),
        "lanes": 64,
        "learning": (learning,),
        "start_seconds": 7.0,
        "load_seconds": 3.0,
        "peak": 1,
        "gpu_peak": 0,
        "device": "CPU",
    }
    return Measured.model_validate({**fields, **changes})


def test_a_run_takes_its_episodes_and_updates_at_the_probe_s_pace(model: Path) -> None:
    run = Experiment(small(model, train="even:easy", references=["oracle"]))
    found = forecast(run.config, run.blueprint.plan, run.blueprint.environments, measured(run), set(), 1)
    # 3 updates of 12 episodes are 360 to 720 tokens; a quarter of them learned at least.
    stage = Range(3 + 3.6 + 360 * 0.001 * 0.25, 3 + 7.2 + 720 * 0.001)
    # Base and the checkpoint in two places: 3 tasks twice. The oracle as often, without a model.
    cells = Range(4 * (3 + 0.6), 4 * (3 + 1.2)) + Range(2 * 6 * 0.5, 2 * 6 * 0.5)
    assert found.low == pytest.approx(7 + stage.low + cells.low)
    assert found.high == pytest.approx(7 + stage.high + cells.high)


def test_validation_and_demonstrations_have_their_own_pace(model: Path) -> None:
    training = {"updates": 3, "groups": 3, "samples": 4, "validation": {"tasks": 2, "samples": 1, "every": 2}}
    plain, checked = (
        Experiment(small(model, train="even:easy", **changes)) for changes in ({}, {"training": training})
    )
    found = [
        forecast(run.config, run.blueprint.plan, run.blueprint.environments, measured(run), set(), 1)
        for run in (plain, checked)
    ]
    # Before the first update, after 2 and after 3: 2 tasks once.
    assert found[1].low - found[0].low == pytest.approx(3 * 2 * 10 * 0.01)
    shown = Experiment(small(model, train="even:easy", algorithm="imitation"))
    seen = forecast(shown.config, shown.blueprint.plan, shown.blueprint.environments, measured(shown), set(), 1)
    # The expert shows each of 3 tasks once an update, in half a second, in place of four episodes of the model.
    play, learn = 9 * 0.5 - 36 * 10 * 0.01, (9 - 36) * 10 * 0.001 * 0.25
    assert seen.low - found[0].low == pytest.approx(play + learn)


def test_what_is_done_takes_no_time(model: Path) -> None:
    run = Experiment(small(model, train="even:easy"))
    plan = run.blueprint.plan
    done = {job.key for job in (*plan.stages, *plan.cells)}
    assert forecast(run.config, plan, run.blueprint.environments, measured(run), done, 2) == Range(7, 7)


def test_a_cell_has_the_pace_of_as_many_episodes_at_once(model: Path) -> None:
    run = Experiment(small(model, train="even:easy"))
    one = measured(run)
    few = [place.model_copy(update={"at_once": 6, "token_seconds": 0.05, "tokens": (8, 30)}) for place in one.places]
    both = measured(run, places=(*one.places, *few))
    # An update has 12 episodes, a cell 6; 100 would be more than the sampler takes.
    assert both.place("even", "hard", 12).token_seconds == 0.01
    assert both.place("even", "hard", 6).token_seconds == 0.05
    assert both.place("even", "hard", 100).token_seconds == 0.01
    assert both.lengths()["even", "hard"].tokens == Range(8, 30)
    environments, plan = run.blueprint.environments, run.blueprint.plan
    paces = [forecast(run.config, plan, environments, found, set(), 1).low for found in (one, both)]
    # Four cells of 6 episodes: of 10 tokens before, and now of 8.
    assert paces[1] - paces[0] == pytest.approx(4 * 6 * (8 * 0.05 - 10 * 0.01))
