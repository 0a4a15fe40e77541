"""The live view in a terminal: what stands on its screen while a run works, after its size changed, and at the end."""

from __future__ import annotations

import io
import re

import pyte
import pytest
from rich.console import Console
from rich.text import Text

from rftcore.display.lines import Lines
from rftcore.display.screen import Screen
from rftcore.display.terminal import Terminal, shown_on
from rftcore.executor import Job, Progress
from tests.display.test_display_course import Clock, cell, stage


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("CI", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


class Paper(io.StringIO):
    """What rich writes to; it looks like a terminal in UTF-8."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


class Seen:
    """A terminal, a live view in it, and a clock that is set by hand."""

    def __init__(self, width: int = 80, height: int = 24) -> None:
        self.screen = pyte.Screen(width, height)
        self._stream = pyte.Stream(self.screen)
        self._stream.use_utf8 = False
        self._out, self.clock = Paper(), Clock()
        self.console = Console(file=self._out, force_terminal=True, width=width, height=height)
        self.show = Terminal(self.console, self.clock, beat=3600.0)

    def draw(self) -> list[str]:
        """Draw, and return what stands on the screen, without empty rows at its end."""
        self.show._screen.draw()
        return self.lines()

    def lines(self) -> list[str]:
        self._stream.feed(self._out.getvalue().replace("\n", "\r\n"))
        self._out.seek(0)
        self._out.truncate()
        rows = [row.rstrip() for row in self.screen.display]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def resize(self, width: int, height: int) -> None:
        self.lines()
        self.screen.resize(height, width)
        self.console.size = (width, height)  # type: ignore[assignment]


def play(seen: Seen, name: str, episodes: int = 4) -> None:
    """Let a cell be played, of which every other episode succeeds: 2 s each."""
    seen.show.progress(Progress(name, 0, episodes))
    for number in range(1, episodes + 1):
        seen.clock.now += 2.0
        success = (number // 2) / number
        figures = {"episodes": 1, "sampled_tokens": 40, "success": success}
        seen.show.progress(Progress(name, number, episodes, f"success {success:.2f}", figures))
    seen.show.finished(name)


JOBS = [stage("a", 40.0), *(cell(f"base on {name}", 10.0) for name in "abcdefghijklmnopqrstuvwxyz")]


def test_what_ended_scrolls_by_above_what_runs_and_only_lines_are_left() -> None:
    seen = Seen()
    with seen.show:
        seen.show.plan(JOBS, 1)
        for name in "abc":
            play(seen, f"base on {name}")
        seen.show.progress(Progress("a", 1, 4, "success 0.25", {"success": 0.25, "rows": 0.0}))
        rows = seen.draw()
        assert rows == [
            "[1/27] evaluate base on a, success 0.50, 8 s",
            "[2/27] evaluate base on b, success 0.50, 8 s",
            "[3/27] evaluate base on c, success 0.50, 8 s",
            "   .                                                                       24 s",
            # 30 of 300 for the cells; the stage was met at a quarter of its 40: all of that is behind it.
            "\u2501" * 6 + "\u2500" * 41 + "   13%  about 3 min 28 s left",
            "stages 0/1   cells 3/26   1 run, 23 wait",
            "0.5 episodes/s   tokens/s: 20.0 sampled",
            "",
            "  train a  " + "\u2501" * 2 + "\u2500" * 8 + "  25%  success 0.25",
            "",
            "! an update taught nothing: no trajectory had any credit (train a)",
        ]
        assert seen.screen.cursor.hidden
    rows = seen.lines()
    assert rows[:3] == [f"[{n}/27] evaluate base on {name}, success 0.50, 8 s" for n, name in enumerate("abc", start=1)]
    assert rows[3:] == [
        "! an update taught nothing: no trajectory had any credit (train a)",
        "3 of 27 jobs done in 24 s: 12 episodes, 480 tokens sampled",
    ]
    assert not seen.screen.cursor.hidden
    assert seen.screen.cursor.x == 0


@pytest.mark.parametrize(("width", "height"), [(60, 12), (80, 24), (140, 40)])
def test_the_screen_is_filled_by_what_ended_and_the_view_is_whole(width: int, height: int) -> None:
    seen = Seen(width, height)
    with seen.show:
        seen.show.plan(JOBS, 1)
        for name in "abcdefghijklmnopqrst":
            play(seen, f"base on {name}")
            seen.draw()
        seen.show.progress(Progress("base on z", 1, 4, "success 1.00", {"success": 1.0}))
        rows = seen.draw()
    ended = [int(found[1]) for row in rows if (found := re.match(r"\[(\d+)/27\]", row))]
    assert ended == list(range(21 - len(ended), 21))
    assert len(ended) == min(20, height - 7)
    assert rows[len(ended)].endswith("2 min 40 s")
    assert [row for row in rows if "evaluate base on z" in row] == rows[-1:]


@pytest.mark.parametrize(("width", "height"), [(70, 20), (120, 30), (40, 8)])
def test_a_terminal_whose_size_changes_holds_one_view_and_no_pieces(width: int, height: int) -> None:
    seen = Seen()
    with seen.show:
        seen.show.plan(JOBS, 1)
        for name in "abcdefgh":
            play(seen, f"base on {name}")
        seen.draw()
        seen.resize(width, height)
        rows = seen.draw()
        assert sum("cells 8/26" in row for row in rows) == 1
        assert rows[0].startswith(("[", " "))  # a line that is wrapped goes on with a space
        assert [row for row in rows if row.startswith("[8/27]")]
        play(seen, "base on i")
        rows = seen.draw()
        assert sum("cells 9/26" in row for row in rows) == 1
        assert not any("cells 8/26" in row for row in rows)
    assert (
        seen.lines()[-1] == "9 of 27 jobs done in 1 min 12 s: 36 episodes, 1,440 tokens sampled"[:width] or width == 40
    )


def test_an_interruption_leaves_a_terminal_as_it_was() -> None:
    seen = Seen()

    def interrupted() -> None:
        with seen.show:
            seen.show.plan(JOBS, 1)
            play(seen, "base on a")
            seen.draw()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert seen.lines() == [
        "[1/27] evaluate base on a, success 0.50, 8 s",
        "1 of 27 jobs done in 8 s: 4 episodes, 160 tokens sampled",
    ]
    assert not seen.screen.cursor.hidden


def test_a_failure_is_told_in_full_above_the_view() -> None:
    seen = Seen()
    with seen.show:
        seen.show.plan(JOBS, 2)
        seen.show.progress(Progress("a", 1, 4))
        seen.show.progress(Progress("base on a", 1, 4))
        seen.show.failed("base on a", ValueError("no [bold]room[/bold]"))
        rows = seen.draw()
    assert rows[:2] == [
        "evaluate base on a failed: no [bold]room[/bold]",
        "What runs now is let finish; nothing else begins.",
    ]
    assert "left" not in rows[3]


def test_what_jobs_print_stands_above_the_view(capsys: pytest.CaptureFixture[str]) -> None:
    seen = Seen()
    with seen.show:
        seen.show.plan(JOBS, 1)
        print("a word of a library")  # noqa: T201
        rows = seen.draw()
    assert rows[0] == "a word of a library"
    assert sum("cells 0/26" in row for row in rows) == 1


@pytest.mark.parametrize(
    ("size", "variables", "live"),
    [
        ((80, 24), {}, True),
        ((60, 12), {}, True),
        ((59, 24), {}, False),
        ((80, 11), {}, False),
        ((80, 24), {"CI": "true"}, False),
        ((80, 24), {"TERM": "dumb"}, False),
    ],
)
def test_where_there_is_no_room_for_a_view_there_are_lines(
    size: tuple[int, int], variables: dict[str, str], live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    console = Console(file=Paper(), force_terminal=True, width=size[0], height=size[1])
    assert type(shown_on(console)) is (Terminal if live else Lines)


@pytest.mark.parametrize("variable", ["", "FORCE_COLOR", "TTY_COMPATIBLE"])
def test_a_pipe_gets_lines_whatever_the_variables_of_colours_say(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv(variable, "1")
    assert type(shown_on(Console(file=io.StringIO(), width=200, height=40))) is Lines


class Ascii(io.TextIOWrapper):
    """A terminal that refuses what is not ASCII."""

    def __init__(self) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding="ascii", write_through=True)

    def isatty(self) -> bool:
        return True


def test_a_terminal_is_left_as_it_was_where_the_first_view_cannot_be_drawn() -> None:
    out = Ascii()
    console = Console(file=out, force_terminal=True, width=80, height=24)
    with pytest.raises(UnicodeEncodeError), Screen(console, lambda width, height: [Text("caf\u00e9")]):
        pass
    console.print("goes on")
    assert out.bytes.getvalue() == b"\x1b[?25l\x1b[?25hgoes on\n"  # the cursor is hidden, and shown again
    with Screen(console, lambda width, height: [Text("a view")]):  # which is refused where another is open
        assert b"a view" in out.bytes.getvalue()


def test_a_terminal_in_ascii_gets_nothing_else_where_rows_are_cut() -> None:
    out = Ascii()
    show = Terminal(Console(file=out, force_terminal=True, width=60, height=24), Clock(), beat=3600.0)
    show.plan([stage("a" * 80)], 1)
    show.progress(Progress("a" * 80, 1, 4, "", {"rows": 0.0}))
    with show:
        assert b"..." in out.bytes.getvalue()


def test_a_job_that_is_none_of_a_study_is_shown_too() -> None:
    seen = Seen()
    with seen.show:
        seen.show.plan([Job("calibration", "", {}, "tiny plays even")], 1)
        seen.show.progress(Progress("calibration", 32, 64, "pass rate 0.40"))
        rows = seen.draw()
    assert rows[-1].strip() == "tiny plays even  " + "\u2501" * 5 + "\u2500" * 5 + "  50%  pass rate 0.40"
