"""`rftcore check`: whether a component keeps what core and every user of it rely on, with a sentence for each flaw."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rftcore.cli.settings import read_settings
from rftcore.cli.terminal import console, emit
from rftcore.errors import ConfigError, Interruption

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import Console

    from rftcore.testing.check import Level
    from rftcore.testing.report import Report, Result

_MARKS = {
    "kept": ("ok", "green"),
    "broken": ("BROKEN", "bold red"),
    "not applicable": ("-", "dim"),
    "not run": ("?", "yellow"),
}


def check(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="What `rftcore plugins` lists; none: all of --kind.")
    ] = None,
    level: Annotated[
        Literal["static", "light", "full"],
        typer.Option(help="static: nothing is played; light: seconds; full: more tasks, what is left behind, memory."),
    ] = "light",
    kind: Annotated[
        str | None, typer.Option(help="environment, algorithm, curriculum, ...; needed when two kinds share the name.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Option of the component. May be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Check that a component keeps its promises.

    An environment: its task lists are disjoint and stable, its episodes are repeatable and independent, its rewards are
    as declared, its expert succeeds, and nothing is left behind. Other kinds have lists of their own.

    A check that fails says what was found, what was expected and what to do. The exit code is 1 when one fails.

    Several names are checked side by side, as many at once as there are cores; they are printed in
    their order. Of all of a kind, those that need options (--set) are named as not run.

    In your tests the same list is one decorator, `rftcore.testing.conforms`.

    Examples:

        rftcore check textcraft
        rftcore check textcraft --level static
        rftcore check textcraft --set max_turns=10 --json
        rftcore check grpo ppo
        rftcore check --kind environment --level full
        rftcore --plugin ./my_env.py check my_env        one that is not packaged
    """
    if not names and kind is None:
        raise ConfigError("found neither NAME nor --kind, expected what to check, such as: rftcore check textcraft")
    options = read_settings(settings)
    refused: dict[str, str] = {}
    with _ended_by_sigterm(), Running(shown=not as_json) as running:
        reports = (
            _named(names, kind, level, options, running, quiet=as_json)
            if names
            else _all(kind or "", level, options, running, refused, quiet=as_json)
        )
    if as_json:
        emit({"reports": [_record(report) for report in reports], "not_run": refused})
    if any(report.broken for report in reports) or not reports:
        raise typer.Exit(1)


def _named(
    names: list[str], kind: str | None, level: Level, options: dict[str, Any], running: Running, *, quiet: bool
) -> list[Report]:
    """Examine `names`, and print what is found as soon as it is there, unless `quiet`."""
    from rftcore.testing.batch import examine_each
    from rftcore.testing.report import examine

    if len(names) > 1:
        told = None if quiet else partial(_shown, running.out)
        return examine_each(names, kind=kind, level=level, options=options, begun=running.begun, told=told)
    tell = None if quiet else Teller(running.out)
    begun = partial(running.begun, names[0])
    report = examine(names[0], kind=kind, level=level, options=options, begun=begun, told=tell)
    if not quiet:
        _summed(running.out, report)
    return [report]


def _all(
    kind: str, level: Level, options: dict[str, Any], running: Running, refused: dict[str, str], *, quiet: bool
) -> list[Report]:
    """Examine all of a kind but bridges, which need to be told what they play; `refused` gets what others need."""
    from rftcore import registry
    from rftcore.testing.batch import examine_each
    from rftcore.testing.report import kind_of

    kind_of("", kind)

    def refuse(name: str, error: ConfigError) -> None:
        refused[name] = str(error)
        if not quiet:
            running.out.print(f"{kind} {name}: not run: {error}\n", style="yellow")

    names = [name for name in registry.names(kind) if not getattr(registry.spec(kind, name), "bridge", False)]
    told = None if quiet else partial(_shown, running.out)
    return examine_each(names, kind=kind, level=level, options=options, begun=running.begun, told=told, refused=refuse)


class Terminated(Interruption):
    """SIGTERM has come."""


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """End as after Ctrl-C: what was made for the time being is removed first."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except Terminated:
        raise typer.Exit(128 + signal.SIGTERM) from None
    finally:
        signal.signal(signal.SIGTERM, before)


class Running:
    """Names the checks that run, below what is printed: on a terminal, and nowhere else.

    Everything is printed through `out`: another console would write into the line with the names.
    """

    def __init__(self, *, shown: bool) -> None:
        from rich.live import Live
        from rich.spinner import Spinner

        self.out = console()
        self._spinner = Spinner("dots", style="status.spinner")
        self._live = Live(self._spinner, console=self.out, refresh_per_second=12.5, transient=True)
        self._shown = shown and self.out.is_terminal
        self._checks: dict[str, str] = {}

    def __enter__(self) -> Running:
        if self._shown:
            self._live.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._shown:
            self._live.stop()

    def begun(self, name: str, check: str) -> None:
        """Say what `name` is asked now; nothing: it is done."""
        self._checks[name] = check
        if self._shown:
            self._spinner.update(text="  ".join(f"{name}: {check}" for name, check in self._checks.items() if check))
            self._live.refresh()  # not at its next beat: a short check would never be named


class Teller:
    """Prints the results of one component, each as soon as it is there."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._first: dict[str, str] = {}
        """Problem -> the check that found it first: one mistake may break every promise in the same words."""

    def __call__(self, result: Result) -> None:
        mark, style = _MARKS[result.verdict]
        out = self._out
        remark = f"  {result.remark}" if result.remark else ""
        out.print(f"  {mark:<7}{result.check:<32}{result.seconds:>6.1f} s{remark}", style=style)
        if result.verdict == "broken":
            out.print(f"         {result.title}")
        for problem in result.problems:
            first = self._first.setdefault(problem, result.check)
            out.print(f"         * {problem if first == result.check else f'the same as {first} found'}")


def _shown(out: Console, report: Report) -> None:
    """Print a report that came from another process, whole."""
    tell = Teller(out)
    for result in report.results:
        tell(result)
    _summed(out, report)


def _summed(out: Console, report: Report) -> None:
    counts = {verdict: sum(result.verdict == verdict for result in report.results) for verdict in _MARKS}
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    seconds = sum(result.seconds for result in report.results)
    out.print(
        f"{report.kind} {report.name} of {report.owner}, level {report.level}: {said}; {seconds:.1f} s\n",
        style="bold red" if report.broken else "bold",
    )


def _record(report: Report) -> dict[str, Any]:
    return {**asdict(report), "kept": not report.broken}
