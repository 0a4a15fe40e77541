"""The command line inside this process, through its real way in, with the specimen environment `counting`."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from rftcore import registry
from rftcore.cli import main
from rftcore.specs import EnvironmentSpec


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def rftcore(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Return a function that runs `rftcore ARGUMENTS`, with lines for its standard input."""
    monkeypatch.setenv("RFTCORE_DEBUG", "")  # so that --debug, which sets it, is undone
    monkeypatch.setattr(registry, "_added", {})
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "specimens"))
    registry.add(EnvironmentSpec(name="counting", target="rftcore_counting.environment:Counting", summary="count"))

    def run(*arguments: str, stdin: str = "") -> Done:
        monkeypatch.setattr(sys, "argv", ["rftcore", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return Done(int(end.value.code or 0), captured.out, captured.err)

    return run
