"""Whole evaluations against an endpoint on loopback: how many at once, what a budget or a kill leaves, what it cost."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rftcore import ConfigError, Experiment, RunError
from rftcore.display import Display
from rftcore.executor import Progress
from rftcore.records import RunFolder, read_groups
from rftcore.schemas.config import Component
from rftcore.schemas.trajectory import Trajectory
from rftcore.study import Evaluation, run_folder
from rftcore_openai.policy import OpenAI
from tests.study.conftest import small_world

from .conftest import KEY, VARIABLE, Chat, Reply, refuses, says


@pytest.fixture(scope="module", autouse=True)
def _chance() -> Iterator[None]:
    """The environments of the specimen are the only ones, here and in child processes."""
    with small_world():
        yield


def evaluation(chat: Chat, name: str = "e", tasks: int = 8, samples: int = 2, **options: Any) -> Evaluation:
    asked = {"name": "openai", "model": "m", "base_url": chat.url, "key_variable": VARIABLE, **options}
    return Evaluation(
        {
            "name": name,
            "policy": asked,
            "environments": {"even": {}},
            "evaluation": {"tasks": tasks, "samples": samples},
        }
    )


def by_request(body: dict[str, Any], number: int) -> Reply:
    """An answer that follows from the request: right about every second time."""
    told = hashlib.sha256(json.dumps(body["messages"]).encode()).digest()[0]
    return says("f" if told % 2 else "ab")


def played(folder: Path) -> list[Trajectory]:
    """Every trajectory of a run, in the order of its files."""
    return [
        trajectory
        for file in sorted((folder / "cells").glob("*.jsonl"))
        for group in read_groups(file)
        for trajectory in group.trajectories
    ]


def figures(folder: Path) -> dict[str, dict[str, Any]]:
    """What the run's cells hold, without the times, and the checksums that hold them."""
    found = {file.name: json.loads(file.read_text()) for file in sorted((folder / "cells").glob("*.json"))}
    timed = {"cell_seconds", "cpu_seconds", "crc32"}
    return {name: {key: value for key, value in cell.items() if key not in timed} for name, cell in found.items()}


def test_one_and_sixteen_episodes_at_once_give_the_same_numbers(chat: Chat, tmp_path: Path) -> None:
    chat.behave = by_request
    one, sixteen = (evaluation(chat, f"c{lanes}", concurrency=lanes) for lanes in (1, 16))
    assert one.id == sixteen.id, "how many at once is no part of a run's identity"
    reports = [each.run(tmp_path) for each in (one, sixteen)]
    assert reports[0].references == reports[1].references
    assert played(tmp_path / "c1") == played(tmp_path / "c16")
    assert figures(tmp_path / "c1") == figures(tmp_path / "c16")
    assert 0.0 < (reports[0].references[0].avg_at_k or 0.0) < 1.0, "so that there was something to differ in"


def test_what_is_asked_is_the_conversation_in_the_prompt_format_of_the_run(chat: Chat, tmp_path: Path) -> None:
    chat.behave = lambda body, number: says("Thought: hm\nAction: f" if number else "f")
    asked = {"name": "openai", "model": "m", "base_url": chat.url, "key_variable": VARIABLE, "concurrency": 1}
    settings = {"environments": {"even": {}}, "evaluation": {"tasks": 2, "samples": 1}}
    Evaluation({"policy": asked, "format": "react", "shots": 1, **settings}).run(tmp_path)
    system, shot, solved, first = chat.bodies[0]["messages"]
    assert system["role"] == "system" and system["content"].startswith("Answer.\nAnswer with your reasoning after")
    assert (shot["role"], solved) == ("user", {"role": "assistant", "content": "Action: f"})
    assert first["role"] == "user" and first["content"].startswith("even ")
    assert chat.bodies[1]["messages"][4:] == [
        {"role": "assistant", "content": "f"},
        {"role": "user", "content": "No action found. Answer with 'Thought: ...' and then 'Action: ...'."},
    ]
    turns = next(one.turns for one in played(tmp_path / "run") if one.turns[0].text == "f")
    assert [(turn.text, turn.action, turn.valid) for turn in turns[:2]] == [
        ("f", "", False),
        ("Thought: hm\nAction: f", "f", True),
    ]


