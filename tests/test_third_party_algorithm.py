"""An algorithm outside this repository's plugins: short, installable, conforming, and trained with by its name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "examples" / "third_party_algorithm"

TRAIN = """
from rftcore import Experiment
report = Experiment(
    name="opo",
    train="textcraft:easy",
    algorithm="opo",
    environments={"textcraft": {"max_turns": 4, "distractors": 1}},
    training={"updates": 1, "groups": 8, "samples": 4},
    sampling={"max_new_tokens": 16},
    evaluation={"tasks": 2, "samples": 1},
    references=[],
    seed=1,
).run()
(update,) = report.stages[0].curve
assert update["grad_norm"] > 0 and update["drift"] == 0, update
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the package is installed, as `pip install .` does."""
    folder = tmp_path_factory.mktemp("site-packages")
    command = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(folder), str(PACKAGE)]
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def run(site: Path, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_it_is_written_in_under_sixty_lines() -> None:
    files = sorted((PACKAGE / "rftcore_opo").glob("*.py"))
    assert [file.name for file in files] == ["__init__.py", "algorithm.py", "loss.py", "plugin.py"]
    assert sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files) < 60


def test_its_own_tests_pass_where_it_is_installed(site: Path, tmp_path: Path) -> None:
    assert " passed in " in run(site, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(PACKAGE / "tests"))


def test_an_experiment_trains_with_it_by_its_name(site: Path, tmp_path: Path) -> None:
    run(site, tmp_path, "-c", TRAIN)
