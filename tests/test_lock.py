"""One writer of a run's folder: a second one is told who the first is, and a dead one keeps nothing."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest

from rftcore import RunError, lock
from rftcore.records import RunFolder

HOLD = """
import sys, time
from pathlib import Path
from rftcore import lock
with lock.locked(Path(sys.argv[1])):
    print(flush=True)
    time.sleep(600)
"""


def elsewhere(folder: Path, seconds_ago: float) -> None:
    """Leave what a process on another machine leaves that gave its last sign of life so long ago."""
    file = folder / lock.FILE
    file.write_text(json.dumps({"host": "node7", "pid": 41, "since": "2026-01-02T03:04:05+00:00"}))
    at = time.time() - seconds_ago
    os.utime(file, (at, at))


def no_locks(*arguments: object) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def test_a_second_process_is_told_who_works_on_the_run_and_a_killed_one_keeps_no_lock(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        today = datetime.now(UTC).date().isoformat()
        with pytest.raises(RunError, match=rf"process {holder.pid} on .*, since {today}T.*Wait for it, or stop it"):
            lock.locked(tmp_path).__enter__()
        assert lock.is_locked(tmp_path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert json.loads((tmp_path / lock.FILE).read_text())["pid"] == holder.pid  # it said no farewell
    assert not lock.is_locked(tmp_path)
    with lock.locked(tmp_path):
        assert json.loads((tmp_path / lock.FILE).read_text())["pid"] == os.getpid()
    assert (tmp_path / lock.FILE).read_text() == ""


def test_those_who_look_at_once_see_no_work_and_keep_nobody_from_it(tmp_path: Path) -> None:
    (tmp_path / lock.FILE).touch()
    with (tmp_path / lock.FILE).open() as looks:
        fcntl.flock(looks, fcntl.LOCK_SH)
        assert not lock.is_locked(tmp_path)
        over = threading.Timer(0.1, fcntl.flock, (looks, fcntl.LOCK_UN))
        over.start()
        with lock.locked(tmp_path):
            over.join()


def test_whoever_waited_for_the_lock_of_a_deleted_run_does_not_delete_the_one_begun_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, taken = RunFolder(tmp_path / "run"), lock._taken
    folder.create({"id": "old"})

    def deleted_meanwhile(place: Path, file: IO[str]) -> bool:
        monkeypatch.setattr(lock, "_taken", taken)
        folder.path.rename(tmp_path / "gone")
        folder.create({"id": "new"})
        return taken(place, file)

    monkeypatch.setattr(lock, "_taken", deleted_meanwhile)
    with pytest.raises(RunError, match=r"was deleted or begun anew meanwhile by another process\. Try again"):
        folder.delete()
    assert json.loads((folder.path / "run.json").read_text())["id"] == "new"
    folder.delete()  # nobody came between
    assert not folder.path.exists()


def test_whoever_waited_for_the_lock_of_a_run_that_is_gone_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, taken = tmp_path / "run", lock._taken
    folder.mkdir()

    def deleted_meanwhile(place: Path, file: IO[str]) -> bool:
        folder.rename(tmp_path / "gone")
        return taken(place, file)

    monkeypatch.setattr(lock, "_taken", deleted_meanwhile)
    with pytest.raises(RunError, match="was deleted or begun anew meanwhile"), lock.locked(folder):
        pass
    assert not folder.exists()


def test_a_holder_on_another_machine_that_gives_signs_of_life_keeps_the_lock(tmp_path: Path) -> None:
    elsewhere(tmp_path, seconds_ago=lock.SILENCE - 5)
    assert lock.is_locked(tmp_path)
    with (
        pytest.raises(RunError, match=r"process 41 on node7, since 2026-01-02T03:04:05\+00:00. It gave a sign of life"),
        lock.locked(tmp_path),
    ):
        pass
    elsewhere(tmp_path, seconds_ago=lock.SILENCE + 5)
    assert not lock.is_locked(tmp_path)
    with lock.locked(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [lock.FILE]


def test_a_lock_is_held_by_its_signs_where_the_file_system_has_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", no_locks)
    with lock.locked(tmp_path):
        assert lock.is_locked(tmp_path)
        with pytest.raises(RunError, match=rf"process {os.getpid()} on .* It gave a sign of life less than 60 s ago"):
            lock.locked(tmp_path).__enter__()
    assert not lock.is_locked(tmp_path)


def test_whoever_works_gives_a_sign_of_life_every_few_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "SIGN", 0.01)
    with lock.locked(tmp_path):
        os.utime(tmp_path / lock.FILE, (0, 0))
        deadline = time.monotonic() + 60
        while (tmp_path / lock.FILE).stat().st_mtime < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (tmp_path / lock.FILE).stat().st_mtime > time.time() - 120


def test_an_error_of_the_work_is_that_error_and_gives_the_lock_back(tmp_path: Path) -> None:
    with pytest.raises(PermissionError, match="mine"), lock.locked(tmp_path):
        raise PermissionError("mine")
    assert not lock.is_locked(tmp_path)
    assert not lock.is_locked(tmp_path / "nowhere")


def test_whoever_may_only_read_the_folder_sees_that_somebody_works_there_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.open

    def reading(path: Path, mode: str = "r", *rest: object) -> object:
        if mode != "r":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return whole(path, mode)

    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        monkeypatch.setattr(Path, "open", reading)
        monkeypatch.setattr(Path, "touch", no_locks)
        seen = lock.is_locked(tmp_path)
        holder.kill()
    assert seen
    assert not lock.is_locked(tmp_path)
    monkeypatch.setattr(Path, "open", whole)
    for ago, works in ((lock.SILENCE - 5, True), (lock.SILENCE + 5, False)):
        elsewhere(tmp_path, ago)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", reading)
            assert lock.is_locked(tmp_path) is works
