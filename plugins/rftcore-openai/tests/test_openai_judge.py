"""A model behind an endpoint judges how episodes failed: through refusals and garbage, in a budget, paid for once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rftcore import judging
from rftcore.cli.app import app
from rftcore.judging import judge_examples, rubric_of
from rftcore.rubric import Example, Rubric
from rftcore.schemas.config import Component, PolicyComponent
from rftcore.study import Evaluation
from tests.study.conftest import small_world

from .conftest import KEY, VARIABLE, Chat, refuses, says

RUBRIC = rubric_of([Component(name="generalization")])
NONE = dict.fromkeys(RUBRIC.labels, False)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[Example]:
    """12 of the examples that were labelled by hand, of which no two are alike."""
    examples = list(RUBRIC.examples())[12:24]
    monkeypatch.setattr(RUBRIC, "examples", lambda: examples)
    return examples


def by_hand(rubric: Rubric, examples: list[Example]) -> Callable[[dict[str, Any]], str]:
    """A judge that knows the labels: from the episode in a request to the answer."""
    known = {
        (rubric.question(each.trajectory) or ())[-1]["content"]: json.dumps(
            {label: label in each.labels for label in rubric.labels}
        )
        for each in examples
    }
    return lambda body: known[body["messages"][-1]["content"]]


def policy(chat: Chat, **options: Any) -> PolicyComponent:
    told = {"model": "m", "base_url": chat.url, "key_variable": VARIABLE, "retries": 2, **options}
    return PolicyComponent(name="openai", options=told)


def test_a_judge_that_agrees_is_found_to_agree_through_refusals_that_pass(
    chat: Chat, few: list[Example], tmp_path: Path
) -> None:
    right = by_hand(RUBRIC, few)
    chat.behave = lambda body, number: refuses(429, Retry_After="0") if number % 3 == 1 else says(right(body))
    found = judge_examples(policy(chat, retries=20), RUBRIC, tmp_path)
    assert (found.labelled, found.unlabelled) == (12, {})
    for row in found.agreement:
        assert row.held == row.found == row.both == sum(row.label in each.labels for each in few)
    assert len(chat.bodies) > 12


def test_a_judge_that_is_wrong_is_found_to_be_wrong(chat: Chat, few: list[Example], tmp_path: Path) -> None:
    chat.behave = lambda body, number: says(json.dumps(dict.fromkeys(RUBRIC.labels, True)))
    for row in judge_examples(policy(chat), RUBRIC, tmp_path).agreement:
        held = sum(row.label in each.labels for each in few)
        assert (row.found, row.both, row.precision) == (12, held, held / 12)


GARBAGE = (
    says("It wanders, I believe."),
    says(json.dumps(NONE)[:-2]),
    says(json.dumps(NONE | {"wandering": "yes"})),
    says(""),
    says(json.dumps(NONE), choices=[]),
    refuses(503),
)


def test_garbage_is_unlabelled_and_never_a_label(chat: Chat, few: list[Example], tmp_path: Path) -> None:
    place = {json.dumps(list(RUBRIC.question(each.trajectory) or ())): number for number, each in enumerate(few)}
    chat.behave = lambda body, number: GARBAGE[place[json.dumps(body["messages"])] % len(GARBAGE)]
    found = judge_examples(policy(chat, retries=1), RUBRIC, tmp_path)
    assert found.labelled == 0
    assert found.unlabelled == {"an answer of another form": 8, "no answer": 4}
    assert {(row.held, row.found, row.both) for row in found.agreement} == {(0, 0, 0)}


def test_what_was_answered_is_paid_for_once_and_what_was_not_is_asked_again(
    chat: Chat, few: list[Example], tmp_path: Path
) -> None:
    right = by_hand(RUBRIC, few)
    broken = right({"messages": RUBRIC.question(few[4].trajectory)})
    chat.behave = lambda body, number: refuses(500) if right(body) == broken else says(right(body))
    first = judge_examples(policy(chat, retries=0), RUBRIC, tmp_path)
    lost = first.unlabelled["no answer"]
    asked = len(chat.bodies)
    chat.behave = lambda body, number: says(right(body))
    second = judge_examples(policy(chat, retries=0), RUBRIC, tmp_path)
    assert (asked, len(chat.bodies), second.labelled) == (12, 12 + lost, 12)
    assert second.spending.prompt_tokens == 12 * 10


def test_a_budget_is_not_exceeded_and_the_rest_is_unlabelled(chat: Chat, few: list[Example], tmp_path: Path) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 50}
    chat.behave = lambda body, number: says(json.dumps(NONE), usage=usage)
    judge = policy(chat, budget={"tokens": 14_000}, max_new_tokens=100)
    found = judge_examples(judge, RUBRIC, tmp_path)
    assert 0 < found.labelled < 12
    assert found.unlabelled == {"the budget is spent": 12 - found.labelled}
    assert found.spending.prompt_tokens + found.spending.completion_tokens == 1050 * found.labelled <= 14_000
    assert len(chat.bodies) == found.labelled


def test_the_command_labels_the_failed_episodes_of_a_run_beside_the_rules(chat: Chat, tmp_path: Path) -> None:
    chat.behave = lambda body, number: says(json.dumps(NONE | {"wandering": True}) if number else "wandering")
    options = ["policy.model=m", f"policy.base_url={chat.url}", f"policy.key_variable={VARIABLE}"]
    command = ["judge", "played", "--runs", str(tmp_path), "policy.concurrency=1", *options]
    with small_world():
        played = {"name": "played", "policy": "random", "environments": {"even": {}}}
        Evaluation({**played, "evaluation": {"tasks": 6, "samples": 2}}).run(tmp_path)
        done = [CliRunner().invoke(app, [*command, "--json"]), CliRunner().invoke(app, command)]
        wrong = CliRunner().invoke(app, [*command, "seed=1"])
    told = json.loads(done[0].stdout)
    rows = [json.loads(line) for line in Path(told["file"]).read_text(encoding="utf-8").splitlines()]
    assert told["file"] == str(tmp_path / "played/judges/openai.jsonl")
    assert told["unlabelled"] == {"an answer of another form": 1}
    assert told["labelled"] == len(rows) - 1 == len(chat.bodies) - 1 > 0, "each was asked about once, in both calls"
    assert [row["by_judge"] for row in rows].count(None) == 1
    assert {tuple(row["by_judge"]) for row in rows if row["by_judge"] is not None} == {("wandering",)}
    wandering = next(row for row in told["agreement"] if row["label"] == "wandering")
    assert wandering["found"] == told["labelled"]
    assert wandering["held"] == sum("wandering" in row["by_rules"] for row in rows if row["by_judge"] is not None)
    assert "1 unlabelled: an answer of another form" in done[1].stdout
    assert "openai labels played" in done[1].stderr
    assert "expected options of the policy only" in str(wrong.exception)


def test_a_judge_that_is_stopped_says_how_it_goes_on(
    chat: Chat, few: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(judging, "ask", stopped)
    monkeypatch.setenv(VARIABLE, KEY)
    command = ["judge", "--runs", str(tmp_path), "policy.model=m", f"policy.key_variable={VARIABLE}"]
    monkeypatch.setattr("sys.argv", ["rftcore", *command])
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 130
    assert f"What was answered is kept. This line goes on:\n\n  rftcore judge --runs {tmp_path}" in done.stderr
