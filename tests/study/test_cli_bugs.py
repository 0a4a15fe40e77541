"""How a run ends that stops for what nobody raised on purpose: a bug in a plugin, or trouble with the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CLUMSY = """
from rftcore.hookspecs import hookimpl
from rftcore.metric import Metric
from rftcore.specs import MetricSpec

@hookimpl
def rft_metrics():
    return [MetricSpec(name="clumsy", target="clumsy:Clumsy", summary="a specimen")]

class Clumsy(Metric):
    name = "clumsy"

    def measure(self, groups):
        raise {error}
"""


def clumsy(folder: Path, error: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Evaluate the expert with a metric that raises."""
    (folder / "clumsy.py").write_text(CLUMSY.format(error=error))
    arguments = ["--plugin", "clumsy.py", "evaluate", "--policy", "oracle", "--environment", "even", "--name", "mine"]
    arguments += ["evaluation.tasks=2", "metrics=[generalization, clumsy]", *more]
    command = [sys.executable, "-c", "from rftcore.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("jobs", [[], ["--jobs", "2"]])
def test_a_bug_in_a_job_is_one_traceback_its_reason_and_the_line_that_goes_on(tmp_path: Path, jobs: list[str]) -> None:
    done = clumsy(tmp_path, 'KeyError("colour")', *jobs)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("Traceback (most recent call last)") == 1
    assert 'clumsy.py", line 14, in measure\n    raise KeyError("colour")\nKeyError: \'colour\'\n' in done.stderr
    assert "in wait" not in done.stderr  # how the driver came by it
    end = done.stderr.partition("\nerror: ")[2]
    examined = f"{tmp_path / 'clumsy.py'}, which `rftcore check clumsy --kind metric` examines"
    whose = "" if jobs else f"This came up in {examined}; mend it there, or tell its authors.\n"
    assert end == (
        f"KeyError: 'colour'\n{whose}"
        "What was complete is saved. When that is mended, this line goes on:\n\n  rftcore resume mine\n"
    )


def test_trouble_with_the_machine_in_a_job_leaves_the_line_that_goes_on(tmp_path: Path) -> None:
    done = clumsy(tmp_path, 'OSError(28, "No space left on device", "notes")')
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.partition("\nerror: ")[2] == (
        "No space left on device: notes\n"
        "free some space and run the same command again: what was saved before stays valid\n"
        "What was complete is saved. When that is mended, this line goes on:\n\n  rftcore resume mine\n"
    )
