"""`make fidelity` is no part of the tests; how its script counts, and what it returns, is."""

from __future__ import annotations

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(name="script")
def loaded_script() -> ModuleType:
    spec = spec_from_file_location("fidelity_script", ROOT / "scripts" / "fidelity.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["fidelity_script"] = module
    spec.loader.exec_module(module)
    return module


def printing(*lines: str) -> list[str]:
    return [sys.executable, "-c", f"print({chr(10).join(lines)!r})"]


def test_counts_are_read_from_one_value_over_many_lines_and_from_the_last_of_many(script: ModuleType) -> None:
    whole = json.dumps({"episodes": 3, "steps": 40, "differences": 0, "first": None}, indent=2)
    assert script.run("recorded", printing(whole)) == script.Row("recorded", 3, 40, 0)
    told = script.run("played", printing('{"where": "step 1"}', '{"games": 2, "steps": 9, "differences": 1}'))
    assert told == script.Row("played", 2, 9, 1)


def test_what_could_not_be_compared_says_why(script: ModuleType) -> None:
    crashed = script.run("crashed", [sys.executable, "-c", "raise SystemExit('no such world')"])
    assert crashed.problem == "no such world"
    assert script.run("empty", printing('{"steps": 0, "differences": 0}')).problem == "nothing was compared"
    failed = script.run("failed", printing('{"steps": 0, "differences": 0, "error": "TextWorld is not installed"}'))
    assert failed.problem == "TextWorld is not installed"


def test_a_missing_recording_is_a_problem_and_not_a_silence(script: ModuleType, tmp_path: Path) -> None:
    rows = script.replayed(tmp_path)
    assert [row.what.split(": ")[1] for row in rows] == list(script.RECORDINGS)
    assert all(row.problem.startswith("there is no ") for row in rows)


def test_every_original_is_played_the_slow_one_less_often(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(script, "run", lambda what, command: asked.append(command[-3:]) or script.Row(what, 1, 1))
    monkeypatch.setattr(script.shutil, "which", lambda name: "/usr/bin/java")
    assert [row.problem for row in script.compared(20)] == ["", "", ""]
    assert asked == [
        ["rftcore_textcraft.differential", "--games", "20"],
        ["rftcore_alfworld.differential", "--games", "20"],
        ["rftcore_sciworld.differential", "--episodes", "5"],
    ]
    monkeypatch.setattr(script.shutil, "which", lambda name: None)
    assert [row.problem for row in script.compared(20)] == ["", "", "there is no Java"]


@pytest.mark.parametrize(("differences", "problem", "code"), [(0, "", 0), (1, "", 1), (0, "no Java", 2), (1, "x", 1)])
def test_the_exit_code_tells_differences_from_problems(
    script: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    differences: int,
    problem: str,
    code: int,
) -> None:
    rows = [script.Row("a: one", 1, 5, 0), script.Row("b: other", 2, 7, differences, problem)]
    monkeypatch.setattr(script, "compared", lambda games: rows)
    monkeypatch.setattr(script, "ratios", lambda: "ratios\n")
    monkeypatch.setattr(sys, "argv", ["fidelity.py"])
    assert script.main() == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["compared", "with", "episodes", "steps", "differences"]
    assert lines[1].split() == ["a:", "one", "1", "5", "0"]
    assert lines[2].split()[:5] == ["b:", "other", "2", "7", str(differences)]
    assert lines[-1] == "ratios"
