"""The tables in the terminal hold the page's figures and fit."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import JsonValue
from rich.console import Console

from rftcore.report.tables import print_tables
from rftcore.schemas.report import Axes, Report, StageReport


def printed(report: Report, width: int = 100, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    print_tables(report, Console(file=stream, width=width, color_system=None))
    stream.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal_or_a_hundred_columns(study: tuple[Path, Report], width: int) -> None:
    lines = printed(study[1], width).splitlines()
    assert max(map(len, lines)) <= min(width, 100)
    assert not any("\u2026" in line for line in lines), "a figure was cut"


def test_every_axis_the_means_and_the_stages_are_there_with_their_limit(study: tuple[Path, Report]) -> None:
    text = printed(study[1])
    heads = ("Held-in and held-out means", "Difficulty", "Transfer", "Sequence", "Stages")
    assert [head for head in heads if f"\n{head}\n" in text] == list(heads)
    assert " ".join(text.split()).count("Minimum detectable difference") == len(heads)


def test_the_environments_stand_beside_each_other_after_the_transfer_matrix(study: tuple[Path, Report]) -> None:
    text = printed(study[1])
    part = text[text.index("\nThe environments beside each other") : text.index("\nSequence")]
    rows = {line[:28].strip(): line[28:].split() for line in part.splitlines()}
    assert text.index("\nTransfer") < text.index(part)
    assert rows["lists actions"] == ["no", "yes", "no"]
    assert rows["expert's turns, hard"] == ["4.66", "8.9", "-"]
    assert rows["shared with babyai, %"] == ["13.1", "-", "-"]
    assert rows["shared with textcraft, %"] == ["-", "46.1", "-"]
    assert "The environments beside each other, part 2 of 2" in printed(study[1], 50)


def test_environments_that_say_nothing_get_no_table(study: tuple[Path, Report]) -> None:
    assert "beside each other" not in printed(study[1].model_copy(update={"facts": {"textcraft": {"goals": 386}}}))


def test_a_matrix_too_wide_is_printed_in_parts_with_every_column(study: tuple[Path, Report]) -> None:
    text = printed(study[1], 60)
    assert "Transfer, part 1 of 2" in text
    assert "Transfer, part 2 of 2" in text
    assert "Transfer, part" not in printed(study[1], 100)


def test_a_cell_shows_score_change_interval_and_its_marks(small: Callable[..., Report]) -> None:
    rows = [
        [field for field in line.split() if field != "|"] for line in printed(small(), encoding="ascii").splitlines()
    ]
    place = rows.index(["maze", "t", "50.0"])
    assert rows[place + 1 : place + 3] == [["*", "+20.0"], ["40", "to", "60"]]


def test_a_gain_above_random_play_and_another_difficulty_have_marks_of_their_own(small: Callable[..., Report]) -> None:
    report = small(trained_on=False, delta_vs_floor=0.2, p_vs_floor=0.001, p_vs_floor_adjusted=0.01)
    rows = [line.split() for line in printed(report).splitlines()]
    assert rows[rows.index(["maze", "h", "50.0"]) + 1] == ["*^", "+20.0"]


@pytest.mark.parametrize(
    ("successes", "shown"),
    [
        ([0.25], "25.0 %"),
        ([0.0, 0.25, 0.5, 0.75], "12.5 to 62.5 %"),
        ([0.0] * 5 + [0.9] * 3 + [1.0] * 5, "0.0 to 100.0 %"),
    ],
)
def test_the_ends_of_a_short_learning_curve_do_not_overlap(
    small: Callable[..., Report], successes: list[float], shown: str
) -> None:
    stage = StageReport(
        name="maze", parent="base", pools=[], budget={}, backward=None, forward=None, largest_drop=None,
        curve=[{"update": update, "success": success} for update, success in enumerate(successes)],
    )  # fmt: skip
    text = printed(small().model_copy(update={"stages": [stage]}))
    assert any(line.split()[:2] == ["maze", "base"] and shown in line for line in text.splitlines())


def test_a_change_that_is_not_significant_has_no_asterisk(small: Callable[..., Report]) -> None:
    report = small(role="held-out", trained_on=False, p_adjusted=0.05)
    rows = [line.split() for line in printed(report).splitlines()]
    assert rows[rows.index(["maze", "50.0"]) + 1] == ["+20.0"]


def test_a_terminal_without_unicode_can_show_it(study: tuple[Path, Report]) -> None:
    assert "textcraft" in printed(study[1], encoding="ascii")


def test_names_are_text_and_not_console_markup(small: Callable[..., Report]) -> None:
    report = small(train="[red]maze[/red]")
    assert "[red]maze[/red]" in printed(report.model_copy(update={"notes": ["[bold]x[/bold]"]}))
    assert "! [bold]x[/bold]" in printed(report.model_copy(update={"notes": ["[bold]x[/bold]"]}))


def test_an_empty_report_is_said_to_be_empty(small: Callable[..., Report]) -> None:
    text = printed(small().model_copy(update={"axes": Axes()}))
    assert "No trained checkpoint has been evaluated yet" in text
    assert "Transfer" not in text


def test_how_episodes_failed_is_a_row_for_each_checkpoint_over_all_its_episodes(small: Callable[..., Report]) -> None:
    def row(train: str, difficulty: str, episodes: int, share: float | None) -> dict[str, JsonValue]:
        place: dict[str, JsonValue] = {"train": train, "environment": "maze", "difficulty": difficulty}
        modes: dict[str, JsonValue] = {
            name: value
            for mode, found in {"out_of_turns": share, "wandering": None, **dict.fromkeys("abcde", 0.0)}.items()
            for name, value in {mode: found, f"{mode}_ci_low": 0.0, f"{mode}_ci_high": 1.0}.items()
        }
        return place | {"episodes": episodes} | modes

    rows = [row("base", "easy", 10, 0.5), row("maze", "easy", 30, 0.5), row("maze", "hard", 10, 0.1)]
    report = small().model_copy(update={"failures": rows})
    text = printed(report)
    part = text[text.index("\nHow episodes failed, part 1 of 2") : text.index("\nHow episodes failed, part 2 of 2")]
    found = {line.split()[0]: line.split()[1:3] for line in part.splitlines() if line.strip()}
    assert found["base"] == ["50.0", "-"]
    assert found["maze"] == ["40.0", "-"]  # (30 * 0.5 + 10 * 0.1) / 40
    assert max(map(len, printed(report, 60).splitlines())) <= 60
    assert "How episodes failed" not in printed(small())