@pytest.mark.parametrize("lanes", [1, 5])
def test_as_many_episodes_as_allowed_are_in_flight_and_no_more(chat: Chat, tmp_path: Path, lanes: int) -> None:
    chat.behave = lambda body, number: Reply(says("f").body, before=0.2)
    evaluation(chat, tasks=8, samples=1, concurrency=lanes).run(tmp_path)
    assert chat.most == lanes


def test_an_episode_that_waits_holds_up_no_other(chat: Chat, tmp_path: Path) -> None:
    others, came = threading.Event(), list[bool]()

    def behave(body: dict[str, Any], number: int) -> Reply:
        if number == 0:
            came.append(others.wait(50))
        elif number == 7:
            others.set()
        return says("f")

    chat.behave = behave
    evaluation(chat, tasks=8, samples=1, concurrency=2).run(tmp_path)
    assert came == [True], "the other seven were asked while the first one waited"


def test_what_failed_for_good_is_masked_and_never_a_failure_of_the_agent(chat: Chat, tmp_path: Path) -> None:
    chat.behave = lambda body, number: refuses(500) if "even 2" in body["messages"][1]["content"] else says("f")
    report = evaluation(chat, tasks=4, samples=1, retries=0).run(tmp_path)
    cell = next(cell for cell in report.references if cell.difficulty == "easy")
    lost = [trajectory for trajectory in played(tmp_path / "e") if trajectory.masked]
    assert {(one.status, one.attempts) for one in lost} == {("sampler_error", 3)}
    assert (cell.masked, cell.avg_at_k) == (1, 1.0)


def test_a_spent_budget_masks_the_rest_and_a_larger_one_goes_on_without_paying_again(
    chat: Chat, tmp_path: Path
) -> None:
    free = evaluation(chat, "free", concurrency=1, max_new_tokens=10)
    free.run(tmp_path)
    whole = len(chat.bodies)
    chat.bodies.clear()

    stopped = evaluation(chat, concurrency=1, max_new_tokens=10, budget={"tokens": 150})
    report = stopped.run(tmp_path)
    tokens = 12 * len(chat.bodies)
    assert 90 < tokens <= 150, "the last of them had not fitted with the longest answer"
    lost = [trajectory for trajectory in played(tmp_path / "e") if trajectory.masked]
    assert {(one.status, one.attempts) for one in lost} == {("budget", 1)}
    assert report.masked == len(lost) == 32 - sum(not one.masked for one in played(tmp_path / "e")) > 0
    assert all("of 150 tokens are spent, and the next answer may take" in str(one.error) for one in lost)
    assert report.references[0].avg_at_k == 1.0, "what was not played is no failure"
    assert any("budget" in note for note in report.notes)

    larger = evaluation(chat, concurrency=1, max_new_tokens=10, budget={"tokens": 10_000})
    assert larger.id == stopped.id == evaluation(chat, max_new_tokens=10).id
    report = larger.run(tmp_path)
    assert report.masked == 0 and len(chat.bodies) == whole
    assert played(tmp_path / "e") == played(tmp_path / "free")
    assert figures(tmp_path / "e") == figures(tmp_path / "free")


def test_two_processes_of_a_run_spend_one_budget(chat: Chat, tmp_path: Path) -> None:
    limit, second = 600, threading.Event()

    def behave(body: dict[str, Any], number: int) -> Reply:
        if number == 0:
            second.wait(100)  # for a request of the other process
        second.set()
        return says("f")

    chat.behave = behave
    both = evaluation(chat, tasks=8, samples=4, concurrency=1, max_new_tokens=10, budget={"tokens": limit})
    side_by_side = both.config.model_copy(update={"executor": Component(name="processes", options={"workers": 2})})
    report = Evaluation(side_by_side).run(tmp_path)
    assert chat.most == 2, "a request of each process at once"
    largest = max(sum(len(m["content"].encode()) + 16 for m in body["messages"]) + 10 for body in chat.bodies)
    spent = 12 * len(chat.bodies)
    assert limit - largest < spent <= limit + largest, "only what the other has in flight is not known to each"
    assert report.masked > 0


