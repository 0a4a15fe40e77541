"""What the environments in this repository say and refuse beyond what all environments promise (`rftcore.testing`)."""

from __future__ import annotations

from functools import cache

import pytest

from rftcore import registry
from rftcore.environment import Environment

NAMES = tuple(name for name in registry.names("environment") if not registry.spec("environment", name).bridge)
"""All but the bridges, which play what others offer."""
FACTS = {
    "lists_actions": bool,
    "feedback": str,
    "deterministic": bool,
    "thread_safe": bool,
    "profile": str,
    "data_source": str,
    "license": str,
    "expert_turns_easy": float,
    "expert_turns_hard": float,
    "vocabulary_words": int,
}
NONSENSE = ("x" * 1_000_000, "пойти на север", "走る", "'; DROP TABLE tasks; --", "{0.__class__}")


@cache
def world(name: str) -> Environment:
    created: Environment = registry.create("environment", name)
    return created


def test_there_is_something_to_check() -> None:
    assert {"textcraft", "babyai"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_facts_say_what_the_report_prints(name: str) -> None:
    facts = world(name).facts()
    assert {key: type(facts[key]) for key in FACTS} == FACTS
    assert int(facts["vocabulary_words"]) > 0
    assert facts["profile"] == "fixed"
    assert all(float(facts[f"expert_turns_{difficulty}"]) >= 1.0 for difficulty in world(name).difficulties)


@pytest.mark.parametrize("name", NAMES)
def test_nonsense_is_no_action_and_an_episode_can_still_be_won(name: str) -> None:
    environment = world(name)
    task = environment.tasks("test", environment.difficulties[0])[0]
    for action in NONSENSE:
        episode = environment.start(task)
        step = episode.step(action)
        assert len(step.observation) < 100_000
        assert not (step.valid or step.terminated or step.success), action[:20]
        assert episode.expert_action() is not None
        episode.close()
