from __future__ import annotations

import random

import pytest

from rftcore.schemas.task import Task
from rftcore_babyai.environment import BabyAI
from rftcore_babyai.episode import BabyAIEpisode


def begin(level: str, seed: int, **options: object) -> BabyAIEpisode:
    task = Task(environment="babyai", id="t", split="test", difficulty="easy", seed=seed, data={"level": level})
    return BabyAI(**options).start(task)


def test_an_episode_begins_with_its_goal_what_is_seen_and_what_can_be_done() -> None:
    assert begin("OpenRedDoor", 1).observation == (
        "Your goal: open the red door\n"
        "In front of you in this room, you can see several objects: "
        "There is a red closed door 1 1 steps in front of you and 2 steps to your right.  "
        "The room has walls around you. You are facing a wall 3 steps away. You are not carrying anything.\n"
        'Available actions: ["turn left", "turn right", "move forward", '
        '"toggle and go through red closed door 1", "go to red closed door 1", "check available actions"]'
    )


def test_a_walk_ends_when_the_mission_is_done() -> None:
    step = begin("OpenRedDoor", 1).step("toggle and go through red closed door 1")
    # Forward, right, forward, toggle: four of fifty steps. Walking on would overwrite the reward.
    assert step.reward == pytest.approx(1 - 0.9 * 4 / 50)
    assert (step.terminated, step.truncated, step.success) == (True, False, True)
    assert "\n The task is completed.\nAvailable actions: " in step.observation


def test_a_late_success_is_a_success() -> None:
    episode = begin("OpenRedDoor", 1)
    for _ in range(40):
        assert not episode.step("turn left").terminated
    step = episode.step("toggle and go through red closed door 1")
    assert step.reward == pytest.approx(1 - 0.9 * 44 / 50)
    assert step.reward < 0.5
    assert step.terminated
    assert step.success


def test_the_levels_own_step_limit_ends_the_episode_without_success() -> None:
    episode = begin("OpenRedDoor", 1)
    steps = [episode.step("turn left") for _ in range(50)]
    assert not any(step.truncated or step.terminated for step in steps[:-1])
    assert (steps[-1].truncated, steps[-1].terminated, steps[-1].success, steps[-1].reward) == (True, False, False, 0.0)
    assert "\n The time is up." in steps[-1].observation
    assert episode.step("turn left") == steps[-1]


def test_a_success_on_the_very_last_step_counts() -> None:
    episode = begin("OpenRedDoor", 1)
    for _ in range(46 // 2):
        episode.step("turn left")
        episode.step("turn right")
    step = episode.step("toggle and go through red closed door 1")
    assert (step.terminated, step.truncated, step.success) == (True, False, True)
    assert step.reward == pytest.approx(0.1)


def test_pick_up_and_pickup_are_one_action() -> None:
    plain, spaced = begin("GoToRedBall", 0), begin("GoToRedBall", 0)
    assert "pickup grey ball 1" in plain.available_actions()
    first, second = plain.step("pickup grey ball 1"), spaced.step(" Pick  up GREY ball 1\n")
    assert first == second
    assert first.valid
    assert "You are carrying a grey ball." in first.observation


def test_the_order_of_instructions_stays_in_the_goal() -> None:
    assert "open the green door after you open the red door" in begin("OpenDoorsOrderN4Debug", 2).observation
    assert "open the yellow door, then open the green door" in begin("OpenDoorsOrderN4Debug", 1).observation


def test_the_wrong_order_fails_where_the_level_is_strict() -> None:
    episode = begin("OpenDoorsOrderN4Debug", 2)
    # The agent faces west; the green door is to the north, the red one to the east.
    episode.step("turn right")
    step = episode.step("toggle")
    assert (step.terminated, step.success, step.reward) == (True, False, 0.0)
    assert "\n The task has failed." in step.observation


def test_a_box_can_be_opened_for_the_key_in_it() -> None:
    episode = begin("KeyInBox", 0)
    for action in ("turn right", "go to yellow box 1", "toggle", "pickup purple key 1", "turn right", "turn right"):
        assert episode.step(action).valid, action
    assert "You are carrying a purple key." in episode.observation
    for action in ("move forward", "turn left", "toggle and go through purple locked door 1"):
        step = episode.step(action)
    assert step.success


def test_rooms_of_goto_objs6_have_size_six() -> None:
    assert begin("GoToObjS6", 0).world.level.room_size == 6


@pytest.mark.parametrize("mode", ["every", "first", "never"])
def test_the_action_list_is_shown_as_often_as_configured(mode: str) -> None:
    episode = begin("GoToRedBall", 0, action_list=mode)
    first, later = episode.observation, episode.step("turn left").observation
    shown = ("Available actions: [" in first, "Available actions: [" in later)
    assert shown == {"every": (True, True), "first": (True, False), "never": (False, False)}[mode]
    assert "turn left" in episode.available_actions()
    asked = episode.step("check available actions")
    assert asked.valid == (mode != "never")
    assert ("You can take the following actions: turn left, turn right" in asked.observation) == (mode != "never")
    assert ("check available actions" in episode.available_actions()) == (mode != "never")


@pytest.mark.parametrize(
    "action",
    [
        "",
        " ",
        "\0",
        "fly",
        "go to",
        "go to red dragon 1",
        "pickup red ball 99",
        "go" * 20_000,
        "иди вперёд",
        "check it",
    ],
)
def test_nonsense_is_answered_and_changes_nothing(action: str) -> None:
    episode = begin("GoToRedBall", 0)
    before = episode.available_actions()
    step = episode.step(action)
    assert not step.valid
    assert step.observation.startswith("The action is not recognized. Please check valid actions.\nAvailable actions:")
    assert (step.reward, step.terminated, step.truncated) == (0.0, False, False)
    assert episode.available_actions() == before
    assert episode.observation == step.observation


@pytest.mark.parametrize("profile", ["fixed", "agentgym"])
def test_the_end_is_final(profile: str) -> None:
    episode = begin("OpenRedDoor", 1, profile=profile)
    episode.step("go to red closed door 1")
    last = episode.step("toggle")
    assert last.terminated
    assert last.success
    pose = episode.world.pose
    assert episode.step("turn left") == last
    assert episode.observation == last.observation
    assert episode.world.pose == pose
    assert episode.expert_action() is None
    episode.close()
    episode.close()


def test_every_listed_action_is_possible() -> None:
    rng = random.Random(5)
    for level, seed in (("GoToLocalS8N7", 1), ("UnlockPickupDist", 2), ("ActionObjDoor", 3), ("SynthS5R2", 4)):
        episode = begin(level, seed)
        for _ in range(25):
            step = episode.step(episode.random_action(rng))
            assert step.valid
            assert 0.0 <= step.reward <= 1.0
            if step.terminated or step.truncated:
                break
