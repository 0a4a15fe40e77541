"""A run tells its trackers what it does, and gives the same numbers whatever they do with it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rftcore import ConfigError, Experiment, PluginError, registry
from rftcore.records import RunFolder
from rftcore.schemas.events import RunStarted, UpdateFinished
from rftcore.schemas.frozen import Frozen
from rftcore.specs import TrackerSpec
from rftcore.study import run_folder
from rftcore.tracker import Tracker, figures, success_table

from .conftest import report_of, small

Differences = Callable[[Any, Any], list[str]]


class Notebook(Tracker):
    """Keeps the names of its events."""

    class Config(Frozen):
        owner: str = "nobody"

    name = "notebook"
    pages: ClassVar[list[tuple[str, str]]] = []

    def _note(self, what: str) -> None:
        self.pages.append((self.config.owner, what))

    def rft_run_started(self, event: RunStarted) -> None:
        self._note(f"started, resumed {event.resumed}, with {event.config['trackers']}")

    def rft_group_finished(self, event: Any) -> None:
        self._note(f"group of update {event.update}")

    def rft_update_finished(self, event: UpdateFinished) -> None:
        self._note(f"update {event.update} of {event.stage}")

    def rft_evaluated(self, event: Any) -> None:
        self._note(f"{event.train} on {event.environment}:{event.difficulty}")

    def rft_run_finished(self, event: Any) -> None:
        self._note(Path(event.report).name)

    def close(self) -> None:
        self._note("closed")


class FullDisk(Notebook):
    """Has no room, neither for the second update nor to close."""

    name = "fulldisk"

    def rft_update_finished(self, event: UpdateFinished) -> None:
        if event.update == 1:
            raise OSError("no space left")
        super().rft_update_finished(event)

    def close(self) -> None:
        super().close()
        raise OSError("still no space left")


@pytest.fixture(autouse=True)
def _trackers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_added", {})
    for tracker in (Notebook, FullDisk):
        target = f"{__name__}:{tracker.__name__}"
        registry.add(TrackerSpec(name=tracker.name, target=target, summary="keeps the names of its events"))
    Notebook.pages.clear()
    yield
    Notebook.pages.clear()


def experiment(model: Path, **changes: Any) -> Experiment:
    return Experiment(small(model, train="even:easy", references=[], **changes))


def test_a_tracker_hears_all_of_a_run_in_order_and_is_closed(model: Path, tmp_path: Path) -> None:
    experiment(model, trackers=[{"name": "notebook", "owner": "me"}]).run(tmp_path)
    assert {owner for owner, _ in Notebook.pages} == {"me"}
    said = [page for _, page in Notebook.pages]
    assert said[0] == "started, resumed False, with [{'name': 'notebook', 'options': {'owner': 'me'}}]"
    updates = [page for page in said if page.startswith(("group", "update"))]
    assert updates == [
        line for number in (0, 1, 2) for line in [*[f"group of update {number}"] * 3, f"update {number} of even:easy"]
    ]
    places = {f"{checkpoint} on even:{difficulty}" for checkpoint in ("base", "even:easy") for difficulty in DIFFICULTY}
    assert {page for page in said if " on even" in page} == places
    assert said[-2:] == ["report.json", "closed"]


DIFFICULTY = ("easy", "hard")


def test_a_tracker_that_fails_is_one_warning_and_the_run_gives_the_same_numbers(
    model: Path, tmp_path: Path, differences: Differences
) -> None:
    experiment(model).run(tmp_path / "plain")
    tracked = experiment(model, trackers=["fulldisk"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tracked.run(tmp_path / "tracked")
    ours = [str(each.message) for each in caught if "tracker" in str(each.message)]
    assert ours == [
        "tracker fulldisk failed in rft_update_finished, and shows no more of this run, which goes on: "
        "OSError: no space left"
    ]
    assert Notebook.pages[-1] == ("nobody", "closed")
    assert [page for _, page in Notebook.pages].count("closed") == 1
    assert differences(report_of(tmp_path / "tracked" / "small"), report_of(tmp_path / "plain" / "small")) == []


def test_trackers_are_no_part_of_a_run_which_may_be_resumed_with_others(model: Path, tmp_path: Path) -> None:
    plain, tracked = experiment(model), experiment(model, trackers=["notebook"])
    assert plain.id == tracked.id
    assert plain.blueprint.plan == tracked.blueprint.plan
    assert "trackers" not in plain.blueprint.record()["config"]
    plain.run(tmp_path)
    assert Notebook.pages == []
    tracked.run(tmp_path)
    assert Notebook.pages[0][1].split(",")[:2] == ["started", " resumed True"]
    assert "trackers" not in report_of(tmp_path / "small")["study"]["config"]


def test_a_tracker_that_is_not_installed_any_more_does_not_stop_a_run(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment(model, trackers=["notebook"]).run(tmp_path)
    monkeypatch.setattr(registry, "_added", {})
    with pytest.warns(RuntimeWarning, match="tracker notebook is left out, .*'notebook' is not installed"):
        run_folder(RunFolder(tmp_path / "small"))


def test_an_unknown_tracker_and_its_unknown_options_are_told_before_the_run(model: Path) -> None:
    with pytest.raises(PluginError, match=r"tracker 'notebok' is not installed\n  did you mean 'notebook'\?"):
        experiment(model, trackers=["notebok"])
    with pytest.raises(ConfigError, match=r"trackers\.0\.onwer.*owner"):
        experiment(model, trackers=[{"name": "notebook", "onwer": "me"}])


def test_a_tracker_may_be_given_live(model: Path) -> None:
    fields = small(model, train="even:easy", references=[], trackers=[Notebook(owner="me")])
    assert experiment(model, trackers=[{"name": "notebook", "owner": "me"}]).config == Experiment(**fields).config


def test_figures_are_the_finite_numbers_of_an_update() -> None:
    stats = {"update": 3, "loss": 0.5, "drift": 0, "kl": float("nan"), "note": "text", "flag": True, "none": None}
    assert figures(stats) == {"loss": 0.5, "drift": 0.0}


def test_the_success_table_has_a_row_for_each_checkpoint_and_a_gap_where_nothing_was_measured(tmp_path: Path) -> None:
    def cell(train: str, difficulty: str, score: float | None) -> dict[str, Any]:
        return {"train": train, "environment": "even", "difficulty": difficulty, "avg_at_k": score}

    first, second = [cell("base", "easy", 0.25), cell("a", "hard", 0.5)], [cell("base", "easy", 0.25)]
    report = {"axes": {"difficulty": first, "sequence": second}, "references": [cell("random", "easy", None)]}
    file = tmp_path / "report.json"
    file.write_text(json.dumps(report), encoding="utf-8")
    head, rows = success_table(str(file))
    assert head == ["checkpoint", "even:easy", "even:hard"]
    assert rows == [["base", 0.25, None], ["a", None, 0.5], ["random", None, None]]
