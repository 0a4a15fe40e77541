from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from rftcore.environment import Step
from rftcore.errors import EpisodeError
from rftcore.schemas.task import Task
from rftcore_sciworld import differential, expert, pool, simulator
from rftcore_sciworld.environment import SciWorld
from rftcore_sciworld.episode import Experiment
from rftcore_sciworld.house import DOORS, walk
from rftcore_sciworld.tasks import listed
from rftcore_sciworld.words import WORD
from rftcore_sciworld.world import World


def task(kind: str, variation: int) -> Task:
    return Task(
        environment="sciworld",
        id=f"{kind}/{variation}",
        split="test",
        difficulty="hard",
        seed=variation,
        data={"kind": kind, "variation": variation},
    )


def begin(kind: str, variation: int, **options: object) -> Experiment:
    return SciWorld(**options).start(task(kind, variation))


def finish(episode: Experiment, turns: int) -> Step | None:
    """Let the expert play on; return its last step."""
    step = None
    for _ in range(turns):
        action = episode.expert_action()
        if action is None:
            break
        step = episode.step(action)
        if step.terminated:
            break
    return step


def test_an_episode_begins_with_the_task_and_a_look() -> None:
    episode = begin("find-animal", 2)
    lines = episode.observation.split("\n")
    assert lines[0].startswith("Your task is to find a(n) animal.")
    assert lines[1] == "This room is called the kitchen. In it, you see: "
    episode.close()


def test_the_expert_solves_listed_tasks_in_the_stored_number_of_turns_with_words_of_the_vocabulary() -> None:
    known, met = set(SciWorld().vocabulary()), set()
    for split, difficulty, number in (("test", "easy", 3), ("train", "hard", 4), ("test", "hard", 5)):
        chosen = SciWorld().tasks(split, difficulty)[number]  # type: ignore[arg-type]
        turns = {row[:2]: row[2] for row in listed(split, difficulty)}  # type: ignore[arg-type]
        episode = SciWorld().start(chosen)
        met |= set(WORD.findall(episode.observation))
        actions = list(SciWorld().oracle(chosen))
        assert len(actions) == turns[str(chosen.data["kind"]), int(str(chosen.data["variation"]))] <= 30
        steps = [episode.step(action) for action in actions]
        assert steps[-1].success and steps[-1].reward == 1.0 and not any(step.success for step in steps[:-1])
        met.update(*(WORD.findall(f"{action} {step.observation}") for action, step in zip(actions, steps, strict=True)))
        episode.close()
    assert len(met) > 100
    assert not met - known


def test_the_expert_finds_back_to_the_gold_path_after_mistakes() -> None:
    episode = begin("use-thermometer", 30)
    assert finish(episode, 3) is not None
    for action in ("open door to hallway", "go to hallway", "look at door", "dance"):
        episode.step(action)
    step = finish(episode, 60)
    assert step is not None and step.success
    episode.close()


def test_the_expert_gives_up_where_no_way_leads_to_the_goal() -> None:
    episode = begin("lifespan-longest-lived", 3)
    step = episode.step("focus on baby baby mouse")
    assert (step.terminated, step.success, step.reward) == (True, False, 0.0)
    assert episode.expert_action() is None
    assert episode.step("look around") is step
    episode.close()


def test_a_gold_path_with_detours_that_the_survey_did_not_take_is_made_direct(monkeypatch: pytest.MonkeyPatch) -> None:
    kind, variation, turns = listed("test", "easy")[0]
    with pool.borrowed() as world:
        plain = world.gold(kind, variation)
        world.load(kind, variation)
        here = world.room()
    there = DOORS[here][0]
    detour = (*walk(here, there), *walk(there, here)) * 2
    monkeypatch.setattr(World, "gold", lambda self, kind, variation: (*detour, *plain))
    expert.gold.cache_clear()
    path = expert.gold(kind, variation)
    expert.gold.cache_clear()
    assert len(path) <= turns < len(detour) + len(plain)
    with pool.borrowed() as world:
        world.load(kind, variation)
        outcomes = [world.step(action) for action in path]
    assert outcomes[-1].over and outcomes[-1].score == 100


def test_rewards_are_shares_of_the_task_and_the_last_one_is_one() -> None:
    episode = begin("power-component", 2)
    rewards = []
    while (action := episode.expert_action()) is not None:
        step = episode.step(action)
        rewards.append(step.reward)
    assert rewards == sorted(rewards)
    assert 0.0 <= rewards[0] < 1.0 == rewards[-1]
    assert len(set(rewards)) > 2
    episode.close()


def test_worlds_do_not_notice_each_other() -> None:
    kinds = [("find-animal", 5), ("lifespan-longest-lived", 3), ("grow-plant", 1), ("find-animal", 8)]

    def step_by_step(episodes: list[Experiment]) -> list[list[str]]:
        told = [[episode.observation] for episode in episodes]
        rngs = [random.Random(number) for number in range(len(kinds))]
        for _ in range(12):
            for episode, rng, lines in zip(episodes, rngs, told, strict=False):
                lines += [action := episode.random_action(rng), repr(episode.step(action))]
        return told

    together = step_by_step([begin(*pair) for pair in kinds])
    for number, pair in enumerate(kinds):
        alone, rng = begin(*pair), random.Random(number)
        told = [alone.observation]
        for _ in range(12):
            told += [action := alone.random_action(rng), repr(alone.step(action))]
        assert told == together[number]
        alone.close()


