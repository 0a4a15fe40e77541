"""The folder with a run's weights: gone when the run is, and no other run's is touched."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rftcore import lock
from rftcore_vllm.shelf import Shelf

OWNER = """
import sys
from pathlib import Path
from rftcore_vllm.shelf import Shelf
shelf = Shelf(sys.argv[1])
(shelf.path / "tag").mkdir()
(shelf.path / "tag" / "model.safetensors").touch()
print(shelf._guard.pid, flush=True)
sys.stdin.read()
"""
"""A run, as far as it has weights on disk."""


def until(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def ignores(process: int, number: int) -> bool:
    told = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return bool(int(told["SigIgn"], 16) >> (number - 1) & 1)


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[str], int, Path]]]:
    """`owner()` returns a process, the one that clears up after it, and the shelf that it has in `tmp_path`."""
    made: list[subprocess.Popen[str]] = []

    def make() -> tuple[subprocess.Popen[str], int, Path]:
        before = set(tmp_path.iterdir())
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        made.append(subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], text=True, **pipes))
        assert made[-1].stdout is not None
        guard = int(made[-1].stdout.readline())
        (shelf,) = set(tmp_path.iterdir()) - before
        return made[-1], guard, shelf

    yield make
    for process in made:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_killed_leaves_no_weights(
    number: int, owner: Callable[[], tuple[subprocess.Popen[str], int, Path]], tmp_path: Path
) -> None:
    process, guard, shelf = owner()
    assert (shelf / "tag" / "model.safetensors").is_file()
    assert until(lambda: ignores(guard, signal.SIGTERM))
    os.kill(guard, signal.SIGTERM)  # as where all processes of a job are told to end
    os.kill(process.pid, number)
    assert process.wait(30) == -number
    assert until(lambda: not list(tmp_path.iterdir()))


def test_what_a_run_left_whose_guard_was_killed_too_is_removed_by_the_next_one_in_that_place(
    owner: Callable[[], tuple[subprocess.Popen[str], int, Path]], tmp_path: Path
) -> None:
    (living, _, kept), (dead, guard, left) = owner(), owner()
    os.kill(guard, signal.SIGKILL)
    dead.kill()
    dead.wait()
    assert (left / "tag" / "model.safetensors").is_file()
    strange = tmp_path / "rftcore-weights-of-mine"
    strange.mkdir()
    shelf = Shelf(str(tmp_path))
    assert set(tmp_path.iterdir()) == {kept, strange, shelf.path}
    assert (kept / "tag" / "model.safetensors").is_file()
    assert living.poll() is None
    shelf.close()
    assert set(tmp_path.iterdir()) == {kept, strange}


@pytest.mark.parametrize(("silent", "removed"), [(0.0, False), (2 * lock.SILENCE, True)])
def test_the_weights_of_a_run_on_another_machine_stay_while_it_gives_signs_of_life(
    silent: float, *, removed: bool, tmp_path: Path
) -> None:
    other = tmp_path / "rftcore-weights-abc"
    other.mkdir()
    (other / lock.FILE).write_text(json.dumps({"host": "node7", "pid": 1, "since": "2026-01-01T00:00:00+00:00"}))
    os.utime(other / lock.FILE, (time.time() - silent,) * 2)
    shelf = Shelf(str(tmp_path))
    assert other.is_dir() != removed
    shelf.close()


def test_nothing_in_a_shelf_is_open_when_it_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, remove = Shelf(str(tmp_path)), shutil.rmtree
    opened: list[str] = []

    def removing(path: Path, **options: Any) -> None:
        files = map(os.path.realpath, Path("/proc/self/fd").iterdir())
        opened.extend(name for name in files if name.startswith(str(path)))
        remove(path, **options)

    monkeypatch.setattr(shutil, "rmtree", removing)
    shelf.close()
    assert not opened  # else a network file system keeps the file under another name, and with it the folder
    assert not list(tmp_path.iterdir())


def silent(folder: Path) -> Path:
    """A shelf whose owner, on another machine, gave no sign of life for long."""
    folder.mkdir()
    (folder / lock.FILE).write_text(json.dumps({"host": "node7", "pid": 1, "since": "2026-01-01T00:00:00+00:00"}))
    os.utime(folder / lock.FILE, (time.time() - 2 * lock.SILENCE,) * 2)
    return folder


def test_what_another_user_left_and_what_is_a_link_is_not_even_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    stranger, behind = silent(place / "rftcore-weights-of-another"), silent(tmp_path / "behind")
    (place / "rftcore-weights-link").symlink_to(behind)
    look, seen = Path.lstat, look_of(stranger)
    monkeypatch.setattr(Path, "lstat", lambda path: seen if path == stranger else look(path))
    before = [folder.stat().st_mtime_ns for folder in (stranger, behind)]
    shelf = Shelf(str(place))
    assert [folder.stat().st_mtime_ns for folder in (stranger, behind)] == before  # no file was made in them
    assert {path.name for path in place.iterdir()} == {stranger.name, "rftcore-weights-link", shelf.path.name}
    shelf.close()


def look_of(folder: Path) -> os.stat_result:
    """What the system tells of a folder, had another user made it."""
    found = folder.lstat()
    return os.stat_result((*found[:4], found.st_uid + 1, *found[5:10]))


def test_a_shelf_stays_where_it_cannot_be_found_out_whether_somebody_owns_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = silent(tmp_path / "rftcore-weights-abc")

    def fails(path: Path) -> None:
        raise OSError(errno.EIO, "the file server does not answer", str(path))

    monkeypatch.setattr(lock, "_opened", fails)
    shelf = Shelf(str(tmp_path))
    assert other.is_dir()
    shelf.close()
