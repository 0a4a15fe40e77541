from __future__ import annotations

import pickle
import random
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from rftcore.errors import ConfigError
from rftcore.schemas.task import Task
from rftcore_textcraft.environment import TextCraft
from rftcore_textcraft.tasks import goals

SIZES = {("train", "easy"): 2400, ("test", "easy"): 680, ("train", "hard"): 3620, ("test", "hard"): 1020}
PLANS = {"easy": (2, 3), "hard": (4, 6)}


@pytest.fixture(scope="module")
def environment() -> TextCraft:
    return TextCraft()


def test_the_lists_have_the_sizes_that_the_readme_states(environment: TextCraft) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for (split, difficulty), size in SIZES.items():
        tasks = environment.tasks(split, difficulty)  # type: ignore[arg-type]
        chosen = {task.data["goal"] for task in tasks}
        assert len(tasks) == size == 20 * len(chosen)
        assert f"| {difficulty} | {split} | {len(chosen)} | {size:,} |" in readme


def test_goals_are_disjoint_between_splits_and_difficulties(environment: TextCraft) -> None:
    seen: list[str] = []
    for split, difficulty in SIZES:
        seen += {str(task.data["goal"]) for task in environment.tasks(split, difficulty)}  # type: ignore[arg-type]
    assert len(seen) == len(set(seen)) == len(goals()) == 386


def test_ids_are_unique_and_a_prefix_of_a_list_covers_all_goals(environment: TextCraft) -> None:
    ids = [task.id for split, difficulty in SIZES for task in environment.tasks(split, difficulty)]  # type: ignore[arg-type]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"textcraft/(easy|hard)/(train|test)/[a-z_]+/\d+", key) for key in ids)
    assert len({task.data["goal"] for task in environment.tasks("train", "easy")[:120]}) == 120


def test_variants_of_a_goal_are_different_prompts(environment: TextCraft) -> None:
    tasks = [task for task in environment.tasks("train", "hard") if task.data["goal"] == "daylight detector"]
    assert len(tasks) == 20
    assert len({environment.start(task).observation for task in tasks}) == 20


def test_the_variants_of_a_goal_are_one_family(environment: TextCraft) -> None:
    tasks = environment.tasks("test", "easy")
    assert len(tasks) == 680
    assert len({task.family for task in tasks}) == 34
    assert all(task.family == task.data["goal"] for task in tasks)


