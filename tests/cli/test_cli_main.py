"""The way in and the way out of the command line: exit codes, messages, no tracebacks."""

from __future__ import annotations

import errno
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from rftcore import registry
from rftcore.cli import main
from rftcore.cli.app import app, flowing
from rftcore.cli.settings import read_settings
from rftcore.errors import ConfigError, PluginError, RunError
from rftcore.specs import EnvironmentSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Done
    from tests.conftest import Site


def outcome(error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run `rftcore fails`, a command that raises."""

    def fails() -> None:
        raise error

    failing = typer.Typer()
    failing.command()(fails)
    monkeypatch.setattr("rftcore.cli.app.app", failing)
    monkeypatch.setattr(sys, "argv", ["rftcore"])
    monkeypatch.delenv("RFTCORE_DEBUG", raising=False)
    with pytest.raises(SystemExit) as end:
        main()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert isinstance(end.value.code, int)
    return end.value.code, captured.err


def test_an_error_on_purpose_is_a_message_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    message = (
        "found [red]7[/red], expected a very long sentence that is not wrapped, " + "so that paths stay whole " * 9
    )
    assert outcome(ConfigError(message), monkeypatch, capsys) == (2, f"error: {message}\n")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space and run the same command again: what was saved before stays valid"),
        (errno.EACCES, "expected a place that this user may use: choose another one, or change its permissions"),
        (errno.EROFS, "expected a place that this user may use: choose another one, or change its permissions"),
        (errno.EIO, "RFTCORE_DEBUG=1 shows where it happened"),
    ],
)
def test_trouble_with_the_machine_names_the_file_and_says_what_to_do(
    number: int, advice: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = outcome(OSError(number, "Something", "runs/demo/log"), monkeypatch, capsys)
    assert code == 2
    assert text == f"error: Something: runs/demo/log\n{advice}\n"


def test_other_errors_are_bugs_and_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise KeyError("a bug")

    failing = typer.Typer(pretty_exceptions_enable=False)
    failing.command()(fails)
    monkeypatch.setattr("rftcore.cli.app.app", failing)
    monkeypatch.setattr(sys, "argv", ["rftcore"])
    with pytest.raises(KeyError, match="a bug"):
        main()


def test_a_bug_in_a_plugin_is_shown_from_the_command_on_and_says_whose_it_is(
    rftcore: Callable[..., Done],
) -> None:
    registry.add(EnvironmentSpec(name="dial", target="worlds:Misspelt", summary="turn a dial"))
    with pytest.raises(AttributeError, match="no attribute 'dificulty'") as caught:
        rftcore("play", "dial")
    assert caught.value.__notes__ == [
        "This came up in this process, which `rftcore check dial --kind environment` examines; mend it there, or tell "
        "its authors."
    ]
    names = [Path(entry.path).name for entry in caught.traceback]
    assert "typer" not in "".join(str(entry.path) for entry in caught.traceback)
    assert names[-3:] == ["play.py", "worlds.py", "main.py"]  # the last one is pydantic's


def test_debug_lets_the_error_itself_through(rftcore: Callable[..., Done], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = rftcore("info", "xyzzy")
    assert (plain.code, plain.out) == (2, "")
    assert plain.err.startswith("error: nothing is named 'xyzzy' here")
    with pytest.raises(PluginError):
        rftcore("--debug", "info", "xyzzy")
    monkeypatch.setenv("RFTCORE_DEBUG", "1")
    with pytest.raises(PluginError):
        rftcore("info", "xyzzy")


def test_every_command_shows_examples_in_its_help() -> None:
    assert len(app.registered_commands) >= 4
    for command in app.registered_commands:
        assert command.callback is not None
        doc = inspect.getdoc(command.callback) or ""
        name = command.callback.__name__
        assert f"\n    rftcore {name} " in doc or f"rftcore {name}\n" in doc


@pytest.mark.parametrize("name", [command.callback.__name__ for command in app.registered_commands if command.callback])
def test_help_shows_every_example_as_it_is_typed(
    name: str, rftcore: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Square brackets are markup to what renders the help."""
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 160)
    command = next(c for c in app.registered_commands if c.callback is not None and c.callback.__name__ == name)
    assert command.callback is not None
    examples = inspect.cleandoc(command.callback.__doc__ or "").partition("Examples:")[2]
    shown = rftcore(name, "--help").out
    for line in filter(None, map(str.strip, examples.splitlines())):
        assert line.replace("\\[", "[") in shown


def test_the_sentences_of_a_help_flow_and_its_examples_stay(rftcore: Callable[..., Done]) -> None:
    assert flowing("Do it.\n\n    It is done\n    at once.\n\n        rftcore do\n        rftcore do it\n    ") == (
        "Do it.\n\nIt is done at once.\n\n    rftcore do\n    rftcore do it"
    )
    lines = [line.strip() for line in rftcore("new", "--help").out.splitlines()]
    assert "`rftcore check` asks for. Inside is a small real example; change it step by" in lines


def test_a_plugin_file_is_loaded_before_the_command(site: Site) -> None:
    path = site.folder.parent / "my_plugin.py"
    path.write_text(
        "from rftcore.hookspecs import hookimpl\n"
        "from rftcore.specs import PolicySpec\n"
        "@hookimpl\n"
        "def rft_policies():\n"
        "    return [PolicySpec(name='lazy', target='my_plugin:Lazy', summary='does nothing')]\n"
    )
    assert "does nothing" in site.rftcore("--plugin", str(path), "plugins").stdout


def test_a_plugin_file_that_is_not_there_is_an_error(rftcore: Callable[..., Done]) -> None:
    missing = rftcore("--plugin", "no_plugin.py", "plugins")
    assert (missing.code, missing.out) == (2, "")
    assert "plugin file no_plugin.py is not there" in missing.err


def test_settings_are_dotted_keys_with_yaml_values() -> None:
    assert read_settings(["a.b=1", "a.c=[x, 2.5]", "d=true", "e=null", "f=a=b"]) == {
        "a": {"b": 1, "c": ["x", 2.5]},
        "d": True,
        "e": None,
        "f": "a=b",
    }
    assert read_settings(None) == {}


@pytest.mark.parametrize("setting", ["turns", "=3", "a=[1,", "a=${nowhere}"])
def test_a_setting_of_another_form_is_an_error(setting: str) -> None:
    with pytest.raises(ConfigError, match="--set "):
        read_settings([setting])


def test_errors_of_the_run_folder_are_messages_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(RunError("no run 'x'"), monkeypatch, capsys) == (2, "error: no run 'x'\n")
