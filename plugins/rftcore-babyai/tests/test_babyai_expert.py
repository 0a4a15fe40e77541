from __future__ import annotations

import random

import pytest

from rftcore.schemas.task import Task
from rftcore_babyai.environment import BabyAI
from rftcore_babyai.episode import BabyAIEpisode
from rftcore_babyai.levels import GROUPS, LEVELS
from rftcore_babyai.tasks import listed


def begin(level: str, seed: int) -> BabyAIEpisode:
    task = Task(environment="babyai", id="t", split="test", difficulty="easy", seed=seed, data={"level": level})
    return BabyAI(action_list="never").start(task)


def plays(episode: BabyAIEpisode, turns: int) -> tuple[list[str], bool]:
    actions = []
    for _ in range(turns):
        action = episode.expert_action()
        if action is None:
            return actions, False
        assert action in episode.available_actions()
        actions.append(action)
        step = episode.step(action)
        if step.terminated or step.truncated:
            return actions, step.success
    return actions, False


@pytest.mark.parametrize("difficulty", ["easy", "hard"])
def test_the_expert_takes_exactly_the_turns_that_are_stored_with_a_task(difficulty: str) -> None:
    tasks = listed("test", difficulty)
    sample = tasks[:: max(1, len(tasks) // 40)]
    environment = BabyAI()
    by_id = {(task.data["level"], task.seed): task for task in environment.tasks("test", difficulty)}
    for level, seed, turns in sample:
        actions = list(environment.oracle(by_id[level, seed]))
        assert len(actions) == turns, (level, seed, actions)
        assert plays(begin(level, seed), 20) == (actions, True)


def test_a_thing_in_sight_is_reached_in_one_action() -> None:
    # A blue key two ahead and one to the left.
    assert plays(begin("GoToObjS6", 0), 20) == (["go to blue key 1"], True)


def test_a_door_that_is_the_goal_is_opened_in_one_action() -> None:
    assert plays(begin("OpenRedDoor", 1), 20) == (["toggle and go through red closed door 1"], True)


def test_advice_leaves_the_world_as_it_was() -> None:
    for level, seed in (("BossLevel", 1), ("BlockedUnlockPickup", 2), ("PutNextLocalS6N4", 3)):
        asked, left_alone = begin(level, seed), begin(level, seed)
        rng = random.Random(seed)
        for _ in range(12):
            asked.expert_action()
            action = left_alone.random_action(rng)
            assert asked.step(action) == left_alone.step(action)
            assert asked.world.level.step_count == left_alone.world.level.step_count
            assert asked.world.cells == left_alone.world.cells


def test_the_expert_recovers_from_random_actions() -> None:
    rng = random.Random(11)
    won = played = 0
    for number in GROUPS["easy"]:
        if LEVELS[number] == "PickupDistDebug":
            continue  # One wrong thing picked up ends it.
        for seed in range(5):
            episode = begin(LEVELS[number], seed)
            for _ in range(4):
                step = episode.step(episode.random_action(rng))
                if step.terminated or step.truncated:
                    break
            else:
                played += 1
                won += plays(episode, 20)[1]
    assert played >= 30
    assert won >= played - 1


def test_things_picked_up_by_mistake_are_put_down_again() -> None:
    episode = begin("PickupLoc", 0)
    target = plays(begin("PickupLoc", 0), 20)[0][-1]
    wrong = [a for a in episode.available_actions() if a.startswith("pickup") and a != target]
    assert wrong
    assert episode.step(wrong[0]).valid
    assert episode.world.carried
    actions, success = plays(episode, 20)
    assert success
    assert "drop" in actions


def test_the_expert_gives_up_where_the_bot_cannot_help() -> None:
    assert begin("KeyInBox", 0).expert_action() is None


def test_the_expert_finds_its_way_through_locks_and_blocked_doors() -> None:
    level, seed, turns = next(task for task in listed("test", "hard") if task[0] == "BlockedUnlockPickup")
    actions, success = plays(begin(level, seed), 20)
    assert success
    assert len(actions) == turns
    assert any(action.startswith("toggle and go through") or action == "toggle" for action in actions)
    assert "drop" in actions