def test_each_world_has_random_numbers_and_object_numbers_of_its_own() -> None:
    with pool.borrowed() as first, pool.borrowed() as second:
        statics = simulator.simulator().statics

        def count_after_waiting() -> int:
            first.step("wait")
            return statics.count()

        first.load("find-animal", 5)
        alone = count_after_waiting()
        first.load("find-animal", 5)
        second.load("lifespan-longest-lived", 3)
        assert statics.count() != alone
        assert statics._generator.get(statics._random).equals(second._random)
        assert count_after_waiting() == alone
        assert statics._generator.get(statics._random).equals(first._random)


def test_threads_play_as_one_does() -> None:
    tasks = [task("find-plant", number) for number in range(4)]

    def play(chosen: Task) -> list[str]:
        episode = SciWorld().start(chosen)
        told = [episode.observation]
        for action in ("inventory", "open door to hallway", "go to hallway", "look around", "wait"):
            told.append(repr(episode.step(action)))
        episode.close()
        return told

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(play, tasks)) == [play(chosen) for chosen in tasks]


TRACE = """
from rftcore.schemas.task import Task
from rftcore_sciworld.environment import SciWorld
for kind, variation in (("find-animal", 2), ("lifespan-longest-lived", 1)):
    task = Task(environment="sciworld", id="t", split="train", difficulty="easy", seed=1,
                data={"kind": kind, "variation": variation})
    episode = SciWorld().start(task)
    print(episode.observation, [episode.step(action) for action in ("inventory", "wait")])
"""


def test_first_observations_are_the_same_whatever_the_hash_seed() -> None:
    told = {
        subprocess.run(
            [sys.executable, "-c", TRACE],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=240,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(told) == 1
    assert "find a(n) animal" in told.pop()


def test_after_a_question_an_action_is_carried_out_when_mended_and_lost_in_the_original() -> None:
    for profile, answer in (("fixed", "In your inventory, you see:"), ("agentgym", "Unknown action.")):
        episode = begin("boil", 0, profile=profile)
        assert episode.step("look at door").observation.startswith("Ambiguous request: Please enter the number")
        assert episode.step("inventory").observation.startswith(answer)
        assert episode.step("look at door").observation.count(":\t") == 6
        assert episode.step("0").observation == "A door to the kitchen (that is closed)"
        episode.close()


def test_only_the_original_ends_after_a_hundred_moves() -> None:
    for profile, ends in (("fixed", False), ("agentgym", True)):
        episode = begin("find-plant", 1, profile=profile)
        steps = [episode.step("wait") for _ in range(10)]  # Eleven moves each.
        assert not any(step.truncated for step in steps[:-1])
        assert (steps[-1].truncated, steps[-1].terminated) == (ends, False)
        episode.close()


@pytest.mark.parametrize("profile", ["fixed", "agentgym"])
def test_nonsense_is_answered(profile: str) -> None:
    episode = begin("find-plant", 1, profile=profile)
    for action in (
        "",
        "\0",
        "dance",
        "\ud800",
        "火をつける",
        "look around\nlook around",
        "go to mars",
        "x" * 1_000_000,
    ):
        step = episode.step(action)
        assert not step.valid
        assert len(step.observation) < 300
        assert (step.reward, step.terminated) == (0.0, False)
    assert episode.step("  LOOK around ").valid
    episode.close()


def test_actions_are_listed_where_that_is_asked_for() -> None:
    every, first, never = (begin("find-plant", 1, action_list=kind) for kind in ("every", "first", "never"))
    assert [e.observation.count("Available actions: [") for e in (every, first, never)] == [1, 1, 0]
    assert [e.step("inventory").observation.count("Available actions: [") for e in (every, first, never)] == [1, 0, 0]
    actions = every.available_actions()
    assert actions is not None and len(actions) > 100
    assert "look around" in actions
    assert never.available_actions() is None
    for episode in (every, first, never):
        episode.close()


def test_to_ask_what_is_possible_changes_nothing() -> None:
    with pool.borrowed() as world:
        world.load("find-animal", 2)
        untouched = world._random.nextInt()
        world.load("find-animal", 2)
        asked = world.valid_actions(), world.grammar(), world.room()
        assert world._random.nextInt() == untouched
        world.load("find-animal", 2)
        assert (world.valid_actions(), world.grammar(), world.room()) == asked


def test_a_closed_episode_hands_its_world_on_and_is_over() -> None:
    episode = begin("find-plant", 1)
    world = episode._world
    episode.close()
    episode.close()
    assert pool.take() is world
    with pytest.raises(EpisodeError, match="was closed"):
        episode.step("look around")


def test_the_doors_are_those_of_the_house() -> None:
    with pool.borrowed() as world:
        world.load("boil", 3)
        for _ in range(2):
            for here in ("hallway", "kitchen", "outside", "greenhouse", "hallway"):
                world.step(f"open door to {here}")
                world.step(f"go to {here}")
                view = world.step("look around").observation
                assert tuple(re.findall(r"door to the ([a-z ]+) \(", view)) == DOORS[world.room()]


def test_gold_and_random_walks_are_the_packages_own() -> None:
    peer = differential.original()
    gold = ("look around", "open door to hallway", "go to hallway", "look at door", "0", "inventory")
    found = [differential.compare(peer, "find-animal", 7, None), differential.compare(peer, "melt", 3, gold)]
    peer.close()
    assert found == [(16, 0), (7, 0)]
