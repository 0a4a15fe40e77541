"""A run that is killed anywhere, stopped, or robbed of a file goes on to the numbers of one that never was.

A child is forked and killed at its n-th access to the disk, so that every moment can be reached: between two files, or
in the middle of a checkpoint's two renames.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rftcore import Experiment, RunError
from rftcore.blueprint import load_record
from rftcore.checkpoint import verify
from rftcore.display import Display
from rftcore.display import file as progress_file
from rftcore.executor import Progress
from rftcore.records import RunFolder, read_lines, write_json
from rftcore.study import finished, run_folder
from tests.study.conftest import in_child, kill_myself, report_of, small

Differences = Callable[[Any, Any], list[str]]


@pytest.fixture(scope="module")
def config(model: Path) -> dict[str, Any]:
    evaluation = {"tasks": 2, "samples": 2, "environments": ["even"]}
    return small(model, train="even:easy>third:easy", evaluation=evaluation, references=["random"])


@pytest.fixture
def experiment(config: dict[str, Any]) -> Experiment:
    return Experiment(config)


@pytest.fixture(scope="module")
def done_once(config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing happened to."""
    from tests.study.conftest import small_world

    root = tmp_path_factory.mktemp("undisturbed")
    with small_world():
        Experiment(config).run(root)
    return root / "small"


@pytest.fixture(scope="module")
def undisturbed(done_once: Path) -> dict[str, Any]:
    """Its report."""
    return report_of(done_once)


@pytest.fixture
def finished_run(done_once: Path, tmp_path: Path) -> Callable[[], RunFolder]:
    """Return a copy of the finished run."""

    def copy() -> RunFolder:
        shutil.copytree(done_once, tmp_path / "copy")
        return RunFolder(tmp_path / "copy")

    return copy


