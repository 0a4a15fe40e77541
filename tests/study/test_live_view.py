"""A study in a real terminal: its live view while it runs, the terminal after Ctrl-C, and after its end."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyte
import yaml

from rftcore.records import RunFolder
from tests.study.conftest import Done, small

Command = Callable[..., Done]


class Window:
    """A terminal in which a command runs."""

    def __init__(self, arguments: list[str], folder: Path, width: int, height: int) -> None:
        self.screen = pyte.HistoryScreen(width, height, history=1000, ratio=0.5)
        self._stream = pyte.ByteStream(self.screen)
        self._ours, theirs = pty.openpty()
        self._set_size(width, height)
        left_out = ("CI", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
        variables = {name: value for name, value in os.environ.items() if name not in left_out}
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from rftcore.cli import main; main()", *arguments],
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**variables, "TERM": "xterm-256color", "LANG": "C.UTF-8"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C reaches it
        )
        os.close(theirs)

    def until(self, seen: Callable[[list[str]], bool], patience: float = 300.0) -> list[str]:
        """Read until the rows of the screen are what is waited for, and return them."""
        end = time.monotonic() + patience
        while not seen(self.rows()):
            assert time.monotonic() < end, self.rows()
            assert self._read(), self.rows()
        return self.rows()

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        while self._read():
            pass
        return self.process.wait(timeout=300)

    def rows(self) -> list[str]:
        return [row.rstrip() for row in self.screen.display]

    def everything(self) -> list[str]:
        """Return what scrolled out of the screen, and the screen."""
        gone = ["".join(row[x].data for x in range(self.screen.columns)).rstrip() for row in self.screen.history.top]
        return [*gone, *self.rows()]

    def press(self, key: bytes) -> None:
        os.write(self._ours, key)

    def resize(self, width: int, height: int) -> None:
        self.screen.resize(height, width)
        self._set_size(width, height)

    def hold_workers(self) -> None:
        """Let the processes that do the command's jobs wait; they can be killed, and do nothing else any more."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            if "rftcore.executors.worker" in " ".join(process.cmdline()):
                process.suspend()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)

    def _read(self) -> bool:
        """Hand what comes next on to the screen; return False at the end."""
        if not select.select([self._ours], [], [], 300.0)[0]:
            return False
        try:
            chunk = os.read(self._ours, 65536)
        except OSError:  # the other side is closed
            return False
        self._stream.feed(chunk)
        return bool(chunk)

    def _set_size(self, width: int, height: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


@contextmanager
def window(arguments: list[str], folder: Path, width: int = 80, height: int = 24) -> Iterator[Window]:
    opened = Window(arguments, folder, width, height)
    try:
        yield opened
    finally:
        opened.close()


def test_a_study_is_followed_in_a_terminal_stopped_there_and_gone_on_with(model: Path, tmp_path: Path) -> None:
    training = {"updates": 120, "groups": 3, "samples": 4, "checkpoint_every": 1}
    executor = {"name": "processes", "workers": 1}
    config = small(model, train="even:easy", training=training, executor=executor)
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(config))
    with window(["train", "one.yaml"], tmp_path) as terminal:
        rows = terminal.until(lambda rows: any("train even:easy" in row and "success" in row for row in rows))
        told = tmp_path / "runs/small/progress.json"
        terminal.until(lambda rows: json.loads(told.read_text("utf-8"))["running"][0]["success"] is not None)
        terminal.hold_workers()  # the run is not over before all was looked at
        top = next(number for number, row in enumerate(rows) if row.startswith("small   runs/small"))
        assert "%" in rows[top + 1]
        assert rows[top + 2] == "stages 0/1   cells 0/8   1 run, 8 wait"
        assert "episodes/s   tokens/s: " in rows[top + 3]
        assert rows[top + 5].startswith(("  train even:easy  \u2501", "  train even:easy  \u2500"))
        assert terminal.screen.cursor.hidden
        with window(["watch", "small"], tmp_path, 100, 30) as other:
            rows = other.until(lambda rows: any("train even:easy" in row and "success" in row for row in rows))
            assert sum(row.startswith("small   runs/small") for row in rows) == 1
            other.press(b"\x03")
            assert other.end() == 130
            assert terminal.process.poll() is None
        terminal.resize(66, 20)
        # What was on its way when the size changed is drawn over: in the end there is one view, of the new width.
        terminal.until(
            lambda rows: max(map(len, rows)) == 65 and sum(row.startswith("small   runs/small") for row in rows) == 1
        )
        terminal.press(b"\x03")
        assert terminal.end() == 130
        rows = [row for row in terminal.rows() if row]
        assert rows[-2:] == ["Stopped. What was complete is saved. This line goes on:", "  rftcore resume small"]
        assert "0 of 9 jobs done in" in "\n".join(rows)
        assert not [row for row in rows if row.startswith(("stages", "small   ", "Traceback", "^C"))]
        assert not terminal.screen.cursor.hidden
    with window(["resume", "small"], tmp_path, 110, 40) as terminal:
        assert terminal.end() == 0
        rows = [row for row in terminal.everything() if row]
        assert [row.split("]")[0] for row in rows if row.startswith("[")] == [f"[{number}/9" for number in range(1, 10)]
        assert any("] evaluate oracle on even:easy, success 1.00 (" in row for row in rows)
        assert any(row.startswith("9 of 9 jobs done in ") for row in rows)
        assert rows[-1] == "runs/small/report.json"
        assert not any(row.startswith(("stages ", "small   ")) for row in rows)
        assert not terminal.screen.cursor.hidden


def test_a_run_that_nobody_works_on_is_watched_to_its_end_at_once(
    rftcore: Command, study_folder: RunFolder, tmp_path: Path
) -> None:
    shutil.copytree(study_folder.path, tmp_path / "mine/done")
    shutil.copytree(study_folder.path, tmp_path / "mine/stopped")
    (tmp_path / "mine/stopped/report.json").unlink()
    done = rftcore("watch", "done", "--runs", "mine")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert [line.split("]")[0] for line in lines[:37]] == [f"[{number}/37" for number in range(1, 38)]
    assert [line for line in lines if line.startswith("37 of 37 jobs done in ")]
    assert done.out.endswith("Nobody works on it. Its report:\n\n  rftcore report done --runs mine\n")
    stopped = rftcore("watch", "stopped", "--runs", "mine")
    assert stopped.out.endswith("Nobody works on it. This line goes on:\n\n  rftcore resume stopped --runs mine\n")
