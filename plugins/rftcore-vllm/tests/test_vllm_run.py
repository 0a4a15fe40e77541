"""A whole experiment over HTTP: what is learned, what is recorded, and that a run lets go of what it took."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rftcore import Experiment
from rftcore.errors import ConfigError, RunError
from rftcore.models import find_model
from rftcore.train.checkpoint import load_model
from rftcore.train.learner import Learner
from rftcore_vllm.sampler import VllmServerSampler


def experiment(sampler: dict[str, Any], *, updates: int = 2, staleness: int = 0, **changes: Any) -> Experiment:
    return Experiment(
        name="served",
        train="textcraft:easy",
        # Learns even where all episodes of each task end alike: rounding on two servers decides that.
        algorithm="reinforce_pp",
        sampler=sampler,
        environments={"textcraft": {"max_turns": 4, "distractors": 1}},
        training={"updates": updates, "groups": 4, "samples": 4, "max_staleness": staleness},
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


def test_servers_sample_while_the_learner_learns_and_no_token_is_staler_than_allowed(
    serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(find_model("rftcore/tiny"))
    servers = [serve(model), serve(model)]
    answered: list[int] = []
    step = Learner.step

    def noting(learner: Learner, *arguments: Any, **options: Any) -> Any:
        before = sum(len(server.answered) for server in servers)
        figures = step(learner, *arguments, **options)
        answered.append(sum(len(server.answered) for server in servers) - before)
        return figures

    monkeypatch.setattr(Learner, "step", noting)
    sampler = {"name": "vllm-server", "urls": [server.url for server in servers], "timeout": 30, "start_timeout": 30}
    (stage,) = experiment(sampler, updates=4, staleness=1).run(tmp_path).stages
    assert max(answered) > 0  # episodes went on in the middle of an update
    assert answered[-1] == 0  # and nobody plays for updates that are not to be made
    for update in stage.curve:
        assert (update["episodes"], update["masked"], update["drift"]) == (16, 0, 0)
        assert 0 <= update["staleness"] <= 1
        assert update["staleness"] * update["sampled_tokens"] == pytest.approx(update["stale_tokens"])
        assert update.get("sampler_gap", 0.0) < 1e-4  # of tokens by the learner's present weights
        assert 0.5 < update.get("correction", 1.0) < 2.0  # there is none where no group had variance
    assert any("correction" in update for update in stage.curve)
    assert stage.curve[0]["stale_tokens"] == 0
    assert sum(update["stale_tokens"] for update in stage.curve[1:]) > 0
    assert stage.budget["max_staleness"] == 1


def test_a_run_without_the_program_that_it_would_start_ends_before_any_job_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rftcore_vllm.program.sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    begun: list[str] = []
    monkeypatch.setattr("rftcore.study._work", lambda *told: begun.append("jobs"))
    with pytest.raises(ConfigError, match="sampler: found no program `vllm`"):
        experiment({"name": "vllm-server"}).run(tmp_path)
    assert not begun


def test_a_closed_sampler_samples_no_more_and_its_folder_is_gone(
    build: Callable[..., Any], serve: Callable[..., Any], tmp_path: Path
) -> None:
    model = build()
    sampler = VllmServerSampler(urls=(serve(model).url,), model=model, folder=str(tmp_path))
    (place,) = tmp_path.iterdir()
    sampler.sync(model, 1)
    (weights,) = (path for path in place.iterdir() if path.is_dir())  # those before are thrown away
    assert (weights / "model.safetensors").is_file()
    asyncio.run(sampler.close())
    asyncio.run(sampler.close())
    assert not list(tmp_path.iterdir())
    with pytest.raises(RunError, match="was closed and cannot take new weights"):
        sampler.sync(model, 1)
