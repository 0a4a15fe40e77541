"""Every check of curricula, metrics, policies and samplers finds its specimen; ours keep all of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rftcore import registry
from rftcore.executors.processes import Processes
from rftcore.rollout import PolicyActor, collect
from rftcore.specs import CurriculumSpec, ExecutorSpec, MetricSpec, PolicySpec, SamplerSpec
from rftcore.testing import examine, executors
from rftcore.testing.line import Line
from rftcore.testing.listing import ANY, checks
from rftcore.testing.report import results_of, run
from rftcore.testing.subject import SUBJECTS, Subject

KINDS: dict[str, tuple[Any, str, str, dict[str, Any]]] = {
    "curriculum": (CurriculumSpec, "planners", "in_turn", {}),
    "executor": (ExecutorSpec, "runners", "row", {}),
    "metric": (MetricSpec, "gauges", "mean", {}),
    "policy": (PolicySpec, "players", "chance", {"incidental": ("patience",)}),
    "sampler": (SamplerSpec, "speakers", "hf", {"config": "rftcore.schemas.config:HFSamplerConfig"}),
}
"""Spec, module of the specimens, their name, and what else the spec says."""

BROKEN = [
    (
        "curriculum",
        "stages_can_be_trained",
        "Planless",
        "stages() is empty, expected one at least; refuse options that",
    ),
    ("curriculum", "stages_can_be_trained", "Timeless", "has the turn limits (0, 5), expected 1 at least"),
    ("curriculum", "stages_can_be_trained", "Drifting", "made again, stages() are others, expected the same; a killed"),
    ("curriculum", "turn_limits_are_positive", "Limitless", "update 3: the turn limit is 0, expected None or 1 at lea"),
    ("curriculum", "next_returns_what_is_asked", "Short", "update 0: 7 tasks came back, 0 of them in no pool, expecte"),
    ("curriculum", "next_returns_what_is_asked", "Strange", "8 tasks came back, 8 of them in no pool, expected 8 of t"),
    (
        "curriculum",
        "next_is_pure",
        "Advancing",
        "asked for in another order, the updates have other tasks, expected the",
    ),
    (
        "curriculum",
        "next_is_pure",
        "Consuming",
        "the pools were changed, expected them as they were; copy what is shuff",
    ),
    ("executor", "values_are_plain", "Direct", "'pair': (1, 2.5)"),
    ("executor", "values_are_plain", "Direct", "the job changed its caller's payload, expected a copy to be given"),
    ("executor", "progress_comes_first", "Mute", "wait() handed on [Progress(job='tell-0', done=3.0"),
    ("executor", "failures_are_outcomes", "Wordless", "does not say where it was raised, expected the job's traceback"),
    ("executor", "failures_are_outcomes", "Wordless", "a ConfigError came back as RemoteError, expected the same type"),
    ("executor", "every_job_ends_once", "Patient", "wait() without a job returned Outcome(job='none', value=None"),
    ("executor", "every_job_ends_once", "Echoing", "3 jobs ended as those with the numbers 0, 0, 0, expected each of"),
    ("executor", "needs_are_no_refusal", "Strict", "it raised ConfigError: no GPU here"),
    ("executor", "slots_run_side_by_side", "Boastful", "2 slots, and of two jobs each waited 0.3 s for the other"),
    ("executor", "a_death_costs_one_job", "Calm", "expected a RunError with its label, and lost=True"),
    ("executor", "closing_ends_everything", "Lingering", "after close() a job still writes, expected its process to h"),
    ("executor", "closing_ends_everything", "Lingering", "submit() took a job after close(), expected a RuntimeError"),
    (
        "metric",
        "figures_are_finite",
        "Undefined",
        "the figure 'return' is nan, expected a finite number; leave out what",
    ),
    (
        "metric",
        "measure_is_pure",
        "Noisy",
        "asked again, the figures differ, expected the same; let chance follow from",
    ),
    ("metric", "measure_is_pure", "First", "with the groups in another order, the figure 'return' is "),
    ("metric", "masked_trajectories_say_nothing", "Harsh", "spoiled trajectories have another return and success, the"),
    ("metric", "measure_needs_no_torch", "Heavy", "measuring imports torch, expected none of it; figures need no mod"),
    ("policy", "incidental_options_exist", "Renamed", "incidental names 'patience', expected one of waiting"),
    ("policy", "acts_in_text", "Counting", "turn 0: 0 came back, expected text, or None to give up"),
    ("policy", "draws_from_its_stream", "Global", "it draws from the module random, expected the episode's own strea"),
    ("policy", "draws_from_its_stream", "Alternating", "beside others it does ['"),
    ("policy", "leaves_stepping", "Trying", "act() called step() 1 times, expected never; return the action"),
    ("sampler", "answers_are_whole", "Talkative", "expected 1 to 8 tokens that end with the first of stop_ids; the st"),
    ("sampler", "answers_are_whole", "Unlikely", "tokens have the logprobs (0.5,), expected a finite one of 0 at most"),
    ("sampler", "answers_are_whole", "Versioned", "the version is 3 before any sync, expected 0; count from what sync"),
    ("sampler", "checksums_are_of_the_context", "Unchecked", "the checksum is 0, expected "),
    ("sampler", "logprobs_are_the_model_s", "Lukewarm", "at temperature 0.5 a logprob is off by "),
    ("sampler", "seeds_decide", "OneStream", "draw one number for each token from the request's own stream"),
    ("sampler", "kept_context_counts", "Dropping", "as for the whole of it; keep exactly the first `keep` tokens"),
    ("sampler", "full_contexts_are_refused", "Roomy", "a context that is full was answered, expected ContextFull; its"),
    ("sampler", "sync_changes_weights", "Stale", "after sync(..., 7) the version is 0, expected 7; every answer names"),
    ("sampler", "sync_changes_weights", "Stale", "the logprobs are those of the old weights, expected the new ones'"),
    ("sampler", "sync_changes_weights", "Stale", "a conversation goes on with other logprobs than the new weights"),
]
"""Kind, check, specimen, and what it must say."""

SOUND = {"curriculum": "InTurn", "executor": "Row", "metric": "Mean", "policy": "Chance", "sampler": "HFSampler"}

OURS: list[tuple[str, str, dict[str, Any]]] = [
    ("curriculum", "single", {"train": "textcraft"}),
    ("curriculum", "mixture", {"train": {"textcraft": 2, "babyai:easy": 1}}),
    ("curriculum", "sequential", {"train": "textcraft:easy>textcraft:hard>babyai"}),
    ("curriculum", "easy_to_hard", {"environment": "textcraft"}),
    ("curriculum", "horizon", {"train": "textcraft+babyai"}),
    ("executor", "inline", {}),
    ("executor", "processes", {"workers": 2}),
    ("metric", "generalization", {}),
    ("policy", "oracle", {}),
    ("policy", "random", {}),
    ("policy", "openai", {"model": "any"}),
    ("sampler", "hf", {}),
]
"""Kind, name, and the options that it needs."""


def specimen(kind: str, target: str) -> Subject:
    spec, module, name, said = KINDS[kind]
    return SUBJECTS.get(kind, Subject)(
        spec(name=name, target=f"{module}:{target}", summary="keeps every promise but one", **said)
    )


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "specimens"))


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Closes the executors that a single check leaves open, and those that refuse to close."""
    made: list[Processes] = []
    begin = Processes.__init__

    def noted(executor: Processes, *arguments: Any, **options: Any) -> None:
        begin(executor, *arguments, **options)
        made.append(executor)

    monkeypatch.setattr(Processes, "__init__", noted)
    yield
    for executor in made:
        Processes.close(executor)


