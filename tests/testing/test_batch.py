"""Components side by side: what refuses its options holds up no other, and an interruption leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rftcore.errors import ConfigError
from rftcore.testing import examine_each

if TYPE_CHECKING:
    from tests.conftest import Site


def test_what_refuses_its_options_is_told_and_the_others_are_checked(tmp_path: Path) -> None:
    refused: dict[str, str] = {}
    reports = examine_each(
        ["random", "replay", "oracle"],
        kind="policy",
        level="static",
        refused=lambda name, error: refused.update({name: str(error)}),
    )
    assert [report.name for report in reports] == ["random", "oracle"]
    assert refused == {
        "replay": "replay.file: missing; expected a value\n"
        "what is checked is built first: its options are --set KEY=VALUE"
    }
    missing = str(tmp_path / "missing.jsonl")
    with pytest.raises(ConfigError, match=r"missing\.jsonl.*\nwhat is checked is built first"):
        examine_each(["replay", "replay"], kind="policy", level="light", options={"file": missing})


def test_of_all_of_a_kind_the_command_checks_what_needs_no_other_options(counting_site: Site) -> None:
    arguments = ("check", "--kind", "curriculum", "--level", "static", "--set", "train=textcraft", "--json")
    done = counting_site.rftcore(*arguments)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "single" in {report["name"] for report in found["reports"]}
    assert found["not_run"]["easy_to_hard"].splitlines()[1] == "  easy_to_hard.environment: missing; expected a value"
    nothing = counting_site.rftcore("check", "--kind", "curriculum", "--level", "static")
    assert nothing.returncode == 1
    assert "curriculum single: not run: single.train: missing; expected a value\n" in nothing.stdout


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("names", [("textcraft",), ("textcraft", "babyai")], ids=["alone", "side by side"])
def test_a_check_that_is_interrupted_leaves_no_folder_and_no_process(
    ended_by: signal.Signals, names: tuple[str, ...], tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "from rftcore.cli import main; main()", "check", *names, "--level", "full"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None and not working_in(tmp_path):
            time.sleep(0.05)
        assert process.poll() is None
        process.send_signal(ended_by)
        assert process.wait(timeout=60) != 0
    finally:
        process.kill()
        process.wait()
    assert list(tmp_path.iterdir()) == []
    end = time.monotonic() + 30
    while working_in(tmp_path) and time.monotonic() < end:
        time.sleep(0.05)
    assert working_in(tmp_path) == []


def working_in(folder: Path) -> list[str]:
    """Return the processes that have a folder within `folder`, removed or not, to work in."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            place = str((entry / "cwd").readlink())
        except OSError:
            continue
        if place.startswith(str(folder)):
            found.append(entry.name)
    return found
