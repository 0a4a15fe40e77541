"""Replicas that are named serve one job at a time: a run that would share them among several is refused before it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rftcore import ConfigError
from rftcore.checks import check_side_by_side
from rftcore.schemas.config import Component
from rftcore.study import Evaluation
from rftcore_vllm.config import ServerConfig

SHARED = r"sampler\.urls: found replicas for 2 jobs or processes at once, expected one"
RUN = {
    "model": "rftcore/tiny",
    "environments": {"textcraft": {}},
    "references": [],
    "evaluation": {"tasks": 2, "samples": 1},
    "sampler": {"name": "vllm-server", "urls": ["http://127.0.0.1:9"]},
}


def test_named_replicas_serve_one_job_and_those_that_are_started_belong_to_one() -> None:
    named = ServerConfig(urls=("http://there:8000",))
    named.check_side_by_side(1)
    with pytest.raises(ConfigError, match=SHARED):
        named.check_side_by_side(2)
    ServerConfig().check_side_by_side(2)


def test_a_run_whose_jobs_would_share_replicas_is_refused_before_its_first_job(tmp_path: Path) -> None:
    two: dict[str, Any] = {"executor": {"name": "processes", "workers": 2}}
    with pytest.raises(ConfigError, match=SHARED):
        Evaluation({**RUN, **two, "name": "two"}).run(tmp_path)
    assert not (tmp_path / "two" / "sessions.jsonl").exists()


def test_only_what_is_left_for_the_model_counts_and_the_processes_of_a_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Evaluation(RUN)
    config, plan = run.config, run.blueprint.plan
    keys = [cell.key for cell in plan.cells]
    assert len(keys) == 2
    check_side_by_side(config, plan, keys[:1], 2)
    check_side_by_side(config, plan, [], 1)
    with pytest.raises(ConfigError, match=SHARED):
        check_side_by_side(config, plan, [], 8)
    other = config.model_copy(update={"sampler": Component(name="hf")})
    check_side_by_side(other, plan, [], 8)
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "localhost"), ("MASTER_PORT", "29500")):
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=SHARED):
        check_side_by_side(config, plan, keys[:1], 1)
    check_side_by_side(config, plan, keys, 1)  # nothing is left


def test_a_dry_run_says_so_and_exits_with_1(tmp_path: Path) -> None:
    line = ["evaluate", "rftcore/tiny", "--environment", "textcraft", "--runs", str(tmp_path), "--dry-run"]
    settings = ["references=[]", "evaluation.tasks=2", "sampler.name=vllm-server", 'sampler.urls=["http://a:1"]']
    codes = []
    for jobs in ("1", "2"):
        command = [sys.executable, "-m", "rftcore.cli", *line, "--jobs", jobs, *settings]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        codes.append(done.returncode)
        assert ("it is refused: sampler.urls: found replicas for 2" in " ".join(done.stdout.split())) == (jobs == "2")
    assert codes == [0, 1]
