"""Our environments as Gymnasium's, by Gymnasium's own judgement."""

from __future__ import annotations

import warnings

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import SyncVectorEnv

from rftcore.errors import ConfigError
from rftcore_gymnasium.export import as_gymnasium
from rftcore_textcraft.environment import TextCraft


def test_an_environment_of_ours_passes_gymnasiums_check_without_a_warning() -> None:
    gymnasium.register("rftcore_tests/TextCraft-v0", entry_point=lambda **options: as_gymnasium(TextCraft(), **options))
    made = gymnasium.make("rftcore_tests/TextCraft-v0", difficulty="hard").unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(made)


def test_an_episode_there_is_the_episode_here() -> None:
    world = TextCraft()
    task = world.tasks("test", "easy")[3]
    episode, made = world.start(task), as_gymnasium(world, "test", "easy", render_mode="ansi")
    observation, info = made.reset(options={"task": task.id})
    listed = episode.available_actions()
    assert (observation, info) == (episode.observation, {"task": task.id, "available_actions": listed})
    for action in world.oracle(task):
        step = episode.step(action)
        observation, reward, terminated, truncated, info = made.step(action)
        assert (observation, reward, terminated, truncated) == (step.observation, step.reward, step.terminated, False)
        assert info == {"success": step.success, "valid": True, "available_actions": episode.available_actions()}
    assert (reward, terminated, made.render()) == (1.0, True, observation)
    made.close()


def test_the_turn_limit_truncates() -> None:
    made = as_gymnasium(TextCraft(max_turns=2))
    made.reset(seed=0)
    assert [made.step("inventory")[2:4] for _ in range(2)] == [(False, False), (False, True)]


def test_a_seed_decides_which_tasks_are_drawn_and_actions_are_real_ones() -> None:
    first, second = (as_gymnasium(TextCraft()) for _ in range(2))
    drawn = [[made.reset(seed=5)[1]["task"], *(made.reset()[1]["task"] for _ in range(3))] for made in (first, second)]
    assert drawn[0] == drawn[1] and len(set(drawn[0])) > 1
    first.action_space.seed(1)
    assert {first.action_space.sample().split()[0] for _ in range(30)} <= {"get", "craft", "inventory"}
    assert "пойти на север" in first.action_space and 3 not in first.action_space


def test_gymnasium_can_play_several_at_once() -> None:
    several = SyncVectorEnv([lambda: as_gymnasium(TextCraft(max_turns=3))] * 2)
    observations, _ = several.reset(seed=[1, 2])
    assert all(text.startswith("Crafting commands:") for text in observations)
    assert several.step(("inventory", "inventory"))[0] == ("Inventory: You are not carrying anything.",) * 2
    several.close()


def test_an_unknown_task_and_a_step_before_reset_are_refused() -> None:
    made = as_gymnasium(TextCraft())
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        made.step("inventory")
    with pytest.raises(ConfigError, match="task: found 'nope', expected one of 2400 ids such as 'textcraft/easy/train"):
        made.reset(options={"task": "nope"})
