"""`rftcore new`: names that cannot be used are refused before anything is written, and nothing is overwritten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Done


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_package_is_written_and_the_next_commands_are_said(rftcore: Callable[..., Done], empty: Path) -> None:
    done = rftcore("new", "environment", "lights_out")
    assert done.code == 0, done.err
    assert [folder.name for folder in empty.iterdir()] == ["rftcore-lights-out"]
    package = empty / "rftcore-lights-out"
    assert (package / "rftcore_lights_out" / "py.typed").is_file()
    assert 'lights_out = "rftcore_lights_out.plugin"' in (package / "pyproject.toml").read_text(encoding="utf-8")
    assert "class LightsOutEnvironment(Environment):" in (package / "rftcore_lights_out/environment.py").read_text()
    assert "python-version: ${{ matrix.python }}" in (package / ".github/workflows/tests.yml").read_text()
    for line in ("cd rftcore-lights-out", 'pip install -e ".[test]"', "rftcore play lights_out --oracle"):
        assert f"\n  {line}\n" in done.out


def test_a_dry_run_lists_every_file_and_writes_none(rftcore: Callable[..., Done], empty: Path) -> None:
    told = rftcore("new", "metric", "detours", "--dry-run").out.splitlines()
    assert list(empty.iterdir()) == []
    assert told[-1] == "Nothing was written."
    rftcore("new", "metric", "detours")
    written = {file.relative_to(empty).as_posix() for file in empty.rglob("*") if file.is_file()}
    assert {line.split()[-1] for line in told[:-1]} == written


def test_what_is_there_already_is_left_alone(rftcore: Callable[..., Done], empty: Path) -> None:
    (empty / "mine").mkdir()
    for more in ((), ("--dry-run",)):
        done = rftcore("new", "metric", "detours", "--out", "mine", *more)
        assert done.code == 2
        assert "found mine already there, expected nothing of that name; choose another with --out" in done.err
    assert list((empty / "mine").iterdir()) == []


def test_a_failure_half_way_leaves_nothing(
    rftcore: Callable[..., Done], empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    done = rftcore("new", "metric", "detours")
    assert done.code != 0
    assert "No space left" in done.err
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "name", "sentence"),
    [
        ("enviroment", "lights", "did you mean 'environment'?"),
        ("policy", "lights", "expected one of: environment, algorithm, curriculum, metric"),
        ("environment", "LightsOut", "did you mean 'lights-out'?"),
        ("environment", "lights out", "did you mean 'lights-out'?"),
        ("environment", "2048", "a letter first"),
        ("environment", "../lights", "did you mean 'lights'?"),
        ("environment", "rftcore-lights", "did you mean 'lights'?"),
        ("environment", "l" * 41, "found a name of 41 characters, expected 40 at most"),
        ("environment", "class", "means something else in Python"),
        ("metric", "none", "means something else in Python"),
        ("metric", "off", "means something else in YAML"),
        ("environment", "counting", "'counting' belongs to this process already"),
        ("curriculum", "easy-to-hard", "'easy_to_hard' belongs to rftcore-sequential"),
        ("environment", "grpo", "the distribution rftcore-grpo exists already"),
        ("executor", "ray", "expected one of"),
        ("metric", "ray", "the distribution rftcore-ray exists already"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(
    kind: str, name: str, sentence: str, rftcore: Callable[..., Done], empty: Path
) -> None:
    done = rftcore("new", kind, name)
    assert done.code == 2
    assert sentence in " ".join(done.err.split())
    assert list(empty.iterdir()) == []
