"""What `rftcore verify` finds of what is gone from a run folder, and what it cannot take for damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rftcore import Experiment
from rftcore.blueprint import load_record
from rftcore.display import Display
from rftcore.executor import Progress
from rftcore.records import SCHEMA_VERSION, RunFolder
from rftcore.verification import verify
from tests.study.conftest import Done, report_of, small, small_world

Command = Callable[..., Done]


def config(model: Path, *, record: bool) -> dict[str, Any]:
    training = {"updates": 4, "groups": 3, "samples": 4, "checkpoint_every": 1, "record": record}
    return small(model, train="even:easy", references=[], training=training, evaluation={"tasks": 2, "samples": 1})


@pytest.fixture(scope="module")
def made(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that recorded what it learned from."""
    root = tmp_path_factory.mktemp("recorded")
    with small_world():
        Experiment(config(model, record=True)).run(root)
    return root / "small"


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(made, tmp_path / "copy")))


def recorded(folder: RunFolder) -> list[Path]:
    """Where the trajectories of each of the four updates are."""
    _, plan = load_record(folder)
    return [folder.trajectories(plan.stages[0].key, update) for update in range(4)]


def first_line_cut(file: Path) -> None:
    file.write_text(file.read_text().split("\n", 1)[1])


def test_a_line_that_is_gone_from_recorded_trajectories_is_found(folder: RunFolder) -> None:
    assert verify(folder).sound
    file = recorded(folder)[1]
    first_line_cut(file)
    assert verify(folder).damaged == [f"the trajectories {str(file)!r} are damaged: found 11, expected 12"]


@pytest.mark.parametrize("gone", [[0], [1, 2], [3]])
def test_a_file_of_recorded_trajectories_that_is_gone_is_found(gone: list[int], folder: RunFolder) -> None:
    for update in gone:
        recorded(folder)[update].unlink()
    found = verify(folder)
    assert found.damaged == [
        f"even:easy: there are no recorded trajectories of the updates {', '.join(map(str, gone))}: they are missing, "
        "because training.record is the same for a whole session"
    ]
    assert found.remarks == []


def test_without_any_recorded_trajectories_nobody_knows_whether_there_were_some(folder: RunFolder) -> None:
    shutil.rmtree(recorded(folder)[0].parent)
    found = verify(folder)
    assert found.sound
    assert found.remarks == [
        "even:easy: there are no recorded trajectories of the updates 0, 1, 2, 3: training.record may have been off"
    ]


def test_updates_of_a_session_that_recorded_nothing_are_told_and_no_damage(model: Path, tmp_path: Path) -> None:
    class Stopped(Display):
        def progress(self, progress: Progress) -> None:
            if progress.total == 4 and progress.done == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Experiment(config(model, record=False)).run(tmp_path, display=Stopped())
    Experiment(config(model, record=True)).run(tmp_path)
    folder = RunFolder(tmp_path / "small")
    files = recorded(folder)
    first = next(number for number, file in enumerate(files) if file.is_file())
    assert 1 <= first <= 2
    found = verify(folder)
    assert found.sound
    before = ", ".join(map(str, range(first)))
    assert found.remarks == [
        f"even:easy: there are no recorded trajectories of the updates {before}: training.record may have been off"
    ]
    files[3].unlink()  # it would have been switched on and off: there were two sessions
    assert [f"updates {before}, 3: they are missing" in text for text in verify(folder).damaged] == [True]


def test_sessions_that_are_no_longer_listed_are_counted_by_what_was_told_of_them(folder: RunFolder) -> None:
    for file in recorded(folder)[2:]:
        file.unlink()
    assert not verify(folder).sound
    events = folder.path / "events.jsonl"
    started = next(line for line in events.read_text().splitlines() if '"RunStarted"' in line)
    events.write_text(f"{events.read_text()}{started}\n")  # two sessions, of which the list has one
    found = verify(folder)
    assert found.sound
    assert found.remarks == [
        "even:easy: there are no recorded trajectories of the updates 2, 3: training.record may have been off"
    ]


def test_events_that_are_not_what_was_written_or_gone_are_found(folder: RunFolder) -> None:
    events = folder.path / "events.jsonl"
    events.write_text(events.read_text().replace('"success": ', '"success": 1', 1))
    (text,) = verify(folder).damaged
    assert text.startswith(f"{str(events)!r} cannot be read: its checksum is ")
    events.unlink()
    assert verify(folder).damaged == [f"{str(events)!r} is missing"]


def test_sessions_that_are_gone_are_found(folder: RunFolder) -> None:
    sessions = folder.path / "sessions.jsonl"
    (told,) = report_of(folder.path)["provenance"]["sessions"]
    sessions.write_text("")
    text = f"{str(sessions)!r} is damaged: the sessions that began at {told['began_at']} are missing"
    assert verify(folder).damaged == [text]
    sessions.unlink()
    assert verify(folder).damaged == [f"{str(sessions)!r} is missing"]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("run.json", lambda text: text.replace('"updates": 4', '"updates": 5', 1)),
        ("run.json", lambda text: text[:-9]),
        ("run.json", lambda text: '{"schema_version": 2}'),
        ("run.json", lambda text: '{"id": "a", "kind": "experiment", "config": {"no": 1}, "plan": {}}'),
        ("report.json", lambda text: text[:-9]),
        ("report.json", lambda text: "[]"),
    ],
)
def test_a_damaged_run_json_or_report_json_is_said_as_json_too(
    name: str, change: Callable[[str], str], folder: RunFolder, rftcore: Command
) -> None:
    file = folder.path / name
    file.write_text(change(file.read_text()))
    done = rftcore("verify", folder.path, "--json")
    found = json.loads(done.out)
    assert (done.code, done.err, found["sound"], len(found["damaged"])) == (1, "", False, 1)
    assert rftcore("verify", folder.path).code == 1


def test_a_run_of_a_later_version_is_not_damaged_and_cannot_be_verified(folder: RunFolder, rftcore: Command) -> None:
    file = folder.path / "run.json"
    record = json.loads(file.read_text()) | {"schema_version": SCHEMA_VERSION + 1}
    del record["crc32"]
    file.write_text(json.dumps(record))
    done = rftcore("verify", folder.path, "--json")
    assert (done.code, done.out) == (2, "")
    assert "a later version of rftcore made this run; install that" in " ".join(done.err.split())
