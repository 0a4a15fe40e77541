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


HOLLOW = """
from rftcore.errors import ConfigError
from rftcore.hookspecs import hookimpl
from rftcore.metric import Metric
from rftcore.schemas.frozen import Frozen
from rftcore.specs import MetricSpec


class Hollow(Metric):
    class Config(Frozen):
        pass

    name = "hollow"

    def __init__(self, config):
        raise ConfigError("its data is not there")

    def measure(self, groups):
        return {}


@hookimpl
def rft_metrics():
    return [MetricSpec(name="hollow", target="hollow:Hollow", summary="has no data")]
"""


def test_what_refuses_its_options_is_told_and_the_others_are_checked() -> None:
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
    with pytest.raises(ConfigError, match=r"replay\.file: missing; expected a value\nwhat is checked is built first"):
        examine_each(["random", "replay"], kind="policy", level="static")


def test_what_refuses_its_options_when_it_is_built_is_broken(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.jsonl")
    reports = examine_each(["replay", "replay"], kind="policy", level="light", options={"file": missing})
    for report in reports:
        (broken,) = report.broken
        assert broken.check == "can_be_built"
        assert "it raised ConfigError: " in broken.problems[0]
        assert missing in broken.problems[0]
    assert len(reports) == 2


@pytest.mark.parametrize("names", [("hollow", "generalization"), ()], ids=["named", "all of a kind"])
def test_what_can_never_be_built_fails_the_command_and_costs_no_other_its_report(
    names: tuple[str, ...], site: Site
) -> None:
    file = site.folder / "hollow.py"
    file.write_text(HOLLOW, encoding="utf-8")
    done = site.rftcore("--plugin", str(file), "check", *names, "--kind", "metric", "--json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["not_run"] == {}
    reports = {report["name"]: report for report in found["reports"]}
    assert set(reports) >= {"hollow", "generalization"}
    assert reports["generalization"]["kept"]
    broken = {result["check"]: result for result in reports["hollow"]["results"] if result["verdict"] == "broken"}
    (problem,) = broken["can_be_built"]["problems"]
    assert problem.startswith(f"it raised ConfigError: its data is not there ({file}, line ")
    assert (
        next(result["remark"] for result in reports["hollow"]["results"] if result["check"] == "measure_is_pure")
        == "can_be_built failed"
    )


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
