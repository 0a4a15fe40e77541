"""The policy: what it asks for, what it remembers, what it refuses, and that it cannot be trained."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rftcore import ConfigError, Experiment, PluginError
from rftcore.errors import RunError
from rftcore.options import validate
from rftcore.policy import BudgetSpent, ChatPolicy, Prompt, Spending
from rftcore.testing import conforms
from rftcore_openai import plugin
from rftcore_openai.policy import OpenAI

from .conftest import VARIABLE, Chat, Reply, says

PROMPT = Prompt(({"role": "system", "content": "Act."}, {"role": "user", "content": "north"}), "digest", 0, 0)


def policy(chat: Chat, place: Path, **options: Any) -> OpenAI:
    made = OpenAI(model="m", base_url=chat.url, key_variable=VARIABLE, retries=0, **options)
    made.open(place)
    return made


def replies(asked: OpenAI, *prompts: Prompt) -> list[str]:
    async def play() -> list[str]:
        try:
            return [await asked.reply(prompt) for prompt in prompts]
        finally:
            await asked.close()

    return asyncio.run(play())


@conforms("openai", options={"model": "m"})
def test_it_keeps_what_every_policy_promises(check: Callable[[], None]) -> None:
    check()


def test_it_chats_and_limits_change_no_answer() -> None:
    (spec,) = plugin.rft_policies()
    assert issubclass(OpenAI, ChatPolicy) and spec.chat
    assert {"budget", "prices"} <= set(spec.incidental) < set(OpenAI.Config.model_fields)


def test_announcing_imports_no_client() -> None:
    check = (
        "import sys; from rftcore_openai.plugin import rft_policies; rft_policies(); "
        "sys.exit(', '.join({'httpx2', 'rftcore_openai.policy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", check], check=False, capture_output=True, text=True)
    assert result.stderr.strip() == ""


def test_the_request_is_the_conversation_and_the_options(chat: Chat, tmp_path: Path) -> None:
    options = {"temperature": 0.5, "max_new_tokens": 64, "body": {"reasoning_effort": "low"}}
    replies(policy(chat, tmp_path, **options), PROMPT)
    assert chat.bodies == [
        {
            "model": "m",
            "messages": [{"role": "system", "content": "Act."}, {"role": "user", "content": "north"}],
            "max_completion_tokens": 64,
            "temperature": 0.5,
            "reasoning_effort": "low",
        }
    ]
    replies(policy(chat, tmp_path / "other", token_limit="max_tokens"), PROMPT)
    assert chat.bodies[1].keys() == {"model", "messages", "max_tokens"}, "no temperature unless there is one"


def test_an_answer_is_paid_for_once_and_counts_once(chat: Chat, tmp_path: Path) -> None:
    chat.behave = lambda body, number: says(f"answer {number}")
    prices = {"input": 1.0, "output": 100.0}
    first = policy(chat, tmp_path, prices=prices)
    assert replies(first, PROMPT, PROMPT) == ["answer 0", "answer 0"]
    again = policy(chat, tmp_path, prices=prices)
    assert replies(again, PROMPT) == ["answer 0"]
    assert len(chat.bodies) == 1
    assert first.spending == again.spending == Spending(1, 10, 2, pytest.approx(10e-6 + 200e-6))


@pytest.mark.parametrize(
    "other",
    [
        Prompt(PROMPT.messages, "digest", 1, 0),
        Prompt(PROMPT.messages, "digest", 0, 1),
        Prompt(PROMPT.messages, "another task", 0, 0),
        Prompt((*PROMPT.messages, {"role": "user", "content": "more"}), "digest", 0, 0),
    ],
)
def test_another_sample_turn_task_or_conversation_is_another_answer(chat: Chat, tmp_path: Path, other: Prompt) -> None:
    chat.behave = lambda body, number: says(f"answer {number}")
    assert replies(policy(chat, tmp_path), PROMPT, other, PROMPT) == ["answer 0", "answer 1", "answer 0"]


def test_other_options_are_another_answer_unless_they_change_none(chat: Chat, tmp_path: Path) -> None:
    chat.behave = lambda body, number: says(f"answer {number}")
    replies(policy(chat, tmp_path), PROMPT)
    assert replies(policy(chat, tmp_path, timeout=9, concurrency=1, budget={"tokens": 10**6}), PROMPT) == ["answer 0"]
    assert replies(policy(chat, tmp_path, temperature=0.0), PROMPT) == ["answer 1"]
    assert replies(policy(chat, tmp_path, body={"top_p": 0.9}), PROMPT) == ["answer 2"]


def test_a_policy_goes_on_in_another_event_loop(chat: Chat, tmp_path: Path) -> None:
    asked = policy(chat, tmp_path)
    later = Prompt(PROMPT.messages, "digest", 0, 1)
    assert (replies(asked, PROMPT), replies(asked, later)) == (["f"], ["f"])


def test_tokens_that_are_not_told_are_counted_as_many_as_there_can_be(chat: Chat, tmp_path: Path) -> None:
    chat.behave = lambda body, number: says("\u00e4\u00e4", usage=None)
    asked = policy(chat, tmp_path)
    replies(asked, PROMPT)
    assert asked.spending == Spending(1, len("Act." + "north") + 2 * 16, 4, None)


def test_a_filtered_conversation_is_an_empty_answer(chat: Chat, tmp_path: Path) -> None:
    chat.behave = lambda body, number: Reply(b'{"error": {"message": "no", "code": "content_filter"}}', 400)
    assert replies(policy(chat, tmp_path), PROMPT) == [""]


def test_an_endpoint_that_answers_at_any_length_stops_a_run_with_a_budget_and_no_other(
    chat: Chat, tmp_path: Path
) -> None:
    chat.behave = lambda body, number: says("long", usage={"prompt_tokens": 10, "completion_tokens": 4000})
    asked = policy(chat, tmp_path, max_new_tokens=100, budget={"tokens": 50_000})
    with pytest.raises(RunError, match=r"counts 4,000 tokens, expected at most .*=100.* policy.token_limit=max_tokens"):
        replies(asked, PROMPT)
    assert replies(policy(chat, tmp_path, max_new_tokens=100), PROMPT) == ["long"]
    assert len(chat.bodies) == 1, "what was answered is kept"


def test_an_endpoint_that_answers_at_any_length_and_tells_no_usage_stops_a_run_with_a_budget_too(
    chat: Chat, tmp_path: Path
) -> None:
    chat.behave = lambda body, number: says("w" * 1601, usage=None)
    options = {"max_new_tokens": 100, "token_limit": "max_tokens"}
    told = r"counts 1,601 tokens, .* policy.token_limit=max_completion_tokens in a run of another name .* kept ones"
    with pytest.raises(RunError, match=told):
        replies(policy(chat, tmp_path, budget={"tokens": 50_000}, **options), PROMPT)
    free = policy(chat, tmp_path, **options)
    assert replies(free, PROMPT) == ["w" * 1601]
    assert (len(chat.bodies), free.spending.completion_tokens) == (1, 1601)


def test_where_no_usage_is_told_no_more_counts_than_was_asked_for(chat: Chat, tmp_path: Path) -> None:
    chat.behave = lambda body, number: says("w" * 1600, usage=None)  # 100 tokens can be as long
    asked = policy(chat, tmp_path, max_new_tokens=100, budget={"tokens": 50_000})
    replies(asked, PROMPT)
    assert asked.spending.completion_tokens == 100


def test_the_budget_counts_what_earlier_processes_paid(chat: Chat, tmp_path: Path) -> None:
    others = [Prompt(PROMPT.messages, "digest", sample, 0) for sample in range(3)]
    replies(policy(chat, tmp_path, max_new_tokens=10), *others[:2])  # 24 tokens
    asked = policy(chat, tmp_path, max_new_tokens=10, budget={"tokens": 74})  # the next may take 41 + 10
    assert replies(asked, *others[:2]) == ["f", "f"], "which costs nothing"
    with pytest.raises(BudgetSpent, match="24 of 74 tokens are spent, and the next answer may take 51"):
        replies(asked, others[2])
    assert replies(policy(chat, tmp_path, max_new_tokens=10, budget={"tokens": 75}), others[2]) == ["f"]
    assert len(chat.bodies) == 3


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "policy.model: missing; expected a value, such as 'gpt-4.1-mini'"),
        ({"model": "m", "modle": "n"}, "policy.modle: unknown key; did you mean 'model'?"),
        ({"model": "m", "base_url": "https://user:secret@host/v1"}, "expected http://HOST/PATH or https://HOST/PATH"),
        ({"model": "m", "base_url": "https://host/v1?key=secret"}, "without user, password or query"),
        ({"model": "m", "base_url": "host/v1"}, "policy.base_url: found 'host/v1', expected http://HOST/PATH"),
        ({"model": "m", "body": {"stream": True}}, "expected other keys than"),
        ({"model": "m", "budget": {"money": 1.0}}, "expected prices, where the budget has money"),
        ({"model": "m", "budget": {"tokens": 0}}, "policy.budget.tokens: found 0"),
        ({"model": "m", "temperature": -1.0}, "policy.temperature: found -1.0"),
        ({"model": "m", "max_new_tokens": True}, "policy.max_new_tokens: found True, expected a number"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        validate(OpenAI.Config, options, "policy")
    assert told in str(error.value)


def test_it_cannot_be_trained_and_asking_for_it_is_refused_before_anything_starts() -> None:
    base = {"train": "textcraft:easy"}
    with pytest.raises(PluginError, match="'openai' names another kind of thing here: policy"):
        Experiment(base, ["sampler=openai"])
    with pytest.raises(PluginError, match="'openai' names another kind of thing here: policy"):
        Experiment(base, ["algorithm=openai"])
    with pytest.raises(ConfigError, match="a policy plays and is not trained"):
        Experiment({**base, "policy": {"name": "openai", "model": "m"}})
    with pytest.raises(ConfigError, match="a policy plays and is not trained"):
        Experiment({**base, "model": "openai"})
