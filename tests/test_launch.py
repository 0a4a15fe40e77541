"""What the lines of docs/distributed.md start, by accelerate's own command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("flags", "processes"),
    [
        ("--multi_gpu --num_processes 2", ["0 of 2, whole", "1 of 2, whole"]),
        ("--config_file examples/launch/gpus.yaml --num_processes 2", ["0 of 2, whole", "1 of 2, whole"]),
        ("--config_file examples/launch/fsdp2.yaml --num_processes 2", ["0 of 2, split", "1 of 2, split"]),
        ("--cpu --num_processes 2", ["0 of 1, whole"]),
    ],
)
def test_accelerate_starts_as_many_processes_as_the_page_says(flags: str, processes: list[str]) -> None:
    command = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", *flags.split()]
    done = subprocess.run(
        [*command, "--main_process_port", "0", "tests/specimens/who.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(line for line in done.stdout.splitlines() if " of " in line) == processes
