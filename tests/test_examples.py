"""The examples run as printed, are short, and the studies beside them are complete."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
LAUNCHES = sorted((ROOT / "examples/launch").glob("*.yaml"))
STUDIES = sorted((ROOT / "examples/studies").glob("*.yaml"))


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_runs_and_says_something(example: Path, tmp_path: Path) -> None:
    assert run(tmp_path, str(example)).strip()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_is_short_and_says_how_to_run_it(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    assert f"python examples/{example.name}" in text


def test_the_examples_are_numbered_without_a_gap() -> None:
    assert [example.name[:2] for example in EXAMPLES] == [f"{number:02}" for number in range(1, len(EXAMPLES) + 1)]


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.stem)
def test_a_study_can_be_planned_without_running_anything(study: Path, tmp_path: Path) -> None:
    main = "from rftcore.cli import main; main()"
    assert run(tmp_path, "-c", main, "study", str(study), "--dry-run").strip()
    assert list(tmp_path.rglob("report.json")) == []


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.stem)
def test_the_smoke_budget_fits_every_study_and_makes_it_another_run(study: Path) -> None:
    from rftcore import Study

    smoke = (ROOT / "examples/studies/smoke.overrides").read_text(encoding="utf-8").split()
    whole, small = Study(study), Study(study, smoke)
    assert small.id != whole.id
    assert small.config.training.updates == 1
    assert small.blueprint.plan.axes == whole.blueprint.plan.axes


@pytest.mark.parametrize("file", LAUNCHES, ids=lambda file: file.stem)
def test_a_launch_file_has_keys_that_accelerate_reads(file: Path) -> None:
    from accelerate.commands.config import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    found = load_config_from_file(str(file))  # refuses unknown keys, but for those of a part
    flags = vars(launch_command_parser().parse_args(["program"]))
    assert set(found.fsdp_config or {}) <= flags.keys()
    assert f"accelerate launch --config_file examples/launch/{file.name} --module rftcore.cli train" in file.read_text()
