"""A probe starts, or asks, the servers of the run; a dry run says when there is nothing to start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rftcore import ConfigError, Experiment
from rftcore.models import find_model
from rftcore.probe import Measured
from rftcore.probing import measure
from rftcore.train.checkpoint import load_model
from rftcore_vllm import program
from rftcore_vllm.config import EngineConfig, ServerConfig


def test_a_probe_measures_what_servers_sample(serve: Callable[..., Any]) -> None:
    server = serve(load_model(find_model("rftcore/tiny")))
    run = Experiment(
        train="textcraft:easy",
        algorithm="reinforce_pp",
        sampler={"name": "vllm-server", "urls": [server.url], "timeout": 30, "start_timeout": 30},
        environments={"textcraft": {"max_turns": 4, "distractors": 1}},
        training={"updates": 2, "groups": 2, "samples": 2},
        sampling={"max_new_tokens": 16},
        evaluation={"tasks": 2, "samples": 1},
        references=[],
    )
    blueprint = run.blueprint
    payload = {
        "kind": blueprint.kind,
        "config": run.config.model_dump(mode="json"),
        "plan": blueprint.plan.model_dump(mode="json"),
        "seconds": 60.0,  # it ends as soon as everything was played
    }
    found = Measured.model_validate(measure(payload, lambda done, total, remark: None))
    assert [(place.difficulty, place.at_once) for place in found.places] == [("easy", 4), ("easy", 2), ("hard", 2)]
    assert len(server.answered) >= sum(place.episodes for place in found.places) > 0
    assert found.learning[0].tokens > 0
    assert any(path == "/collective_rpc" for path, _ in server.calls)  # the update's weights went to it


def test_servers_that_are_to_be_started_need_the_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(program.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="sampler: found no program `vllm`, which `vllm-server` without urls starts"):
        ServerConfig().check_here()
    ServerConfig(urls=("http://there:8000",)).check_here()
    EngineConfig().check_here()
    (tmp_path / "vllm").write_text("#!/bin/sh\n")
    (tmp_path / "vllm").chmod(0o755)
    ServerConfig().check_here()