@pytest.fixture(autouse=True)
def _written_by_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let how far a run is be written at its beginning and end only: the clock may not decide what a test counts."""
    monkeypatch.setattr(progress_file, "REST", float("inf"))


@contextmanager
def at_disk_access(number: int, act: Callable[[], object], *, lasting: bool = False) -> Iterator[list[int]]:
    """Call `act` at the `number`-th time, from 1, that a file is opened, flushed or renamed; `lasting`: and after."""
    count = [0]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            count[0] += 1
            if count[0] == number or (lasting and count[0] > number):
                act()
            return function(*arguments, **options)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((os, "fsync"), (os, "rename"), (Path, "replace"), (Path, "rename"), (Path, "open")):
            patch.setattr(owner, name, counted(getattr(owner, name)))
        yield count


def accesses(experiment: Experiment, root: Path) -> int:
    """How often an undisturbed run reaches `at_disk_access`."""
    with at_disk_access(0, lambda: None) as count:
        experiment.run(root)
    return count[0]


def test_a_run_killed_anywhere_resumes_to_the_numbers_of_one_that_was_not(
    experiment: Experiment, undisturbed: dict[str, Any], tmp_path: Path, differences: Differences
) -> None:
    total = accesses(experiment, tmp_path / "count")
    assert total > 60
    assert differences(report_of(tmp_path / "count/small"), undisturbed) == []
    moments = sorted({round(1 + step * (total - 1) / 15) for step in range(16)})
    partial = 0
    for moment in moments:
        root = tmp_path / str(moment)

        def killed(moment: int = moment, root: Path = root) -> None:
            with at_disk_access(moment, kill_myself):
                experiment.run(root)

        assert in_child(killed) == -9, moment
        folder = RunFolder(root / "small")
        if (folder.path / "run.json").is_file():
            partial += 0 < len(finished(folder, experiment.blueprint.plan)) < 8
        experiment.run(root)
        assert differences(report_of(folder.path), undisturbed) == [], moment
        left = [path.name for path in folder.path.rglob("*") if path.name.startswith(".") and path.name != ".lock"]
        assert [name for name in left if not name.endswith((".writing", ".old"))] == []
    assert partial >= 6


def test_a_run_killed_twice_in_one_stage_tells_each_update_once(
    experiment: Experiment, undisturbed: dict[str, Any], tmp_path: Path, differences: Differences
) -> None:
    class Killer(Display):
        def __init__(self, job: int, done: int) -> None:
            self.job, self.done = job, done

        def plan(self, jobs: Any, slots: int) -> None:
            self.id = jobs[self.job].id

        def progress(self, progress: Progress) -> None:
            if progress.job == self.id and progress.done == self.done:
                kill_myself()

    for job, done in ((0, 2), (0, 3), (0, 2)):  # the third is the second stage: the first is done by then
        assert in_child(lambda job=job, done=done: experiment.run(tmp_path, display=Killer(job, done))) == -9
    experiment.run(tmp_path)
    assert differences(report_of(tmp_path / "small"), undisturbed) == []
    events = read_lines(tmp_path / "small" / "events.jsonl")
    told = [(event["stage"], event["update"]) for event in events if event["event"] == "UpdateFinished"]
    assert len(told) == len(set(told))
    assert [event["resumed"] for event in events if event["event"] == "RunStarted"] == [False, True, True, True]


def test_ctrl_c_leaves_what_is_complete_and_the_run_goes_on(
    experiment: Experiment, undisturbed: dict[str, Any], tmp_path: Path, differences: Differences
) -> None:
    class Interrupted(Display):
        def finished(self, job: str) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        experiment.run(tmp_path, display=Interrupted())
    folder = RunFolder(tmp_path / "small")
    assert len(finished(folder, experiment.blueprint.plan)) == 1
    assert not folder.locked
    run_folder(folder)
    assert differences(report_of(folder.path), undisturbed) == []


def test_two_processes_never_work_on_one_run(model: Path, tmp_path: Path) -> None:
    experiment = Experiment(small(model, train="even:easy"))
    folder = experiment.create(tmp_path)
    with folder.lock():
        assert folder.locked
        with pytest.raises(RunError, match="another process works on the run in"):
            run_folder(RunFolder(folder.path))
    assert not folder.locked


def test_a_signal_in_the_middle_of_an_episode_stops_at_once_and_loses_nothing(
    experiment: Experiment, undisturbed: dict[str, Any], tmp_path: Path, differences: Differences
) -> None:
    class Signalled(Display):
        ended = 0

        def progress(self, progress: Progress) -> None:
            if progress.total == 4 and progress.done == 1:  # one episode of a cell is over, others are under way
                signal.raise_signal(signal.SIGINT)

        def finished(self, job: str) -> None:
            self.ended += 1

    display = Signalled()
    with pytest.raises(KeyboardInterrupt):
        experiment.run(tmp_path, display=display)
    assert display.ended == 2
    experiment.run(tmp_path)
    assert differences(report_of(tmp_path / "small"), undisturbed) == []


@pytest.mark.filterwarnings("ignore:rftcore .* failed in rft_:RuntimeWarning")  # the log of events has no room either
@pytest.mark.parametrize("moment", [2, 34, 54])
def test_a_full_disk_is_an_error_that_says_what_to_do_and_loses_nothing(
    experiment: Experiment, undisturbed: dict[str, Any], tmp_path: Path, differences: Differences, moment: int
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with (
        at_disk_access(moment, full, lasting=True),
        pytest.raises(RunError, match=r"No space left on device.*make room"),
    ):
        experiment.run(tmp_path)
    experiment.run(tmp_path)
    assert differences(report_of(tmp_path / "small"), undisturbed) == []


@pytest.mark.parametrize("most", [600, 9_000, 60_000])
def test_files_that_cannot_grow_are_an_error_and_not_a_damaged_run(
    experiment: Experiment, undisturbed: dict[str, Any], tmp_path: Path, differences: Differences, most: int
) -> None:
    """The system itself cuts every file at `most` bytes: run.json, a checkpoint's index, its weights."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        with pytest.raises(RunError, match=r"cannot be written: .*File too large.*make room"):
            experiment.run(tmp_path)

    assert in_child(limited) == 0
    experiment.run(tmp_path)
    assert differences(report_of(tmp_path / "small"), undisturbed) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda weights: weights.write_bytes(weights.read_bytes()[:-5]),
            r"model\.safetensors has \d+ bytes, \d+ expected",
        ),
        (lambda weights: weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f"), r"the content of .* has changed"),
        (lambda weights: weights.unlink(), r"model\.safetensors is missing"),
        (lambda weights: (weights.parent / "checkpoint.json").write_text("{"), r"checkpoint\.json cannot be read"),
    ],
)
def test_a_damaged_checkpoint_is_set_aside_and_its_stage_is_trained_again(
    undisturbed: dict[str, Any],
    finished_run: Callable[[], RunFolder],
    differences: Differences,
    damage: Callable[[Path], object],
    said: str,
) -> None:
    folder = finished_run()
    _, plan = load_record(folder)
    checkpoint = folder.stage(plan.stages[0].key) / "checkpoint"
    needs = next(cell for cell in plan.cells if cell.checkpoint == plan.stages[0].key)
    damage(checkpoint / "model.safetensors")
    run_folder(folder)  # nothing needs it any more
    folder.cell_figures(needs.key).unlink()
    with pytest.warns(RuntimeWarning, match=rf"{said}; it is now checkpoint\.damaged, and even:easy is trained again"):
        run_folder(folder)
    verify(checkpoint)
    assert (checkpoint.parent / "checkpoint.damaged").is_dir()
    assert differences(report_of(folder.path), undisturbed) == []


