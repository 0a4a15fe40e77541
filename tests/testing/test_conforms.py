"""The ways into the kit: the decorator in a test, the command, and the report in Python."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pyte
import pytest

from rftcore import ConfigError, PluginError, registry
from rftcore.cli.commands.check import Teller
from rftcore.cli.terminal import console
from rftcore.executors import processes
from rftcore.specs import EnvironmentSpec
from rftcore.testing import conforms, examine, examine_each
from rftcore.testing.report import chosen

if TYPE_CHECKING:
    from tests.conftest import Site

SPECIMENS = Path(__file__).parents[1] / "specimens"
LIGHT = len(chosen("environment", "light"))

MODULE = """
from rftcore import registry
from rftcore.specs import EnvironmentSpec
from rftcore.testing import conforms

registry.add(EnvironmentSpec(name="dial", target="worlds:{kind}", summary="turn a dial"))

@conforms("dial", level="light", expected_failures={expected})
def test_dial_keeps_what_every_environment_promises(check):
    check()
"""


@pytest.fixture
def tried(tmp_path: Path) -> Callable[..., str]:
    """`tried(kind, **expected_failures)` returns the last lines of a pytest of its own."""

    def run(kind: str, **expected: str) -> str:
        (tmp_path / "test_dial.py").write_text(MODULE.format(kind=kind, expected=expected), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_dial.py"],
            cwd=tmp_path,
            env={"PYTHONPATH": str(SPECIMENS), "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    return run


def test_each_check_is_a_test_of_its_own_and_says_what_is_broken(tried: Callable[..., str]) -> None:
    told = tried("Generous")
    assert "test_dial_keeps_what_every_environment_promises[rewards_are_in_range]" in told
    assert "earned 100, expected 0 to 1; correct the reward, or declare another reward_range" in told
    assert f"1 failed, {LIGHT - 1} passed" in told


def test_a_failure_that_is_expected_is_none(tried: Callable[..., str]) -> None:
    assert f"{LIGHT - 1} passed, 1 xfailed" in tried("Generous", rewards_are_in_range="gold is worth more")


def test_an_expected_failure_that_does_not_come_is_one(tried: Callable[..., str]) -> None:
    told = tried("Dial", rewards_are_in_range="gold is worth more")
    assert "[XPASS(strict)] gold is worth more" in told
    assert f"1 failed, {LIGHT - 1} passed" in told


def test_an_expected_failure_of_a_check_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected_failures\.replay_equal: no check .* did you mean 'replays_equal'"):
        conforms("textcraft", level="light", expected_failures={"replay_equal": "misspelt"})


def test_a_report_has_a_verdict_for_each_check_and_raises_all_that_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_added", {})
    monkeypatch.syspath_prepend(str(SPECIMENS))
    registry.add(EnvironmentSpec(name="dial", target="worlds:Generous", summary="turn a dial"))
    report = examine("dial", level="light")
    assert [result.check for result in report.broken] == ["rewards_are_in_range"]
    assert {result.level for result in report.results} == {"static", "light"}
    with pytest.raises(
        PluginError, match="environment 'dial' of this process breaks these promises:\n  rewards_are_in"
    ):
        report.require()


def test_what_cannot_be_checked_is_refused() -> None:
    with pytest.raises(PluginError, match="environment 'no-such' is not installed"):
        examine("no-such")
    with pytest.raises(ConfigError, match="kind 'world': expected one of environment, algorithm"):
        examine("textcraft", kind="world")
    with pytest.raises(ConfigError, match="level: found 'heavy', expected one of static, light, full"):
        examine("textcraft", level="heavy")  # type: ignore[arg-type]


def test_options_that_the_component_has_not_are_refused_before_anything_is_checked() -> None:
    wrong = r"textcraft\.max_turn: unknown key; did you mean 'max_turns'\?"
    with pytest.raises(ConfigError, match=wrong):
        examine("textcraft", options={"max_turn": 3})
    with pytest.raises(ConfigError, match=wrong):
        examine_each(["textcraft", "babyai"], options={"max_turn": 3})
    with pytest.raises(ConfigError, match=wrong):
        conforms("textcraft", options={"max_turn": 3})


def test_a_component_that_cannot_be_built_without_options_asks_for_them() -> None:
    with pytest.raises(ConfigError) as caught:
        examine("single", level="static")
    assert str(caught.value).splitlines() == [
        "single.train: missing; expected a value",
        "what is checked is built first: its options are --set KEY=VALUE",
    ]


def test_the_command_tells_one_mistake_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry, "_added", {})
    monkeypatch.syspath_prepend(str(SPECIMENS))
    registry.add(EnvironmentSpec(name="dial", target="worlds:Misspelt", summary="turn a dial"))
    examine("dial", level="light", told=Teller(console()))
    told = capsys.readouterr().out
    said = "it raised AttributeError: 'Task' object has no attribute 'dificulty'"
    assert told.count(said) == 2  # once of this process, once of another one
    assert told.count("* the same as begins_alike found") > 9


def test_the_command_names_every_check_and_ends_with_the_verdict(counting_site: Site) -> None:
    done = counting_site.rftcore("check", "counting", "--level", "static")
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["ok", "announced_once"]
    assert (
        "         * rftcore-counting has no README, expected one; name it in pyproject.toml: readme = 'README.md'"
        in lines
    )
    assert lines[-2].startswith("environment counting of rftcore-counting 1.2, level static: 4 kept, 1 broken; ")


def test_the_command_checks_what_is_named_and_prints_json(counting_site: Site) -> None:
    arguments = ("counting", "function", "--kind", "environment", "--level", "static", "--json")
    reports = {
        report["name"]: report for report in json.loads(counting_site.rftcore("check", *arguments).stdout)["reports"]
    }
    assert set(reports) == {"counting", "function"}
    broken = [result["check"] for result in reports["function"]["results"] if result["verdict"] == "broken"]
    assert broken == ["target_is_importable"]
    assert not reports["function"]["kept"]


def test_what_is_checked_side_by_side_is_told_in_order_and_found_as_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "cores", lambda: 2)
    names, told = ["textcraft", "grpo", "generalization"], []
    reports = examine_each(names, level="static", told=told.append)
    assert told == reports
    for name, report in zip(names, reports, strict=True):
        assert [(result.check, result.verdict, result.problems) for result in report.results] == [
            (result.check, result.verdict, result.problems) for result in examine(name, level="static").results
        ]
    with pytest.raises(PluginError, match="environment 'no-such' is not installed"):
        examine_each(["textcraft", "no-such"], level="static", told=told.append)
    assert len(told) == 3


def test_without_a_name_the_command_checks_all_of_a_kind(counting_site: Site) -> None:
    done = counting_site.rftcore("check", "--kind", "executor", "--level", "static")
    assert done.returncode == 0, done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("executor")] == [
        "inline",
        "processes",
        "ray",
    ]


def test_the_command_wants_a_name_or_a_kind(counting_site: Site) -> None:
    done = counting_site.rftcore("check")
    assert done.returncode == 2
    assert "found neither NAME nor --kind, expected what to check" in done.stderr


def test_on_a_terminal_the_command_names_the_check_that_runs(counting_site: Site) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from rftcore.cli import main; main()", "check", "counting", "--level", "static"],
        env={**os.environ, "PYTHONPATH": str(counting_site.folder), "TERM": "xterm", "COLUMNS": "120"},
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # its end is closed
        while chunk := os.read(ours, 4096):
            shown += chunk
    os.close(ours)
    assert process.wait(timeout=60) == 1
    running, _, _ = shown.partition(b"plugin_module_is_light   ")
    assert b" counting: plugin_module_is_light" in running
    screen = pyte.Screen(120, 200)
    pyte.ByteStream(screen).feed(shown)
    rows = [row.rstrip() for row in screen.display if row.strip()]
    starts = ("  ok     ", "  BROKEN ", "  -      ", "         ", "environment counting of ")
    assert [row for row in rows if not row.startswith(starts)] == []
    assert rows[0].startswith("  ok     announced_once  ")
    assert rows[-1].startswith("environment counting of rftcore-counting 1.2, level static: ")
