"""What the live view shows of a run, line by line, within a terminal of a given size.

    five-environments   runs/five-environments                                       12 min 05 s
    =====================--------------------------------   41%  about 18 min 20 s left
    stages 2/5   cells 10/40   2 run, 33 wait
    12.4 episodes/s   tokens/s: 1,204 sampled, 860 trained

      train textcraft:easy>textcraft:hard   ======----  54%  success 0.42  valid 0.40
      evaluate base on babyai:easy          ===-------  31%  success 0.25

    ! 12% of answers cut off at sampling.max_new_tokens (3 jobs, last evaluate base on babyai:easy)

Where there is little room, the jobs that run and the signs are counted and not all shown; where there is more, rows
have further columns. No line is ever wider than the terminal, and the whole leaves two rows of it free.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from rich.cells import cell_len
from rich.text import Text

from rftcore.display.lines import sign_line, spent
from rftcore.schemas.progress import RunningJob, RunProgress

SMALLEST = (60, 12)
"""Columns and rows that a live view needs; below, only its first lines are shown."""
WIDE = 110
"""Columns from which rows tell steps and time too."""
SILENT = 30.0
"""Seconds without a word after which a person should know."""


def view(progress: RunProgress, width: int, height: int, *, plain: bool = False, silence: float = 0.0) -> list[Text]:
    """Return the lines of the view, at most `height` - 2 of at most `width` - 1 characters.

    `plain` draws in ASCII. `silence` is for how many seconds nothing was heard, of a run in another process.
    """
    width, room = width - 1, max(1, height - 2)  # a full last column makes some terminals wrap
    head = list(_head(progress, width, plain, silence))
    if width < SMALLEST[0] - 1 or height < SMALLEST[1]:
        return [_fit(line, width, plain) for line in head[1:][:room]]
    room -= len(head)
    signs = [Text(sign_line(sign), "yellow") for sign in progress.signs]
    shown = _block(signs, max(1, room // 3 - 1), "more kinds of signs", "yellow") if signs else []
    rows = _rows(progress.running, width, plain)
    jobs = _block(rows, max(1, room - 1 - (len(shown) + 1 if shown else 0)), "more run", "")
    lines = [*head, *([Text(), *jobs] if jobs else []), *([Text(), *shown] if shown else [])]
    return [_fit(line, width, plain) for line in lines]


def _head(progress: RunProgress, width: int, plain: bool, silence: float) -> Iterator[Text]:
    elapsed = spent(progress.elapsed_seconds + silence)
    name = Text(PurePath(progress.folder).name, "bold").append(f"   {progress.folder}", "not bold dim")
    yield _apart(name, Text(elapsed), width, plain)
    remaining = progress.remaining_seconds
    told = f"  {progress.share:4.0%}  " + ("" if remaining is None else f"about {spent(remaining)} left")
    if silence > SILENT:
        told += f", not heard of for {spent(silence)}"
    length = max(10, min(width - len(told), 3 * width // 5))
    yield _bar(progress.share, length, plain).append(told)
    parts = [
        f"{what} {done}/{every}"
        for what, (done, every) in (("stages", progress.stages), ("cells", progress.cells))
        if every
    ]
    yield Text("   ".join([*parts, f"{len(progress.running)} run, {progress.waiting} wait"]))
    yield Text(_rates(progress), "cyan")


def _rates(progress: RunProgress) -> str:
    tokens = [
        f"{_rate(rate)} {what}"
        for count, rate, what in (
            (progress.sampled_tokens, progress.sampled_rate, "sampled"),
            (progress.learned_tokens, progress.learned_rate, "trained"),
        )
        if count
    ]
    if not progress.episodes:
        return "no episode yet"
    return f"{_rate(progress.episode_rate)} episodes/s" + (f"   tokens/s: {', '.join(tokens)}" if tokens else "")


def _rows(running: Sequence[RunningJob], width: int, plain: bool) -> list[Text]:
    """Return a row for each job that runs, in columns."""
    wide = width + 1 >= WIDE
    columns = [_columns(job, plain, wide) for job in running]
    widths = [max(cell_len(cell.plain) for cell in column) for column in zip(*columns, strict=True)]
    room = width - 2 - sum(widths) - 2 * len(widths)
    name = min(room, max((cell_len(job.label) for job in running), default=0))
    rows = []
    for job, row in zip(running, columns, strict=True):
        label = _fit(Text(_shortened(job.label, name, plain)), name, plain)
        text = Text("  ").append(_padded(label, name))
        for cell, own in zip(row, widths, strict=True):
            text.append("  ").append(_padded(cell, own))
        rows.append(text)
    return rows


def _shortened(label: str, width: int, plain: bool) -> str:
    """Return a label without its middle where it is too long: it begins with what is done, and ends with where."""
    if len(label) <= width:
        return label
    dots = _dots(plain)
    kept = max(0, width - len(dots))
    head = kept * 2 // 5
    return f"{label[:head]}{dots}{label[len(label) - kept + head :]}"


def _dots(plain: bool) -> str:
    """Return what stands for what was cut."""
    return "..." if plain else "\u2026"


def _columns(job: RunningJob, plain: bool, wide: bool) -> list[Text]:
    share = job.done / max(job.total, 1e-9)
    cells = [_bar(share, 24 if wide else 10, plain).append(f" {share:4.0%}")]
    cells.append(Text(job.remark if job.success is None else f"success {job.success:.2f}"))
    cells.append(Text("" if job.validation is None else f"valid {job.validation:.2f}"))
    if wide:
        cells += [Text(f"{job.done:,.0f} of {job.total:,.0f}", "dim"), Text(spent(job.seconds), "dim")]
    return cells


def _block(lines: Sequence[Text], room: int, more: str, style: str) -> list[Text]:
    """Return as many lines as there is room for; the last one says how many others there are."""
    if len(lines) <= room:
        return list(lines)
    kept = list(lines[: room - 1])
    return [*kept, Text(f"  {len(lines) - len(kept)} {more}", f"{style} dim".strip())]


def _bar(share: float, length: int, plain: bool) -> Text:
    done = max(0, min(length, int(share * length)))
    full, empty = ("=", "-") if plain else ("\u2501", "\u2500")  # told apart without colours too
    return Text().append(full * done, "green").append(empty * (length - done), "bright_black")


def _apart(left: Text, right: Text, width: int, plain: bool) -> Text:
    """Return two texts at both ends of a line; the left one is cut where they do not fit."""
    space = width - cell_len(right.plain) - 2
    left = _padded(_fit(left, space, plain), space)
    return left.append("  ").append(right)


def _padded(text: Text, width: int) -> Text:
    return text.append(" " * (width - cell_len(text.plain)))


def _fit(text: Text, width: int, plain: bool) -> Text:
    text.rstrip()
    if cell_len(text.plain) > max(0, width):
        dots = _dots(plain)[: max(0, width)]
        text.truncate(max(0, width) - len(dots), overflow="crop")
        text.append(dots)
    return text


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 or not value else f"{value:.2g}"
