"""The report in a terminal: the same findings, matrices and stages as the page, within 100 columns.

Plain ASCII figures that can be copied, and every mark is explained below its table: colour only repeats what a sign
already says. A matrix too wide for the terminal is printed in parts, never cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rftcore.report import accounts
from rftcore.report.failures import overall
from rftcore.report.figures import MISSING, bounds, count, duration, moment, percent, points, signed_bounds
from rftcore.report.findings import findings
from rftcore.report.heatmap import signs
from rftcore.report.matrix import AXES, Column, Matrix, detectable, matrix, significant
from rftcore.report.published import HEADS, beside, published
from rftcore.report.similarity import LEGEND, TITLE, similarity
from rftcore.schemas.report import Cell, Report, StageReport

WIDTH = 100
NAMES, CELL = 20, 13
"""Characters for the names of the rows, and for one column of a matrix, margins included."""
ENDS = 5
"""Updates at either end of a learning curve that its first and last figure average over; half of them if fewer."""


def print_tables(report: Report, console: Console) -> None:
    """Print findings, held-in and held-out means, the three axes, modes of failure and the stages."""
    width = min(console.width, WIDTH)
    console.print()
    title = Text(str(report.study.get("name", "study")), style="bold")
    about = f"  {duration(report.study_seconds)}, finished {moment(report.finished_at)}"
    console.print(title.append(about, style="dim"))
    for sentence in findings(report):
        console.print(Padding(Text(sentence), (0, 0, 0, 2)), width=width)
    for note in (*report.notes, *(f"{stage.name}: {text}" for stage in report.stages for text in stage.warnings)):
        console.print(Padding(Text(f"! {note}", style="yellow"), (0, 0, 0, 2)), width=width)
    if report.summary:
        _print(
            console,
            width,
            "Held-in and held-out means",
            _means(report.summary),
            f"success in %, change from base in points. {_limit(report)}",
        )
    for axis in AXES:
        arranged = matrix(report, axis)
        blocks = list(_blocks(arranged, max(1, (width - NAMES) // CELL)))
        for number, columns in enumerate(blocks, start=1):
            part = f", part {number} of {len(blocks)}" if len(blocks) > 1 else ""
            _print(console, width, f"{axis.capitalize()}{part}", _matrix(arranged, columns), _legend(arranged))
        if axis == "transfer":
            _print_similarity(report, console, width)
    _print_failures(report, console, width)
    paper = published(report)
    if paper is not None:
        legend = " ".join([f"paper: {paper.source}. Not matched:", *(paper.unmatched or ("nothing is listed.",))])
        _print(console, width, "Beside the published figures", _published(report), legend)
    if report.stages:
        legend = (
            f"training: success in the first and in the last {ENDS} updates (at most half of them); the others in "
            "points from the checkpoint it started from; backward: on what earlier stages were trained on and this one "
            "was not, by environment and difficulty, forward: on what no stage so far was trained on, largest drop: of "
            "one cell. " + _limit(report)
        )
        _print(console, width, "Stages", _stages(report.stages), legend)
    _print_accounts(report, console, width)


def _print_accounts(report: Report, console: Console, width: int) -> None:
    """Say what was lost in all; a table only of where something was."""
    console.print(Text("\nSamples lost to the machine", style="bold"))
    console.print(Padding(Text(accounts.account_summary(report.accounts)), (0, 0, 0, 2)), width=width)
    rows = [row for row in report.accounts if row.masked or row.episodes > row.samples]
    if rows:
        table = _table(*accounts.HEADS, numbers=4)
        for row in rows:
            table.add_row(*map(Text, accounts.fields(row)))
        console.print(Group(table, Padding(Text(accounts.ABOUT, style="dim"), (0, 0, 0, 2))), width=width)


def _print_similarity(report: Report, console: Console, width: int) -> None:
    environments, rows = similarity(report)
    most = max(1, (width - NAMES) // CELL)
    starts = range(0, len(environments), most)
    for part, start in enumerate(starts, start=1):
        shown = environments[start : start + most]
        table = _table("", *shown, numbers=len(shown) + 1)
        for label, values in rows:
            table.add_row(Text(label), *(Text(value) for value in values[start : start + most]))
        _print(console, width, TITLE + (f", part {part} of {len(starts)}" if len(starts) > 1 else ""), table, LEGEND)


def _print_failures(report: Report, console: Console, width: int) -> None:
    modes, rows = overall(report)
    most = max(1, (width - NAMES) // CELL)
    starts = range(0, len(modes), most)
    legend = "share of all episodes in %, over all cells; several modes may hold of one. The page has every cell."
    for part, start in enumerate(starts, start=1):
        table = _table(
            "trained on", *(mode.replace("_", "\n", 1).replace("_", " ") for mode in modes[start : start + most])
        )
        for train, shares in rows.items():
            table.add_row(Text("\n".join(_lines(train))), *map(Text, map(percent, shares[start : start + most])))
        title = "How episodes failed" + (f", part {part} of {len(starts)}" if len(starts) > 1 else "")
        _print(console, width, title, table, legend)


def _print(console: Console, width: int, title: str, table: Table, legend: str) -> None:
    head = Text(f"\n{title}", style="bold")
    console.print(Group(head, table, Padding(Text(legend, style="dim"), (0, 0, 0, 2))), width=width)


def _table(*heads: str, numbers: int = 1) -> Table:
    """A table whose columns from `numbers` on are figures."""
    table = Table(box=SIMPLE_HEAD, pad_edge=True, show_edge=False)
    for index, head in enumerate(heads):
        table.add_column(Text(head), justify="left" if index < numbers else "right", overflow="fold")
    return table


def _matrix(arranged: Matrix, columns: Sequence[Column]) -> Table:
    table = _table("trained on", *(f"{column.environment}\n{column.difficulty}" for column in columns))
    table.columns[0].min_width = min(NAMES - 4, max(len(line) for row in arranged.rows for line in _lines(row)))
    for row in (*arranged.rows, *arranged.references):
        name = Text("\n".join(_lines(row)), style="dim" if row in arranged.references else "")
        table.add_row(name, *(_cell(arranged.cells.get((row, column))) for column in columns))
    limits = [detectable(arranged.column(column)) for column in columns]
    shown = [MISSING if limit is None else f"{percent(limit[0])}\n{percent(limit[1])}" for limit in limits]
    table.add_section()
    table.add_row(Text("detectable,\nleast and most", style="dim"), *(Text(figure, style="dim") for figure in shown))
    return table


def _cell(cell: Cell | None) -> Text:
    """Score, change with its mark, interval: one under the other."""
    if cell is None:
        return Text(MISSING)
    mark = "t " if cell.trained_on else "h " if cell.role == "held-in" else ""
    text = Text(f"{mark}{percent(cell.avg_at_k)}", style="bold" if cell.trained_on else "")
    if cell.delta_vs_base is not None and cell.role != "reference":
        colour = ("green" if cell.delta_vs_base > 0 else "red") if significant(cell) else ""
        text.append("\n" + " ".join(filter(None, (signs(cell), points(cell.delta_vs_base)))), style=colour or "none")
    if cell.ci_low is not None and cell.role != "reference":
        text.append(f"\n{bounds(cell.ci_low, cell.ci_high)}", style="dim not bold")
    return text


def _legend(arranged: Matrix) -> str:
    limits = detectable(cell for column in arranged.columns for cell in arranged.column(column))
    text = (
        "success in %, change from base in points, 95 % interval of the success; t: trained on this environment and "
        "difficulty; h: held-in, trained on another difficulty of it only; *: significant at 5 % after Holm's "
        "correction; *^: and above random play, significantly too."
    )
    if limits is not None:
        text += f" Minimum detectable difference: {percent(limits[0])} to {percent(limits[1])} points, by cell."
    return text


def _means(summary: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("checkpoint", "held-in\n%", "change", "95 %\ninterval", "held-out\n%", "change", "95 %\ninterval")
    for row in summary:
        fields = [str(row["train"])]
        for key in ("held_in", "held_out"):
            edges = signed_bounds(row.get(f"{key}_delta_ci_low"), row.get(f"{key}_delta_ci_high"))
            fields += [percent(row.get(key)), points(row.get(f"{key}_delta")), edges]
        table.add_row(Text("\n".join(_lines(fields[0]))), *map(Text, fields[1:]))
    return table


def _stages(stages: Sequence[StageReport]) -> Table:
    heads = ("checkpoint", "started from", "training", "backward", "forward", "largest drop", "drift")
    table = _table(*heads, numbers=2)
    for stage in stages:
        curve = [
            float(success)
            for success in (row.get("success") for row in stage.curve)
            if isinstance(success, int | float)
        ]
        table.add_row(
            Text("\n".join(_lines(stage.name))),
            Text("\n".join(_lines(stage.parent))),
            Text("demonstrated" if "demonstrated_tokens" in stage.budget else _ends(curve)),
            Text(points(stage.backward)),
            Text(points(stage.forward)),
            Text(percent(stage.largest_drop)),
            Text(str(stage.drift), style="red" if stage.drift else ""),
        )
    return table


def _ends(curve: Sequence[float]) -> str:
    """Mean success at both ends of a learning curve, over parts that do not overlap; one figure of one update."""
    if len(curve) < 2:
        return f"{percent(curve[0])} %" if curve else MISSING
    part = min(ENDS, len(curve) // 2)
    return f"{percent(fmean(curve[:part]))} to {percent(fmean(curve[-part:]))} %"


def _published(report: Report) -> Table:
    table = _table(*HEADS, numbers=3)
    for pair in beside(report):
        train, *fields = pair.fields()
        table.add_row(Text("\n".join(_lines(train))), *map(Text, fields))
    return table


def _limit(report: Report) -> str:
    masked = f"{count(report.masked, 'sample')} masked." if report.masked else "No sample masked."
    if report.minimum_detectable is None:
        return masked
    return f"Minimum detectable difference of one cell: up to {percent(report.minimum_detectable)} points. {masked}"


def _blocks(arranged: Matrix, most: int) -> Iterator[Sequence[Column]]:
    """Columns in parts of at most `most`."""
    for start in range(0, len(arranged.columns), most):
        yield arranged.columns[start : start + most]


def _lines(name: str) -> list[str]:
    """A checkpoint's name, one line a stage: `a>b` gives `a` and `>b`."""
    first, *others = name.split(">")
    return [first, *(f">{other}" for other in others)]
