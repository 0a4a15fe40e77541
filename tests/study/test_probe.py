"""The probe measures the real thing, and leaves nothing behind."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rftcore import ConfigError, Experiment, RunError
from rftcore.experiment import make_engine
from rftcore.models import fingerprint
from rftcore.probe import Measured, probe, way
from rftcore.probing import measure
from rftcore.stages import settings_of
from rftcore.study import Evaluation
from tests.study.conftest import Done, small

Command = Callable[..., Done]


def probed(run: Any, seconds: float = 1.0) -> Measured:
    """What a probe in this process measures."""
    kind, config, plan = run.blueprint.kind, run.config, run.blueprint.plan
    payload = {
        "kind": kind,
        "config": config.model_dump(mode="json"),
        "plan": plan.model_dump(mode="json"),
        "seconds": seconds,
    }
    return Measured.model_validate(measure(payload, lambda done, total, remark: None))


def test_every_place_is_played_and_every_way_of_learning_tried_with_nothing_written(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = fingerprint(str(model))
    run = Experiment(small(model, train="imitation(even:easy)>even:easy", environments={"even": {}, "third": {}}))
    began = time.monotonic()
    found = probed(run, seconds=60)  # playing ends when all episodes have ended, however busy the machine is
    spent = time.monotonic() - began
    # An update has 3 tasks four times, a cell 3 tasks twice.
    assert [(place.environment, place.difficulty, place.at_once) for place in found.places] == [
        ("even", "easy", 12),
        ("even", "easy", 6),
        ("even", "hard", 6),
        ("third", "easy", 6),
        ("third", "hard", 6),
    ]
    ways = [way(settings_of(run.config, node.stage)) for node in run.blueprint.plan.stages]
    assert [learned.key for learned in found.learning] == ways
    for place in found.places:
        assert place.episodes == place.at_once
        # "even N", its separators and one or two turns; an answer has at most 3 tokens.
        assert 5 < place.tokens[0] <= place.tokens[1] < 60
        assert 1 <= place.sampled[0] <= place.sampled[1] <= 3 * 2
        assert 100 < place.stored[0] <= place.stored[1] < 5000
        assert 0 < place.token_seconds < 1
    imitated, reinforced = found.learning
    assert imitated.share == 1.0 and 0 <= reinforced.share <= 1
    assert all(learned.tokens > 0 and 0 < learned.token_seconds < 1 for learned in found.learning)
    assert found.load_seconds < spent
    assert 50e6 < found.peak < 20e9
    assert (found.gpu_peak, found.device) == (0, "CPU")
    assert fingerprint(str(model)) == before
    assert list(tmp_path.iterdir()) == []


def test_more_places_and_a_critic_share_the_same_seconds(model: Path) -> None:
    run = Experiment(small(model, train="even", algorithm="ppo", environments={"even": {}, "third": {}}))
    began = time.process_time()
    found = probed(run, seconds=0.5)
    assert len(found.places) == 2 + 4 and len(found.learning) == 1
    assert found.learning[0].share == 1.0
    # Loading and one small update come on top.
    assert time.process_time() - began < 30


def test_a_second_way_of_learning_is_loaded_when_the_first_is_gone(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[weakref.ref[Any]] = []
    alive: list[int] = []

    def make(*given: Any) -> Any:
        alive.append(sum(engine() is not None for engine in loaded))
        made = make_engine(*given)
        loaded.append(weakref.ref(made))
        return made

    monkeypatch.setattr("rftcore.probing.make_engine", make)
    probed(Experiment(small(model, train="imitation(even:easy)>even:easy")))
    assert alive == [0, 0, 0]  # the first way twice, the second once


def test_the_process_of_a_probe_sees_every_gpu_that_this_one_sees(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def start(*command: Any, env: dict[str, str], **more: Any) -> None:
        seen.append(env["CUDA_VISIBLE_DEVICES"])
        raise OSError("seen")

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr("rftcore.executors.child.subprocess.Popen", start)
    run = Experiment(small(model, train="even", device="cuda:1"))
    with pytest.raises(RunError, match="cannot start a worker process"):
        probe("experiment", run.config, run.blueprint.plan)
    assert seen == ["0,1"]


def test_an_evaluation_is_probed_without_learning_and_a_policy_not_at_all(model: Path) -> None:
    found = probed(Evaluation({"model": str(model), "environments": {"even": {}}}))
    assert found.learning == ()
    policy = Evaluation({"policy": "random", "environments": {"even": {}}})
    with pytest.raises(ConfigError, match="--probe: found nothing but policies, expected a model to measure"):
        probe("evaluation", policy.config, policy.blueprint.plan)


def test_a_model_that_gives_no_answer_in_time_is_too_slow_to_be_measured(model: Path) -> None:
    with pytest.raises(RunError, match="--probe: found no answer of the model in 0 s in even:easy, expected one at"):
        probed(Experiment(small(model, train="even")), seconds=0.0)


def test_the_command_measures_in_a_process_of_its_own_and_tells_time_from_it(
    rftcore: Command, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rftcore.probe.SECONDS", 1.0)
    arguments = ("train", "--train", "even:easy", "--probe", f"model={model}", "training.updates=2")
    done = rftcore(*arguments, "sampling.max_new_tokens=3", "evaluation={tasks: 2, samples: 1}")
    assert (done.code, done.err) == (0, "")
    assert "probe: about 1 s of playing and learning, after the start" in done.out
    assert "even:easy" in done.out and "tokens/s" in done.out
    assert "at the pace that the probe measured, 1 side by side" in done.out
    assert "TFLOP/s" not in done.out  # nothing is assumed
    assert "memory: train even:easy takes " in done.out
    assert list(tmp_path.iterdir()) == []
