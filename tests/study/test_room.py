"""A run that cannot fit ends before anything starts, with what it needs, what there is, and what to change."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rftcore import Experiment, RunError, Study, room
from rftcore.display import Display
from rftcore.estimate import Range
from rftcore.executors.inline import Inline
from rftcore.executors.processes import Processes
from rftcore.memory import Need
from rftcore.records import RunFolder
from rftcore.room import Claim, check_room, claims
from rftcore.study import run_folder
from tests.study.conftest import AXES, Done, small

Command = Callable[..., Done]
TINY = {"training": {"updates": 1, "groups": 2, "samples": 2}, "evaluation": {"tasks": 2, "samples": 1}}


class Told(Display):
    """Keeps warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warned(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make memory and disk as small as a test says."""

    def make(memory: float | None = 1e12, disk: float = 1e12, whole: float = 2e12) -> None:
        monkeypatch.setattr(room, "memory", lambda: memory)
        monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=disk, total=whole))

    return make


def test_a_run_without_memory_for_it_ends_before_anything_starts(
    model: Path, tmp_path: Path, little: Callable[..., None]
) -> None:
    little(memory=5e6)
    experiment = Experiment(small(model, train="even", **TINY))
    with pytest.raises(RunError) as caught:
        experiment.run(tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == "there is no room here for this run, of which nothing was started:"
    assert lines[1].startswith("  memory: train even takes 400 MB to 1.")
    assert ", 5 MB are free (largest: Python and torch 400 MB to 1.0 GB, " in lines[1]
    assert "What helps: " in lines[1] and "learner.micro_tokens smaller" in lines[1]
    assert lines[-1] == "  Where the estimate is wrong, shortage=warn lets the same command run all the same"
    assert not (tmp_path / "small/stages").exists()


def test_a_run_without_disk_for_it_is_refused_and_told_of_gc(
    model: Path, tmp_path: Path, little: Callable[..., None]
) -> None:
    little(disk=1000)
    with pytest.raises(RunError, match=r"disk: what is still written to .*small takes .* 1 kB are free .*`rftcore gc`"):
        Experiment(small(model, train="even", **TINY)).run(tmp_path)


def test_shortage_warn_runs_all_the_same_under_the_same_id(
    model: Path, tmp_path: Path, little: Callable[..., None]
) -> None:
    little(memory=5e6, disk=1000)
    refused = Experiment(small(model, train="even", **TINY))
    with pytest.raises(RunError):
        refused.run(tmp_path)
    anyway, told = Experiment(small(model, train="even", shortage="warn", **TINY)), Told()
    assert anyway.id == refused.id
    report = anyway.run(tmp_path, display=told)
    assert report.stages[0].name == "even"
    assert [text.partition(":")[0] for text in told.warnings] == ["memory", "disk"]
    assert all("This may not be enough: " in text for text in told.warnings)


def test_what_may_be_too_little_is_a_warning(model: Path, tmp_path: Path, little: Callable[..., None]) -> None:
    little(memory=5e8)
    told = Told()
    Experiment(small(model, train="even", **TINY)).run(tmp_path, display=told)
    (warning,) = told.warnings
    assert warning.startswith("memory: train even takes 400 MB to 1.")
    little(memory=1e12)
    again = Told()
    Experiment(small(model, train="even", name="again", **TINY)).run(tmp_path, display=again)
    assert again.warnings == []


def test_a_finished_run_is_read_without_room(model: Path, tmp_path: Path, little: Callable[..., None]) -> None:
    experiment = Experiment(small(model, train="even", **TINY))
    experiment.run(tmp_path)
    little(memory=0, disk=0)
    experiment.run(tmp_path)


def test_a_killed_run_goes_on_in_the_room_that_its_own_files_leave(
    model: Path, tmp_path: Path, little: Callable[..., None]
) -> None:
    training = {"updates": 3, "groups": 2, "samples": 2, "checkpoint_every": 1}
    experiment = Experiment(small(model, train="even", training=training, evaluation=TINY["evaluation"]))
    plan, folder = experiment.blueprint.plan, experiment.create(tmp_path)

    def least() -> float:
        found = claims(experiment.config, plan, folder, set(), Inline())
        return next(claim.need.low for claim in found if claim.what == "disk")

    whole = least()

    class Stopper(Told):
        def progress(self, progress: Any) -> None:
            if progress.done == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_folder(folder, display=Stopper())
    there = sum(file.stat().st_size for file in (tmp_path / "small/stages").rglob("*") if file.is_file())
    assert least() == pytest.approx(whole - there, abs=1)
    little(disk=whole - there + 1000)  # what a disk of `whole` bytes has left
    assert len(run_folder(folder).stages[0].curve) == 3


def test_memory_adds_up_over_the_jobs_that_run_side_by_side(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study(small(model, axes=AXES))
    config, plan = study.config, study.blueprint.plan
    monkeypatch.setattr(room, "need_of_training", lambda *given, **more: Need({"stage": Range(10, 100)}, {}))
    monkeypatch.setattr(room, "need_of_playing", lambda *given, **more: Need({"cell": Range(3, 30)}, {}))

    def need(executor: Any, done: set[str]) -> tuple[str, Range]:
        claim = next(claim for claim in claims(config, plan, RunFolder(Path("none")), done, executor))
        return claim.of, claim.need

    # Ready at first: three stages (even:easy, third, even:easy+third), then the cells of base.
    assert need(Inline(), set()) == ("train even:easy takes", Range(10, 100))
    # Whichever of them begin first: the least is that of the smallest, or of the largest alone.
    assert need(Processes(workers=2), set()) == ("2 jobs side by side take", Range(10, 200))
    assert need(Processes(workers=5), set()) == ("5 jobs side by side take", Range(4 * 3 + 10, 500))
    assert need(Processes(workers=8), set()) == ("8 jobs side by side take", Range(3 * 10 + 4 * 3, 5 * 100 + 3 * 30))
    stages = {stage.key for stage in plan.stages}
    assert need(Processes(workers=2), stages)[1] == Range(6, 60)
    monkeypatch.setattr(study.config, "__dict__", {**vars(study.config), "threads": 2})
    assert need(Processes(workers=4), set())[1] == Range(10, 200)  # two cores each


@pytest.mark.parametrize(
    ("device", "executor", "launched", "used"),
    [
        ("cuda:1", Inline(), 1, ("5",)),
        ("cuda:7", Inline(), 1, ()),  # the engine says that there is none
        ("cuda", Inline(), 1, ("4",)),
        ("auto", Inline(), 1, ("4",)),
        ("auto", Inline(), 2, ("4", "5")),
        ("auto", Processes(workers=2), 1, ("4", "5")),
        ("auto", Processes(workers=8), 1, ("4", "5", "6")),
    ],
)
def test_a_full_gpu_that_a_run_does_not_use_is_no_reason_against_it(
    device: str, executor: Any, launched: int, used: tuple[str, ...], model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(room, "gpus", lambda: ("4", "5", "6"))
    monkeypatch.setattr(room, "gpu_memory", asked.append)
    if launched > 1:
        for name, value in {"RANK": 0, "WORLD_SIZE": 4, "LOCAL_WORLD_SIZE": 2, "MASTER_ADDR": "x"}.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setenv("MASTER_PORT", "1")
    experiment = Experiment(small(model, train="even", device=device, **TINY))
    claims(experiment.config, experiment.blueprint.plan, RunFolder(Path("none")), set(), executor)
    assert asked == [used]


def test_on_a_cluster_the_memory_of_this_machine_is_not_asked_for(model: Path, little: Callable[..., None]) -> None:
    class Far(Inline):
        elsewhere = True

    little(memory=0)
    experiment = Experiment(small(model, train="even"))
    config, plan = experiment.config, experiment.blueprint.plan
    assert [claim.what for claim in claims(config, plan, RunFolder(Path("none")), set(), Far())] == ["disk"]


def test_where_the_system_does_not_say_what_is_free_nothing_is_refused() -> None:
    claim = Claim("memory", "it takes", Range(1, 2), {"weights": Range(1, 2)}, None, "")
    assert not claim.refused and not claim.doubtful
    assert "what is free is not known" in str(claim)


def test_a_file_system_that_does_not_say_how_large_it_is_refuses_nothing(
    model: Path, tmp_path: Path, little: Callable[..., None]
) -> None:
    little(disk=0, whole=0)
    told = Told()
    assert Experiment(small(model, train="even", **TINY)).run(tmp_path, display=told).stages[0].name == "even"
    assert told.warnings == []


def test_what_a_probe_was_seen_to_take_is_the_least(model: Path, little: Callable[..., None]) -> None:
    little()
    experiment = Experiment(small(model, train="even"))
    config, plan = experiment.config, experiment.blueprint.plan
    found = claims(config, plan, RunFolder(Path("none")), set(), Inline(), peaks={"memory": 5_000_000_000})
    assert found[0].need == Range(5e9, 5e9)


def test_looking_for_room_takes_no_noticeable_time(model: Path) -> None:
    study = Study(small(model, axes=AXES))
    began = time.process_time()
    check_room(study.config, study.blueprint.plan, RunFolder(Path("none")), set(), Inline(), lambda text: None)
    assert time.process_time() - began < 0.3


def test_a_dry_run_says_what_there_is_no_room_for(
    rftcore: Command, model: Path, little: Callable[..., None], tmp_path: Path
) -> None:
    little(memory=5e6)
    arguments = ("train", "--train", "even", "--dry-run", f"model={model}", "training.updates=2")
    done = rftcore(*arguments)
    assert (done.code, done.err) == (1, "")
    assert "there is no room here for this run, of which nothing was started:" in done.out.splitlines()
    warned = rftcore(*arguments, "shortage=warn")  # this is what lets it run
    assert (warned.code, warned.err) == (0, "")
    assert "no room here" not in warned.out and ". This may not be enough: " in warned.out
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_an_evaluation_tells_its_cells_and_its_room(rftcore: Command, model: Path, tmp_path: Path) -> None:
    done = rftcore("evaluate", model, "--environment", "even", "--dry-run", "evaluation.tasks=3")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("evaluation evaluation-")
    assert "stages" not in done.out and "algorithm" not in done.out
    assert "memory: evaluate base on even:easy takes " in done.out
    assert list(tmp_path.iterdir()) == []


def test_where_a_policy_plays_no_model_has_to_be_installed(rftcore: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rftcore_tiny", None)
    arguments = ("evaluate", "--policy", "random", "--environment", "even", "evaluation.tasks=2")
    planned = rftcore(*arguments, "--dry-run")
    assert (planned.code, planned.err) == (0, "")
    assert "is not known before it is loaded" not in planned.out
    done = rftcore(*arguments)
    assert done.code == 0, done.err
