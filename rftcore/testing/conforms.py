"""The way in from pytest: one decorator runs every check of a component, each as a test of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from rftcore.errors import ConfigError
from rftcore.testing.check import Check, Level
from rftcore.testing.report import check_level, chosen, kind_of, require_options, run
from rftcore.testing.subject import Subject, announced

if TYPE_CHECKING:
    import pytest


class Broken(AssertionError):
    """A promise does not hold; the message has a sentence for each problem."""


def conforms(
    name: str,
    *,
    kind: str | None = None,
    level: Level = "full",
    options: Mapping[str, Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> pytest.MarkDecorator:
    """Parametrize a test with every check of an installed component up to `level`; the test calls its `check`.

        @conforms("sums", expected_failures={"readme_is_complete": "it is not published yet"})
        def test_sums_keeps_what_every_environment_promises(check: Callable[[], None]) -> None:
            check()

    `kind` is needed when two kinds share the name; `options` are those of its `Config`. `expected_failures` maps a
    check to the reason why it fails; one that passes, or has nothing to say, fails the test. Raises ConfigError for a
    check, a level, a kind or an option that there is not, and PluginError for a name that nobody offers.
    """
    import pytest

    check_level(level)
    subject = announced(kind_of(name, kind), name, options, level)
    require_options(subject, built=False)  # building may take long, and this is done where tests are collected
    checks = chosen(subject.spec.kind, level)
    expected = dict(expected_failures or {})
    _require_known(expected, checks)
    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(
                _held(each, subject),
                id=each.name,
                marks=[pytest.mark.xfail(reason=expected[each.name], raises=Broken, strict=True)]
                if each.name in expected
                else [],
            )
            for each in checks
        ],
    )


def _held(check: Check, subject: Subject) -> Callable[[], None]:
    """Return a function that raises Broken when `subject` breaks the promise, or could not be asked."""

    def held() -> None:
        result = run(check, subject)
        if result.verdict == "not run":
            raise Broken(f"{check.title}\n  it was not run: {result.remark}")
        if result.problems:
            raise Broken("\n".join([check.title, *(f"  {problem}" for problem in result.problems)]))

    return held


def _require_known(expected: Mapping[str, str], checks: tuple[Check, ...]) -> None:
    names = [check.name for check in checks]
    for name in expected:
        if name not in names:
            close = get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(names)}"
            raise ConfigError(f"expected_failures.{name}: no check of this kind and level has this name; {hint}")