def test_a_killed_evaluation_goes_on_without_paying_twice(chat: Chat, tmp_path: Path) -> None:
    chat.behave = by_request
    evaluation(chat, "undisturbed", concurrency=1).run(tmp_path)
    whole = len(chat.bodies)
    chat.bodies.clear()
    chat.behave = lambda body, number: Reply(by_request(body, number).body, before=0.3)
    config = evaluation(chat, concurrency=1).config.model_dump(mode="json")
    program = (
        "import json, sys; from rftcore.study import Evaluation; Evaluation(json.loads(sys.argv[1])).run(sys.argv[2])"
    )
    child = subprocess.Popen([sys.executable, "-c", program, json.dumps(config), str(tmp_path)])
    deadline = time.monotonic() + 120
    while len(chat.bodies) < 6 and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    paid = len(chat.bodies)
    assert 6 <= paid < whole
    chat.behave = by_request
    evaluation(chat, concurrency=1).run(tmp_path)
    assert whole <= len(chat.bodies) <= whole + 1, "only what was in flight at the kill is asked for again"
    assert played(tmp_path / "e") == played(tmp_path / "undisturbed")
    assert figures(tmp_path / "e") == figures(tmp_path / "undisturbed"), "the money that was paid before included"


def test_a_refused_key_stops_the_run_at_once_and_what_is_complete_stays(chat: Chat, tmp_path: Path) -> None:
    chat.behave = lambda body, number: refuses(401, "Incorrect API key")
    with pytest.raises(RunError, match=rf"refuses a request for model 'm' .* expected a valid key in {VARIABLE}"):
        evaluation(chat, concurrency=4).run(tmp_path)
    assert len(chat.bodies) <= 4
    chat.behave = by_request
    assert evaluation(chat).run(tmp_path).masked == 0