@pytest.mark.parametrize(("kind", "name", "target", "sentence"), BROKEN)
def test_a_check_finds_its_specimen(
    kind: str, name: str, target: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "PATIENCE", 0.3)
    monkeypatch.setattr(executors, "REST", 60.0)  # it is over as soon as the job writes
    (check,) = [check for check in checks(kind) if check.name == name]
    result = run(check, specimen(kind, target))
    assert result.verdict == "broken"
    assert any(sentence in problem for problem in result.problems), result.problems


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_of_a_kind_has_a_specimen(kind: str) -> None:
    own = {check.name for check in checks(kind)} - {check.name for check in ANY}
    assert {name for of, name, _, _ in BROKEN if of == kind} == own


@pytest.mark.parametrize(("kind", "target"), SOUND.items())
def test_a_sound_one_breaks_nothing(kind: str, target: str) -> None:
    assert [result.problems for result in results_of(specimen(kind, target), "full") if result.problems] == []


@pytest.mark.parametrize(("kind", "name", "options"), OURS)
def test_ours_keep_what_their_kind_promises(kind: str, name: str, options: dict[str, Any]) -> None:
    examine(name, kind=kind, options=options).require()


def test_so_does_the_policy_that_repeats_what_was_recorded(tmp_path: Path) -> None:
    line = Line()
    tasks = [*line.tasks("test", "easy"), *line.tasks("test", "hard")]
    played = asyncio.run(collect({"line": line}, PolicyActor(registry.create("policy", "random")), tasks, 1, seed=0))
    file = tmp_path / "recorded.jsonl"
    lines = [own.model_dump_json() for group in played for own in group.trajectories]
    file.write_text("\n".join(random.Random(0).sample(lines, len(lines))), encoding="utf-8")
    examine("replay", kind="policy", options={"file": str(file)}).require()


def test_all_that_core_and_its_curricula_and_metrics_offer_is_checked() -> None:
    named = {(kind, name) for kind, name, _ in OURS} | {("policy", "replay")}
    dists = {"rftcore", "rftcore-sequential", "rftcore-generalization"}  # others are checked in tests of their own
    offered = {
        (kind, name) for kind in KINDS for name in registry.names(kind) if registry.owner(kind, name).dist in dists
    }
    assert offered <= named
