from __future__ import annotations

import json
import os
import pickle
import random
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from pydantic import ValidationError

from rftcore.environment import distinct_words
from rftcore.errors import ConfigError
from rftcore.schemas.task import Split
from rftcore_alfworld.environment import ALFWorld
from rftcore_alfworld.generator import TYPES
from rftcore_alfworld.tasks import EASY

LISTS: list[tuple[Split, str, int]] = [
    ("train", "easy", 2400),
    ("train", "hard", 2400),
    ("test", "easy", 240),
    ("test", "hard", 240),
]


@pytest.fixture(scope="module")
def environment() -> ALFWorld:
    return ALFWorld()


def test_the_lists_have_the_sizes_that_the_readme_states(environment: ALFWorld) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for split, difficulty, size in LISTS:
        assert len(environment.tasks(split, difficulty)) == size
        assert f"| {difficulty} | {split} | {size:,} |" in readme


def test_ids_are_unique_and_a_prefix_of_a_list_has_all_its_task_types(environment: ALFWorld) -> None:
    ids = [task.id for split, difficulty, _ in LISTS for task in environment.tasks(split, difficulty)]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"alfworld/(easy|hard)/(train|test)/[a-z_]+/\d+", key) for key in ids)
    assert [task.data["type"] for task in environment.tasks("train", "easy")[:5]] == list(TYPES[:5])
    assert {task.data["type"] for task in environment.tasks("test", "hard")[:4]} == set(TYPES[2:])