def test_a_damaged_checkpoint_of_a_stage_that_was_stopped_is_set_aside(
    experiment: Experiment, undisturbed: dict[str, Any], tmp_path: Path, differences: Differences
) -> None:
    class Stopped(Display):
        def progress(self, progress: Progress) -> None:
            if progress.total == 3 and progress.done == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        experiment.run(tmp_path, display=Stopped())
    folder = RunFolder(tmp_path / "small")
    resume = folder.stage(experiment.blueprint.plan.stages[0].key) / "resume"
    os.truncate(resume / "optimizer.safetensors", 100)
    with pytest.warns(RuntimeWarning, match=r"optimizer\.safetensors has 100 bytes.* it is now resume\.damaged"):
        run_folder(folder)
    assert differences(report_of(folder.path), undisturbed) == []


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("model", "0" * 64, r"\n  model \S+: it was 000000000000, and is [0-9a-f]{12}\n"),
        (
            "manifests",
            {"even/easy/test": "1" * 64},
            r"\n  task list even/easy/test: its sha256 was 111111111111, and is",
        ),
        (
            "specs",
            {"environment/even": "0"},
            r"\n  environment even: its behaviour version was 0, and is 1 in .*chance\.py",
        ),
    ],
)
def test_a_run_whose_model_tasks_or_plugins_have_changed_does_not_go_on(
    finished_run: Callable[[], RunFolder], key: str, value: Any, said: str
) -> None:
    folder = finished_run()
    record = folder.record()
    plan = record["plan"]
    plan[key] = {**plan[key], **value} if isinstance(value, dict) else value
    write_json(folder.path / "run.json", record)
    report = folder.path / "report.json"
    report.unlink()
    run_folder(folder)  # nothing is played any more, so nothing is mixed
    report.unlink()
    folder.cell(plan["cells"][0]["key"]).unlink()
    with pytest.raises(RunError, match=rf"this run cannot go on: .*{said}") as error:
        run_folder(folder)
    assert str(error.value).endswith("Bring back what it was made with, or make a new run under another name")
    assert len(str(error.value).splitlines()) == 3
    assert not report.exists()


def test_checkpoints_that_nothing_needs_any_more_may_be_deleted(
    experiment: Experiment, undisturbed: dict[str, Any], tmp_path: Path, differences: Differences
) -> None:
    experiment.run(tmp_path)
    folder, plan = RunFolder(tmp_path / "small"), experiment.blueprint.plan
    for stage in plan.stages:
        shutil.rmtree(folder.stage(stage.key) / "checkpoint")
    assert len(finished(folder, plan)) == len(plan.stages) + len(plan.cells)
    last = next(cell for cell in plan.cells if cell.checkpoint == plan.stages[1].key)
    folder.cell(last.key).unlink()
    open_jobs = {plan.stages[0].key, plan.stages[1].key, last.key}
    assert {*(stage.key for stage in plan.stages), *(c.key for c in plan.cells)} - finished(folder, plan) == open_jobs
    run_folder(folder)
    assert differences(report_of(folder.path), undisturbed) == []


def _changed(file: Path) -> None:
    """Turn over one bit in the middle of a number."""
    text = file.read_bytes()
    at = text.index(b'"success": ') + 12 if b'"success": ' in text else text.index(b'"success":') + 10
    file.write_bytes(text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :])


@pytest.mark.parametrize(
    ("choose", "damage", "said"),
    [
        ("cell", lambda file: file.write_bytes(file.read_bytes()[:-20]), "are damaged: its checksum is missing"),
        (
            "cell",
            lambda file: file.write_bytes(file.read_bytes().split(b"\n", 1)[1]),
            "are damaged: found 3, expected 4",
        ),
        ("cell", _changed, "are damaged: its checksum is [0-9a-f]{8}, expected [0-9a-f]{8}"),
        ("figures", lambda file: file.write_bytes(file.read_bytes()[:-9]), "cannot be read: Unterminated string"),
        ("updates", _changed, "cannot be read: its checksum is [0-9a-f]{8}"),
    ],
)
def test_a_damaged_record_is_set_aside_and_what_it_told_is_done_again(
    finished_run: Callable[[], RunFolder],
    undisturbed: dict[str, Any],
    differences: Differences,
    choose: str,
    damage: Callable[[Path], object],
    said: str,
) -> None:
    folder = finished_run()
    _, plan = load_record(folder)
    file = {
        "cell": folder.cell(plan.cells[0].key),
        "figures": folder.cell_figures(plan.cells[0].key),
        "updates": folder.stage(plan.stages[0].key) / "updates.jsonl",
    }[choose]
    damage(file)
    with pytest.warns(RuntimeWarning, match=rf"{file.name}' {said}.*; it is now {file.name}\.damaged, and .* again"):
        run_folder(folder)
    assert differences(report_of(folder.path), undisturbed) == []
    assert file.with_name(f"{file.name}.damaged").is_file()


def test_damaged_trajectories_are_named_where_nothing_is_played(finished_run: Callable[[], RunFolder]) -> None:
    folder = finished_run()
    _, plan = load_record(folder)
    _changed(folder.cell(plan.cells[0].key))
    with pytest.raises(RunError, match=r"trajectories '.*' are damaged: its checksum is .*\nResume the run"):
        folder.groups(plan.cells[0].key)
