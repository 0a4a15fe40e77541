"""Runs checks of one subject and keeps what they found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rftcore import registry
from rftcore.errors import ConfigError, PluginError
from rftcore.testing.building import can_be_built
from rftcore.testing.check import LEVELS, Check, Level, NotApplicable
from rftcore.testing.listing import checks
from rftcore.testing.origin import THEIRS
from rftcore.testing.subject import Subject, announced

Verdict = Literal["kept", "broken", "not applicable", "not run"]


@dataclass(frozen=True, slots=True)
class Result:
    """What one check said."""

    check: str
    title: str
    level: Level
    verdict: Verdict
    problems: tuple[str, ...] = ()
    """Sentences that say what was found, what was expected and what to do."""
    remark: str = ""
    """Why it was not applicable or not run, or how much was looked at."""
    seconds: float = 0.0
    """Wall-clock time."""


@dataclass(frozen=True, slots=True)
class Report:
    """What all checks of one component said."""

    kind: str
    name: str
    owner: str
    """Distribution and version."""
    level: Level
    results: tuple[Result, ...]

    @property
    def broken(self) -> tuple[Result, ...]:
        """Results of the checks that found something."""
        return tuple(result for result in self.results if result.verdict == "broken")

    def require(self) -> None:
        """Raise PluginError that says all that was found, when anything was."""
        if self.broken:
            lines = [f"  {result.check}: {problem}" for result in self.broken for problem in result.problems]
            raise PluginError("\n".join([f"{self.kind} {self.name!r} of {self.owner} breaks these promises:", *lines]))


def examine(
    name: str,
    *,
    kind: str | None = None,
    level: Level = "full",
    options: Mapping[str, Any] | None = None,
    begun: Callable[[str], None] | None = None,
    told: Callable[[Result], None] | None = None,
) -> Report:
    """Run every check of an installed component up to `level`.

    `kind` is needed when two kinds share the name; `options` are those of its `Config`; `begun` is given the name of
    each check before it runs, and `told` its result as soon as it is there. Raises ConfigError for a level or a kind
    that there is not, and for options that the component cannot be built with, and PluginError for a name that nobody
    offers.
    """
    check_level(level)
    subject = announced(kind_of(name, kind), name, options, level)
    if level != "static" and begun is not None:
        begun(can_be_built.name)
    require_options(subject, built=level != "static")
    return reported(subject, level, begun, told)


def reported(
    subject: Subject,
    level: Level,
    begun: Callable[[str], None] | None = None,
    told: Callable[[Result], None] | None = None,
) -> Report:
    """Run every check of `subject` up to `level`; what it raises when it is built is a problem of `can_be_built`."""
    results = []
    for result in results_of(subject, level, begun):
        results.append(result)
        if told is not None:
            told(result)
    owner = subject.plugin.owner if subject.plugin is not None else "this process"
    return Report(subject.spec.kind, subject.spec.name, owner, level, tuple(results))


def results_of(subject: Subject, level: Level, begun: Callable[[str], None] | None = None) -> Iterator[Result]:
    """Run the checks up to `level`, each once the result before it has been taken; `begun` is given its name before."""
    for check in chosen(subject.spec.kind, level):
        if begun is not None and not subject.stopped:
            begun(check.name)
        yield run(check, subject)


def run(check: Check, subject: Subject) -> Result:
    """Run one check, unless one before it has stopped the subject."""
    if subject.stopped:
        return Result(check.name, check.title, check.level, "not run", remark=subject.stopped)
    start, problems, remark = time.monotonic(), [], ""
    verdict: Verdict = "kept"
    try:
        problems = check.problems(subject)
        verdict = "broken" if problems else "kept"
        remark = subject.taken_notes()
    except NotApplicable as reason:
        verdict, remark = "not applicable", str(reason)
    if check.first and problems:
        subject.stopped = f"{check.name} failed"
    seconds = time.monotonic() - start
    return Result(check.name, check.title, check.level, verdict, tuple(problems), remark, seconds)


def chosen(kind: str, level: Level) -> tuple[Check, ...]:
    """Return the checks of a kind up to a level."""
    return tuple(check for check in checks(kind) if LEVELS.index(check.level) <= LEVELS.index(level))


def check_level(level: str) -> None:
    """Raise ConfigError for a level that there is not."""
    if level not in LEVELS:
        raise ConfigError(f"level: found {level!r}, expected one of {', '.join(LEVELS)}")


def require_options(subject: Subject, *, built: bool) -> None:
    """Raise ConfigError when its options are no `Config`, or, `built`, it refuses them: no check could say more."""
    try:
        subject.configured()
        if built and subject.asked and isinstance(subject.failure, ConfigError):
            raise subject.failure
    except ConfigError as error:
        raise ConfigError(f"{error}\nwhat is checked is built first: its options are --set KEY=VALUE") from None
    except THEIRS:  # the checks say what cannot be imported, or is no Config
        return


def kind_of(name: str, kind: str | None) -> str:
    """Return the kind of an installed name. Raises ConfigError when several kinds have it, or there is no such kind."""
    if kind is not None:
        if kind not in registry.KINDS:
            raise ConfigError(f"kind {kind!r}: expected one of {', '.join(registry.KINDS)}")
        return kind
    kinds = sorted({spec.kind for plugin in registry.plugins() for spec in plugin.specs if spec.name == name})
    if len(kinds) > 1:
        raise ConfigError(f"{name!r} names several things; choose one as the kind: {', '.join(kinds)}")
    return kinds[0] if kinds else "environment"