def test_train_and_test_share_no_layout_and_so_no_game(environment: ALFWorld) -> None:
    layouts: dict[str, set[object]] = {"train": set(), "test": set()}
    rooms: dict[str, set[str]] = {"train": set(), "test": set()}
    for split, difficulty, _ in LISTS:
        for task in environment.tasks(split, difficulty):
            layouts[split].add(task.data["layout"])
    for split, difficulty, size in LISTS:
        for task in environment.tasks(split, difficulty)[:: size // 240]:
            rooms[split].add(environment.start(task).observation)
    assert len(layouts["train"]) == 120
    assert len(layouts["test"]) == 40
    assert layouts["train"].isdisjoint(layouts["test"])
    assert rooms["train"].isdisjoint(rooms["test"])


@pytest.mark.parametrize(("split", "difficulty", "size"), LISTS)
@pytest.mark.parametrize("profile", ["fixed", "original", "agentgym"])
def test_the_expert_wins_within_the_length_of_the_difficulty(
    profile: str, split: Split, difficulty: str, size: int
) -> None:
    environment = ALFWorld(profile=profile)
    for task in environment.tasks(split, difficulty)[:: 1 if split == "test" and profile == "fixed" else size // 60]:
        episode = environment.start(task)
        steps = [episode.step(action) for action in environment.oracle(task)]
        assert 3 <= len(steps) <= EASY if difficulty == "easy" else EASY < len(steps) <= 12, task.id
        assert all(step.valid for step in steps)
        assert [step.success for step in steps] == [False] * (len(steps) - 1) + [True]
        assert [step.reward for step in steps] == [0.0] * (len(steps) - 1) + [1.0]


def test_the_mean_turns_of_the_facts_are_those_of_the_expert(environment: ALFWorld) -> None:
    for difficulty in environment.difficulties:
        tasks = environment.tasks("train", difficulty)[::23]
        mean = sum(len(list(environment.oracle(task))) for task in tasks) / len(tasks)
        stated = environment.facts()[f"expert_turns_{difficulty}"]
        assert isinstance(stated, float) and abs(stated - mean) < 0.3


@pytest.mark.parametrize("expert", ["informed", "explorer"])
def test_both_experts_recover_from_random_actions(expert: str) -> None:
    environment = ALFWorld(expert=expert, max_turns=60)
    for split, difficulty, size in LISTS:
        for task in environment.tasks(split, difficulty)[:: size // 30]:
            rng = random.Random(task.seed)
            episode = environment.start(task)
            steps = [episode.step(episode.random_action(rng)) for _ in range(rng.randrange(1, 12))]
            for _ in range(60):
                if steps[-1].terminated:
                    break
                action = episode.expert_action()
                assert action is not None, task.id
                steps.append(episode.step(action))
                assert steps[-1].valid, (task.id, action)
            assert steps[-1].success, task.id


def test_the_explorer_acts_only_on_what_it_was_shown() -> None:
    environment = ALFWorld(expert="explorer")
    for task in environment.tasks("test", "hard")[:60]:
        episode = environment.start(task)
        told = episode.observation
        for _ in range(environment.max_turns):
            action = episode.expert_action()
            if action is None:
                break
            taken = re.match(r"(?:take|use) (\w+ \d+)", action)
            assert taken is None or re.search(rf"a {taken[1]}\b", told), (task.id, action)
            told += episode.step(action).observation


@pytest.mark.parametrize("profile", ["fixed", "original", "agentgym"])
@pytest.mark.parametrize(
    "action",
    ["", " ", "\0", "a" * 1_000_000, "go to " + "9" * 10_000, "go to cabinet 1\nlook", "идти к столу", "取苹果",
     "take  from ", "move to", "examine", "go to nowhere 1", "slice apple 1 with apple 1", "\ud800"],
)  # fmt: skip
def test_nonsense_is_answered_and_changes_nothing(profile: str, action: str) -> None:
    environment = ALFWorld(profile=profile, action_list="never")
    task = environment.tasks("test", "easy")[0]
    episode = environment.start(task)
    before = episode.available_actions()
    step = episode.step(action)
    assert (step.observation, step.reward, step.terminated, step.valid) == ("Nothing happens.", 0.0, False, False)
    assert episode.observation == step.observation
    assert episode.available_actions() == before
    for expert in environment.oracle(task):
        step = episode.step(expert)
    assert step.success


def test_random_play_is_admissible_and_far_below_the_expert(environment: ALFWorld) -> None:
    wins = 0
    for difficulty in environment.difficulties:
        for task in environment.tasks("test", difficulty)[:100]:
            rng = random.Random(task.seed)
            episode = environment.start(task)
            for _ in range(environment.max_turns):
                step = episode.step(episode.random_action(rng))
                assert step.valid
                if step.terminated:
                    wins += 1
                    break
    assert wins <= 20


@pytest.mark.parametrize("profile", ["fixed", "original", "agentgym"])
def test_what_is_listed_is_what_is_understood(profile: str) -> None:
    environment = ALFWorld(profile=profile)
    for task in environment.tasks("test", "hard")[:16]:
        rng = random.Random(task.seed)
        episode = environment.start(task)
        names = re.findall(r"[a-z]+ \d+", " ".join(t.name + "," for t in episode._engine.game.things))
        furniture = [r.name for r in episode._engine.game.receptacles]
        for _ in range(12):
            listed = set(episode.available_actions())
            assert list(episode.available_actions()) == sorted(listed)
            thing, receptacle = rng.choice(names), rng.choice(furniture)
            tried = {
                f"go to {receptacle}", f"open {receptacle}", f"close {receptacle}", f"examine {receptacle}",
                f"examine {thing}", f"use {thing}", f"take {thing} from {receptacle}",
                f"heat {thing} with {receptacle}",
                f"cool {thing} with {receptacle}", f"clean {thing} with {receptacle}", f"move {thing} to {receptacle}",
                f"put {thing} in/on {receptacle}", f"slice {thing} with {rng.choice(names)}", "help",
            }  # fmt: skip
            for action in tried:
                copy = pickle.loads(pickle.dumps(episode))
                assert copy.step(action).valid == (action in listed), (task.id, action)
            episode.step(rng.choice(sorted(listed)))


def test_environment_and_running_episode_survive_pickle(environment: ALFWorld) -> None:
    copy = pickle.loads(pickle.dumps(ALFWorld(profile="agentgym", max_turns=9)))
    assert (copy.config.profile, copy.max_turns) == ("agentgym", 9)
    task = environment.tasks("train", "hard")[0]
    episode = environment.start(task)
    episode.step(str(episode.expert_action()))
    again = pickle.loads(pickle.dumps(episode))
    while (action := episode.expert_action()) is not None:
        assert again.expert_action() == action
        assert again.step(action) == episode.step(action)


TRACE = """
import random
from rftcore.schemas.task import manifest
from rftcore_alfworld.environment import ALFWorld
for profile in ("fixed", "agentgym"):
    world = ALFWorld(profile=profile)
    for split, difficulty in (("train", "easy"), ("train", "hard"), ("test", "easy"), ("test", "hard")):
        tasks = world.tasks(split, difficulty)
        print(manifest(tasks))
        for task in tasks[:: len(tasks) // 20]:
            rng, episode = random.Random(task.seed), world.start(task)
            print(episode.observation)
            for _ in range(4):
                print(episode.step(episode.random_action(rng)).observation, episode.expert_action())
"""


def test_tasks_and_episodes_are_the_same_whatever_the_hash_seed() -> None:
    traces = [in_a_fresh_process(TRACE, PYTHONHASHSEED=seed) for seed in ("0", "1", "2")]
    assert len(traces[0]) > 50_000
    assert traces[0] == traces[1] == traces[2]


def in_a_fresh_process(code: str, **variables: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout


def test_the_plugin_imports_nothing_heavy_and_listing_builds_no_game() -> None:
    code = """
import sys
import rftcore_alfworld.plugin as plugin
[spec] = plugin.rft_environments()
print(sorted({"pydantic", "numpy", "rftcore_alfworld.environment"} & set(sys.modules)))
from rftcore_alfworld import environment
world = environment.ALFWorld()
print(len(world.tasks("train", "easy")), environment._generated.cache_info().currsize)
"""
    assert in_a_fresh_process(code).splitlines() == ["[]", "2400 0"]


def test_a_further_episode_takes_less_than_200_kilobytes(environment: ALFWorld) -> None:
    tasks = environment.tasks("train", "hard")[:120]
    live = [environment.start(task) for task in tasks[:60]]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        live += [environment.start(task) for task in tasks[60:]]
        for episode in live[60:]:
            episode.available_actions()
            episode.expert_action()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / 60 < 200_000


def test_the_vocabulary_covers_what_is_said() -> None:
    for profile in ("fixed", "agentgym"):
        world = ALFWorld(profile=profile, action_list="every")
        known = {word for text in world.vocabulary() for word in re.findall(r"\w+|[^\w\s]", text)}
        for difficulty in world.difficulties:
            for task in world.tasks("test", difficulty)[:60]:
                rng = random.Random(task.seed)
                episode = world.start(task)
                said = [episode.observation, *world.oracle(task), "help", episode.step("help").observation]
                said += [episode.step(episode.random_action(rng)).observation for _ in range(12)]
                assert {word for text in said for word in re.findall(r"\w+|[^\w\s]", text)} <= known
        assert world.facts()["vocabulary_words"] == len(distinct_words(world.vocabulary())) < 250


def test_practice_invents_games_that_are_in_no_list(environment: ALFWorld) -> None:
    rng = random.Random(5)
    lists = (environment.tasks(split, difficulty) for split, difficulty, _ in LISTS)
    listed = {json.dumps([task.data, task.seed]) for tasks in lists for task in tasks}
    for difficulty in environment.difficulties:
        for _ in range(20):
            task = environment.practice_task(rng, difficulty)
            assert json.dumps([task.data, task.seed]) not in listed
            assert int(str(task.data["layout"])) < 120
            turns = len(list(environment.oracle(task)))
            assert (turns <= EASY) == (difficulty == "easy") and turns <= 12
    with pytest.raises(ConfigError, match="difficulty 'medium'"):
        environment.practice_task(rng, "medium")


def test_tasks_that_take_longer_than_the_limit_are_left_out() -> None:
    short = ALFWorld(max_turns=5)
    assert 0 < len(short.tasks("train", "easy")) < 2400
    assert short.tasks("train", "hard") == ()
    assert all(len(list(short.oracle(task))) <= 5 for task in short.tasks("test", "easy"))


def test_instructions_are_compact_carry_no_task_and_speak_the_dialect() -> None:
    moved, put = "move OBJECT to", "put OBJECT in/on"
    for profile, form in (("fixed", moved), ("original", moved), ("agentgym", put)):
        instructions = ALFWorld(profile=profile).instructions
        assert form in instructions
        assert len(instructions.split()) < 90
    assert put in ALFWorld(dialect="0.3").instructions


def test_unknown_options_difficulties_and_games_are_named(environment: ALFWorld, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="profil"):
        ALFWorld(profil="fixed")
    with pytest.raises(ConfigError, match="difficulty 'medium'"):
        environment.tasks("train", "medium")
    task = environment.tasks("train", "easy")[0]
    place = TYPES[0]
    for data in ({}, {"type": "dance", "layout": 0}, {"type": place, "layout": 160}, {"type": place, "layout": -1}):
        with pytest.raises(ConfigError, match="no type and layout"):
            environment.start(task.model_copy(update={"data": data}))
    with pytest.raises(ConfigError, match="option data"):
        environment.start(task.model_copy(update={"data": {"game": "train/x/y"}}))
    with pytest.raises(ConfigError, match="found no json_2"):
        ALFWorld(data=str(tmp_path))
    with pytest.raises(ConfigError, match="name their folder in the option data"):
        ALFWorld(mappings=str(tmp_path))
