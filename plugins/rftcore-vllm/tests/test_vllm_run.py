"""A whole experiment over HTTP: what is learned, what is recorded, and that a run lets go of what it took."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rftcore import Experiment
from rftcore.errors import RunError
from rftcore.models import find_model
from rftcore.train.checkpoint import load_model
from rftcore_vllm.sampler import VllmServerSampler


def experiment(sampler: dict[str, Any], **changes: Any) -> Experiment:
    return Experiment(
        name="served",
        train="textcraft:easy",
        # Learns even where all episodes of each task end alike: rounding on two servers decides that.
        algorithm="reinforce_pp",
        sampler=sampler,
        environments={"textcraft": {"max_turns": 4, "distractors": 1}},
        training={"updates": 2, "groups": 4, "samples": 4},
        sampling={"max_new_tokens": 16},
        evaluation={"tasks": 2, "samples": 1},
        references=[],
        seed=1,
        **changes,
    )


def test_an_experiment_learns_from_what_servers_sampled(serve: Callable[..., Any], tmp_path: Path) -> None:
    model = load_model(find_model("rftcore/tiny"))
    servers = [serve(model), serve(model)]
    report = experiment(
        {"name": "vllm-server", "urls": [server.url for server in servers], "timeout": 30, "start_timeout": 30}
    ).run(tmp_path)
    for update in report.stages[0].curve:
        assert update["episodes"] == 16
        assert (update["masked"], update["drift"]) == (0, 0)
        assert "stale_tokens" not in update
        assert update["sampler_gap"] < 1e-4
        assert update["grad_norm"] > 0
    loads = [body for server in servers for path, body in server.calls if path == "/collective_rpc"]
    # A stage and an evaluation each bring their own weights; the stage two versions more.
    assert len(loads) >= 2 * 2 * (1 + 2 + 1)


def test_a_closed_sampler_samples_no_more_and_its_folder_is_gone(
    build: Callable[..., Any], serve: Callable[..., Any], tmp_path: Path
) -> None:
    model = build()
    sampler = VllmServerSampler(urls=(serve(model).url,), model=model, folder=str(tmp_path))
    (place,) = tmp_path.iterdir()
    sampler.sync(model, 1)
    assert len(list(place.iterdir())) == 1  # the weights before are thrown away
    asyncio.run(sampler.close())
    asyncio.run(sampler.close())
    assert not list(tmp_path.iterdir())
    with pytest.raises(RunError, match="was closed and cannot take new weights"):
        sampler.sync(model, 1)
