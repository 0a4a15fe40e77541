"""The tool that an agent calls: rewards fold as the environment says, the end is the end, a failure has no reward."""

from __future__ import annotations

from typing import Any

import pytest
from transformers.utils import get_json_schema

from rftcore.errors import ConfigError
from rftcore_trl import dataset, environment_factory
from rftcore_trl.factory import OVER


def test_an_episode_is_reset_played_and_scored(letters: Any) -> None:
    played = environment_factory(letters)()
    row = dataset(letters, "train", "easy")[2]
    assert played.reset(**row) == "a a a"
    assert played.act("four") == "a 4"
    assert played.act("five5") == f"a 5\n{OVER}"
    assert played.act("four") == OVER
    assert played.get_reward() == 1.0
    assert played.reset(**row) == "a a a"
    assert played.get_reward() == 0.0


def test_a_failure_of_the_machine_is_told_and_has_no_reward(letters: Any) -> None:
    played = environment_factory(letters)()
    played.reset(task="letters/easy/train/0")
    played.act("even")
    assert played.act("fail") == f"{OVER} the power is out"
    assert played.get_reward() is None


def test_a_lower_limit_of_turns_ends_the_episode(letters: Any) -> None:
    played = environment_factory(letters, turn_limit=1)()
    played.reset(task="letters/easy/train/0")
    assert played.act("four") == f"a 4\n{OVER}"
    with pytest.raises(ConfigError, match="turn_limit: found 0, expected 1 or more"):
        environment_factory(letters, turn_limit=0)


def test_the_agent_has_one_tool_with_one_text_argument(letters: Any) -> None:
    played = environment_factory(letters)()
    public = {name for name in dir(type(played)) if not name.startswith("_")}
    assert public == {"reset", "act", "get_reward"}
    schema = get_json_schema(played.act)["function"]
    assert schema["name"] == "act"
    assert list(schema["parameters"]["properties"]) == ["action"]