@pytest.mark.parametrize("difficulty", ["easy", "hard"])
def test_the_expert_wins_every_goal_within_the_length_of_its_difficulty(
    environment: TextCraft, difficulty: str
) -> None:
    shortest, longest = PLANS[difficulty]
    for split in ("train", "test"):
        tasks = environment.tasks(split, difficulty)
        for task in tasks[: len(tasks) // 10]:
            episode = environment.start(task)
            actions = list(environment.oracle(task))
            steps = [episode.step(action) for action in actions]
            assert shortest <= len(steps) <= longest, task.id
            assert all(step.valid for step in steps)
            assert [step.success for step in steps] == [False] * (len(steps) - 1) + [True]
            assert steps[-1].reward == 1.0


def test_the_expert_recovers_from_random_actions_and_uses_listed_recipes_only(environment: TextCraft) -> None:
    for task in (*environment.tasks("train", "hard")[:150], *environment.tasks("test", "easy")[:34]):
        rng = random.Random(task.seed)
        episode = environment.start(task)
        known = {line.split(" using ")[0] for line in episode.observation.splitlines() if line.startswith("craft ")}
        for _ in range(rng.randrange(1, 8)):
            episode.step(episode.random_action(rng))
        for _ in range(6):
            action = episode.expert_action()
            if action is None:
                break
            assert action.startswith("get ") or action.split(" using ")[0] in known
            assert episode.step(action).valid, (task.id, action)
        assert episode.expert_action() is None


def test_the_first_observation_has_the_published_form(environment: TextCraft) -> None:
    task = next(task for task in environment.tasks("train", "easy") if len(environment.start(task)._listed) == 5)
    lines = environment.start(task).observation.split("\n")
    assert lines[0] == "Crafting commands:"
    assert all(re.fullmatch(r"craft \d+ [a-z ]+ using (\d+ [a-z ]+)(, \d+ [a-z ]+)*", line) for line in lines[1:6])
    assert lines[6:] == ["", f"Goal: craft {task.data['goal']}."]


def test_distractors_are_at_most_as_many_as_asked(environment: TextCraft) -> None:
    bare, full = TextCraft(distractors=0), TextCraft(distractors=10)
    for task in environment.tasks("test", "hard")[:51]:
        needed, some, many = (len(world.start(task)._listed) for world in (bare, environment, full))
        assert needed <= some <= needed + 4
        assert some <= many <= needed + 10
    assert len(bare.start(environment.tasks("train", "easy")[0])._listed) in (1, 2)


@pytest.mark.parametrize("profile", ["fixed", "original"])
@pytest.mark.parametrize(
    "action",
    ["", "\0", "a" * 10_000, "get " + "9" * 10_000 + " oak logs", "добыть 1", "合成", "craft using", "get 1 "],
)
def test_nonsense_is_answered_and_changes_nothing(profile: str, action: str) -> None:
    environment = TextCraft(profile=profile)
    task = environment.tasks("test", "easy")[0]
    episode = environment.start(task)
    step = episode.step(action)
    assert isinstance(step.observation, str)
    assert episode.observation == step.observation
    assert not step.valid
    assert not step.terminated
    for expert in environment.oracle(task):
        step = episode.step(expert)
    assert step.success


def test_random_play_is_possible_and_worse_than_the_expert(environment: TextCraft) -> None:
    wins, understood, turns = 0, 0, 0
    for task in environment.tasks("test", "hard")[:51]:
        rng = random.Random(task.seed)
        episode = environment.start(task)
        for _ in range(10):
            step = episode.step(episode.random_action(rng))
            turns += 1
            understood += not step.observation.startswith(("Could not execute", "Wrong item format"))
            if step.terminated:
                wins += 1
                break
    assert understood == turns
    assert wins <= 5


def test_environment_and_running_episode_survive_pickle(environment: TextCraft) -> None:
    copy = pickle.loads(pickle.dumps(TextCraft(distractors=7, max_turns=9)))
    assert (copy.config.distractors, copy.max_turns) == (7, 9)
    task = environment.tasks("train", "hard")[0]
    episode = environment.start(task)
    episode.step(str(episode.expert_action()))
    again = pickle.loads(pickle.dumps(episode))
    while (action := episode.expert_action()) is not None:
        assert again.expert_action() == action
        assert again.step(action) == episode.step(action)


def test_the_vocabulary_covers_what_is_said(environment: TextCraft) -> None:
    known = {word for text in environment.vocabulary() for word in re.findall(r"\w+|[^\w\s]", text)}
    for difficulty in environment.difficulties:
        for task in environment.tasks("test", difficulty)[:50]:
            rng = random.Random(task.seed)
            episode = environment.start(task)
            said = [episode.observation, *environment.oracle(task), "inventory"]
            said += [episode.step(episode.random_action(rng)).observation for _ in range(5)]
            said.append(episode.step("inventory").observation)
            assert {word for text in said for word in re.findall(r"\w+|[^\w\s]", text)} <= known


def test_instructions_are_compact_and_carry_no_task(environment: TextCraft) -> None:
    assert len(environment.instructions.split()) < 60


def test_facts_are_those_of_the_options_and_of_the_expert(environment: TextCraft) -> None:
    facts = environment.facts()
    assert (facts["lists_actions"], TextCraft(action_list="first").facts()["lists_actions"]) == (False, True)
    for difficulty in environment.difficulties:
        tasks = environment.tasks("train", difficulty)
        turns = [len(list(environment.oracle(task))) for task in tasks[: len(tasks) // 20]]
        assert facts[f"expert_turns_{difficulty}"] == round(sum(turns) / len(turns), 2)
    words = {word for text in environment.vocabulary() for word in re.findall(r"[a-z]+|[0-9]+", text.lower())}
    assert facts["vocabulary_words"] == len(words)


def test_available_actions_are_those_that_the_listed_recipes_suggest() -> None:
    lines = ["craft 4 oak planks using 1 oak logs", "craft 4 birch planks using 1 birch logs"]
    lines.append("craft 2 ladder using 2 planks, 7 stick")
    data = {"goal": "ladder", "commands": lines}
    task = Task(environment="textcraft", id="t", split="train", difficulty="easy", seed=1, data=data)
    episode = TextCraft().start(task)
    assert episode.available_actions() == (
        "inventory",
        "craft 4 oak planks using 1 oak logs",
        "craft 4 birch planks using 1 birch logs",
        "craft 2 ladder using 2 oak planks, 7 stick",
        "craft 2 ladder using 2 birch planks, 7 stick",
        "get 1 oak logs",
        "get 1 birch logs",
        "get 2 oak planks",
        "get 2 birch planks",
        "get 7 stick",
    )
    rng = random.Random(0)
    assert {episode.random_action(rng) for _ in range(400)} == set(episode.available_actions())


def test_unknown_options_difficulties_and_goals_are_named(environment: TextCraft) -> None:
    with pytest.raises(ValidationError, match="profil"):
        TextCraft(profil="fixed")
    with pytest.raises(ConfigError, match="'medium', expected one of: easy, hard"):
        environment.tasks("train", "medium")
    with pytest.raises(ConfigError, match="'medium', expected one of: easy, hard"):
        environment.practice_task(random.Random(0), "medium")
    task = environment.tasks("train", "easy")[0].model_copy(update={"data": {"goal": "moon cheese"}})
    with pytest.raises(ConfigError, match="moon cheese"):
        environment.start(task)
