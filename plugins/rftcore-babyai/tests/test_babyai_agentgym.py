from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from rftcore.errors import ConfigError
from rftcore.schemas.task import Task
from rftcore_babyai.agentgym import AgentGymEpisode
from rftcore_babyai.environment import BabyAI

RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "fidelity" / "babyai-agentgym.jsonl.gz"


def begin(level: str, seed: int) -> AgentGymEpisode:
    task = Task(environment="babyai", id="t", split="test", difficulty="easy", seed=seed, data={"level": level})
    episode = BabyAI(profile="agentgym").start(task)
    assert isinstance(episode, AgentGymEpisode)
    return episode


def test_every_recorded_turn_is_reproduced() -> None:
    if not RECORDINGS.exists():  # They are not part of the repository.
        return
    environment = BabyAI(profile=BabyAI.fidelity_profile)
    with gzip.open(RECORDINGS, "rt", encoding="utf-8") as lines:
        compared = [turn for line in lines for turn in environment.replay(json.loads(line), RECORDINGS.parent)]
    assert len(compared) == 3355
    assert [turn for turn in compared if turn[1] != turn[2]] == []


def test_a_walk_through_a_door_goes_on_after_the_success_and_loses_it() -> None:
    episode = begin("OpenRedDoor", 1)
    step = episode.step("toggle and go through red closed door 1")
    assert (step.reward, step.terminated, step.success) == (0.0, False, False)
    assert "completed" not in step.observation


def test_a_late_success_is_shown_but_does_not_end_and_is_paid_again_and_again() -> None:
    episode = begin("OpenRedDoor", 1)
    for _ in range(40):
        episode.step("turn left")
    episode.step("go to red closed door 1")
    step = episode.step("toggle")
    paid = 1 - 0.9 * 44 / 50
    assert step.reward == pytest.approx(paid)
    assert not step.terminated
    assert "\n The task is completed." in step.observation
    assert episode.step("nonsense").reward == pytest.approx(paid)
    assert episode.step("go to red open door 1").reward == pytest.approx(paid)
    assert episode.score == pytest.approx(3 * paid)


def test_the_order_of_instructions_is_lost() -> None:
    assert "Your goal: open the green door and open the red door\n" in begin("OpenDoorsOrderN4Debug", 2).observation
    assert "Your goal: open the yellow door, and open the green door" in begin("OpenDoorsOrderN4Debug", 1).observation


def test_pick_up_with_a_space_is_not_understood() -> None:
    assert not begin("GoToRedBall", 0).step("pick up grey ball 1").valid
    assert begin("GoToRedBall", 0).step("pickup grey ball 1").valid


def test_any_mention_of_check_lists_the_actions() -> None:
    step = begin("GoToRedBall", 0).step("let me CHECK the door")
    assert step.observation.startswith("You can take the following actions: turn left, turn right, ")


def test_an_empty_action_changes_nothing() -> None:
    assert begin("GoToRedBall", 0).step("  ").observation.startswith("No change in state.\nAvailable actions: ")


def test_a_box_cannot_be_opened() -> None:
    episode = begin("KeyInBox", 0)
    episode.step("turn right")
    episode.step("go to yellow box 1")
    assert "toggle" not in episode.available_actions()


def test_level_four_has_rooms_of_size_four() -> None:
    assert begin("GoToObjS6", 0).world.level.room_size == 4


def test_a_thing_in_hand_still_lies_on_the_floor_at_first() -> None:
    episode = begin("PutNextS7N4Carrying", 4)
    assert "There is a purple box 1 " in episode.observation
    assert "You are carrying a purple box." in episode.observation
    episode.step("turn left")
    assert "There is a purple box 1 " not in episode.step("turn right").observation


def test_a_record_of_something_else_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="without first_observation, level_number, seed"):
        list(BabyAI(profile="agentgym").replay({"turns": []}, RECORDINGS.parent))


def test_a_difference_is_shown_with_its_place() -> None:
    record = {
        "level_number": 13,
        "seed": 1,
        "policy": "none",
        "first_observation": "something else",
        "turns": [{"action": "", "observation": "", "reward": 0, "score": 0, "done": False}],
    }
    [(where, expected, got)] = BabyAI(profile="agentgym").replay(record, RECORDINGS.parent)
    assert where == "level OpenRedDoor, seed 1, policy none, first observation and turn 0"
    assert expected == ("something else", "", 0, 0, False)
    assert got[0].startswith("Your goal: open the red door")
    assert got[1].startswith("No change in state.")
    assert got[2:] == (0, 0, False)