def test_without_a_key_nothing_is_begun(chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(ConfigError, match=f"found nothing in the environment variable {VARIABLE}"):
        evaluation(chat).run(tmp_path)
    assert list(tmp_path.iterdir()) == [] and chat.bodies == []


def test_a_finished_run_is_read_without_a_key(chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = evaluation(chat, tasks=2).run(tmp_path)
    monkeypatch.delenv(VARIABLE)
    assert run_folder(RunFolder(tmp_path / "e")).references == first.references


def test_the_key_is_nowhere_in_what_a_run_leaves_behind(
    chat: Chat, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    echo = f"Authorization: Bearer {KEY}"
    chat.behave = lambda body, number: says(echo) if number % 2 else Reply(echo.encode(), 500)
    evaluation(chat, tasks=4, samples=1, retries=0, concurrency=1).run(tmp_path)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {"answers.sqlite", "run.json", "report.json", "report.html", "events.jsonl"} <= {file.name for file in files}
    assert [file for file in files if KEY.encode() in file.read_bytes()] == []
    assert any(b"Bearer [key]" in file.read_bytes() for file in files), "the server did repeat it"
    assert KEY not in "".join(capfd.readouterr())
    assert all(headers["authorization"] == f"Bearer {KEY}" for headers in chat.headers)


@pytest.fixture
def rftcore(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs a command in this process, in an empty folder, and returns what it printed."""
    from rftcore.cli.app import app

    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        app(list(arguments), standalone_mode=False)
        return capsys.readouterr().out

    return run


def test_the_command_line_plays_it_and_says_what_it_cost(chat: Chat, rftcore: Callable[..., str]) -> None:
    options = [f"policy.{key}={value}" for key, value in {"model": "m", "base_url": chat.url}.items()]
    options += [f"policy.key_variable={VARIABLE}", "policy.prices={input: 1000, output: 10000}"]
    out = rftcore("evaluate", "--policy", "openai", "--environment", "even", "evaluation.tasks=4", *options)
    asked = len(chat.bodies)
    assert asked == 4 * 4 + 2 * 4 * 4, "4 samples of each task; an easy one takes one turn, a hard one two"
    assert f"openai: {asked} answers, {12 * asked} tokens, {asked * (10 * 0.001 + 2 * 0.01):.4f} spent" in out
    found = json.loads(
        rftcore("evaluate", "--policy", "openai", "--environment", "even", "evaluation.tasks=4", *options, "--json")
    )
    assert len(chat.bodies) == asked, "the same line again reads what is there"
    assert {cell["train"] for cell in found["cells"]} == {"openai"}
    assert found["spending"]["openai"]["answers"] == asked


def test_a_dry_run_says_what_it_would_cost_and_asks_for_nothing(chat: Chat, rftcore: Callable[..., str]) -> None:
    asked = f"{{name: openai, model: m, base_url: '{chat.url}', max_new_tokens: 10, prices: {{input: 1, output: 9}}}}"
    out = rftcore("train", "--train", "even", "--dry-run", "evaluation.tasks=2", f"references=[{asked}]")
    line = next(line for line in out.splitlines() if line.startswith("openai is "))
    assert re.fullmatch(r"openai is asked for \d+ to \d+ answers: .* of prompts, .* of answers, .* to pay", line)
    assert chat.bodies == []


def test_the_progress_of_a_job_says_what_was_spent(chat: Chat, tmp_path: Path) -> None:
    remarks: list[str] = []

    class Watching(Display):
        def progress(self, progress: Progress) -> None:
            remarks.append(progress.remark)

    evaluation(chat, tasks=2, samples=1, concurrency=1, prices={"input": 1000, "output": 10000}).run(
        tmp_path, display=Watching()
    )
    assert "success 1.00, 12 tokens, 0.0300 spent" in remarks
    assert "success 1.00, 24 tokens, 0.0600 spent" in remarks


def test_it_plays_beside_what_is_trained(chat: Chat) -> None:
    asked = {"name": "openai", "model": "m", "base_url": chat.url, "key_variable": VARIABLE}
    study = Experiment({"train": "even", "environments": {"even": {}}, "references": ["random", asked]})
    cells = study.blueprint.plan.cells
    assert {cell.train for cell in cells if cell.policy} == {"random", "openai"}
    told = study.blueprint.record()["config"]["references"]
    assert (told[0], told[1]["name"], told[1]["options"]["model"]) == ("random", "openai", "m")
    with pytest.raises(ConfigError, match="found two different policies called 'openai', expected one; give the other"):
        Experiment({"train": "even", "environments": {"even": {}}, "references": [asked, {**asked, "model": "n"}]})
    with pytest.raises(ConfigError, match="label: found 'random', expected one that names nothing else"):
        Experiment({"train": "even", "environments": {"even": {}}, "references": [{**asked, "label": "random"}]})


def test_several_models_stand_in_one_table_under_labels(chat: Chat, tmp_path: Path) -> None:
    chat.behave = lambda body, number: says("f" if body["model"] == "good" else "ab")
    asked = {"name": "openai", "base_url": chat.url, "key_variable": VARIABLE}
    models = [{**asked, "label": f"the-{model}", "model": model} for model in ("good", "poor")]
    settings = {"environments": {"even": {}}, "evaluation": {"tasks": 2, "samples": 1}, "references": models}
    run = Experiment({"train": "even", **settings})
    places = {cell.train: RunFolder(tmp_path).policy(cell.train) for cell in run.blueprint.plan.cells if cell.policy}
    assert {name: place.name for name, place in places.items()} == {"the-good": "the-good", "the-poor": "the-poor"}
    for model, score in (("good", 1.0), ("poor", 0.0)):
        alone = Evaluation(
            {**settings, "references": [], "name": model, "policy": next(m for m in models if m["model"] == model)}
        )
        report = alone.run(tmp_path)
        assert {(cell.train, cell.avg_at_k) for cell in report.references} == {(f"the-{model}", score)}
        assert list(report.spending) == [f"the-{model}"]
        assert (tmp_path / model / "policies" / f"the-{model}" / "answers.sqlite").is_file()


def test_a_live_policy_and_its_options_are_one_run(chat: Chat) -> None:
    options = {"model": "m", "base_url": chat.url, "key_variable": VARIABLE}
    live = Evaluation(policy=OpenAI(**options), environments={"even": {}})
    assert live.id == Evaluation({"policy": {"name": "openai", **options}, "environments": {"even": {}}}).id


def test_a_calibration_stops_at_the_budget_and_goes_on_with_a_larger_one(
    chat: Chat, rftcore: Callable[..., str]
) -> None:
    line = ["calibrate", "even", "--policy", "openai", "--k", "1", "policy.model=m", f"policy.base_url={chat.url}"]
    line += [f"policy.key_variable={VARIABLE}", "policy.concurrency=1", "policy.max_new_tokens=10"]
    with pytest.raises(RunError, match=r"was not played: budget: \d+ of 200 tokens are spent.*Raise the budget"):
        rftcore(*line, "policy.budget.tokens=200")
    paid = len(chat.bodies)
    out = rftcore(*line)
    assert "calibration-even-openai.json" in out
    assert paid > 0 and len(chat.bodies) == 16 + 2 * 16, "train and test, easy and hard, each paid for once"
