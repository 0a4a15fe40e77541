"""The sampler `vllm-server` keeps what every sampler promises, over a server with a model of the kit's shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from rftcore.cli.app import app
from rftcore.train.testing.samplers import VOCABULARY
from rftcore.train.tiny import TinyConfig, build_model


@pytest.fixture
def server(serve: Callable[..., Any]) -> Any:
    shape = TinyConfig(width=16, layers=2, heads=2, mlp=32, max_context=128)
    return serve(build_model(VOCABULARY, shape, seed=3).eval())


def test_the_sampler_keeps_every_promise_and_the_command_says_so_of_a_url(server: Any) -> None:
    options = {"urls": [server.url], "timeout": 60, "start_timeout": 60}
    settings = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
    result = CliRunner().invoke(app, ["check", "vllm-server", "--level", "light", "--json", *settings])
    assert result.exit_code == 0, result.output
    (report,) = json.loads(result.output)["reports"]
    kept = [check["check"] for check in report["results"] if check["verdict"] == "kept"]
    assert {"logprobs_are_the_model_s", "seeds_decide", "sync_changes_weights"} <= set(kept)
