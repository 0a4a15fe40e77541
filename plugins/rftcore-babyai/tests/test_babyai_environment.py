from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys

import pytest
from pydantic import ValidationError

from rftcore.errors import ConfigError
from rftcore.schemas.task import Task, manifest
from rftcore_babyai.environment import BabyAI
from rftcore_babyai.levels import GROUPS, LEVELS
from rftcore_babyai.tasks import LIMITS, listed
from rftcore_babyai.verify import expert_turns, fingerprint

SPLITS = ("train", "test")
ALL = [(split, difficulty) for split in SPLITS for difficulty in GROUPS]


def in_a_fresh_process(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout


def test_there_are_thousands_of_train_tasks_and_hundreds_of_test_tasks() -> None:
    for difficulty in GROUPS:
        assert len(BabyAI().tasks("train", difficulty)) >= 2000
        assert len(BabyAI().tasks("test", difficulty)) >= 200


def test_task_ids_say_what_they_are_and_never_repeat() -> None:
    seen: set[str] = set()
    for split, difficulty in ALL:
        for task in BabyAI().tasks(split, difficulty):
            assert task.id == f"babyai/{difficulty}/{split}/{task.data['level']}/{task.seed}"
            assert (task.split, task.difficulty, task.environment) == (split, difficulty, "babyai")
            assert (task.seed >= 1_000_000) == (split == "test")
            seen.add(task.id)
    assert len(seen) == sum(len(BabyAI().tasks(*pair)) for pair in ALL)


def test_no_task_is_one_of_agentgyms() -> None:
    assert all(task.seed >= 1000 for pair in ALL for task in BabyAI().tasks(*pair))


def test_the_first_tasks_cover_every_level_of_the_difficulty() -> None:
    for split, difficulty in ALL:
        levels = [task.data["level"] for task in BabyAI().tasks(split, difficulty)]
        whole = set(levels)
        assert set(levels[: len(whole)]) == whole
        assert whole <= {LEVELS[number] for number in GROUPS[difficulty]}
        assert len(whole) >= len(GROUPS[difficulty]) - 1


def test_a_shorter_horizon_keeps_the_tasks_that_fit_in_it() -> None:
    short = BabyAI(max_turns=3).tasks("train", "hard")
    expected = [(level, seed) for level, seed, turns in listed("train", "hard") if turns <= 3]
    assert [(task.data["level"], task.seed) for task in short] == expected
    assert 0 < len(short) < len(BabyAI().tasks("train", "hard"))


def test_stored_turns_are_what_the_expert_takes_and_gaps_are_no_tasks() -> None:
    assert expert_turns("KeyInBox", 1000, 20) == 0
    for difficulty, limit in LIMITS.items():
        tasks = listed("train", difficulty)
        assert max(turns for _, _, turns in tasks) <= limit
        for level, seed, turns in tasks[7 :: len(tasks) // 12]:
            assert expert_turns(level, seed, limit) == turns


def test_small_levels_do_not_repeat_a_train_world_in_the_test_split() -> None:
    worlds = {
        split: [fingerprint(level, seed) for level, seed, _ in listed(split, "easy") if level == "OpenRedDoor"]
        for split in ("train", "test")
    }
    assert len(set(worlds["train"])) == len(worlds["train"]) > 50
    assert len(set(worlds["test"])) == len(worlds["test"]) > 0
    assert not set(worlds["train"]) & set(worlds["test"])


def test_unknown_difficulties_levels_and_options_are_named() -> None:
    with pytest.raises(ConfigError, match=r"'medium'.*easy or hard"):
        BabyAI().tasks("train", "medium")
    task = Task(environment="babyai", id="t", split="test", difficulty="easy", seed=1, data={"level": "GoToMars"})
    with pytest.raises(ConfigError, match=r"'GoToMars'.*GoToRedBall"):
        BabyAI().start(task)
    with pytest.raises(ValidationError, match="profil"):
        BabyAI(profil="fixed")
    with pytest.raises(ValidationError, match="max_turns"):
        BabyAI(max_turns=0)


def test_missions_that_wait_for_an_action_the_text_lacks_are_refused() -> None:
    code = """
from rftcore.errors import ConfigError
from rftcore_babyai.environment import BabyAI
try:
    BabyAI().start(BabyAI().tasks("test", "easy")[0])
except ConfigError as error:
    print(error)
"""
    assert "unset it" in in_a_fresh_process(code, BABYAI_DONE_ACTIONS="1")


TRACE = """
import random
from rftcore.schemas.task import manifest
from rftcore_babyai.environment import BabyAI
environment = BabyAI()
print(manifest(environment.tasks("test", "easy")), manifest(environment.tasks("test", "hard")))
for task in (*environment.tasks("test", "easy")[:14], *environment.tasks("test", "hard")[:4]):
    episode, rng = environment.start(task), random.Random(task.id)
    print(episode.observation)
    for turn in range(4):
        action = episode.expert_action() if turn % 2 else episode.random_action(rng)
        step = episode.step(action or "turn left")
        print(action, step)
        if step.terminated or step.truncated:
            break
"""


def test_tasks_and_episodes_are_the_same_whatever_the_hash_seed() -> None:
    first, *others = (in_a_fresh_process(TRACE, PYTHONHASHSEED=seed) for seed in ("0", "1", "2"))
    assert len(first) > 10_000
    assert others == [first, first]


def test_tasks_are_listed_without_loading_minigrid_and_the_plugin_without_loading_anything() -> None:
    code = """
import sys
import rftcore_babyai.plugin as plugin
[spec] = plugin.rft_environments()
heavy = {"pydantic", "numpy", "minigrid", "pygame", "gymnasium"}
print(spec.name, spec.target, sorted(heavy & set(sys.modules)))
from rftcore_babyai.environment import BabyAI
BabyAI().tasks("train", "easy")
print(sorted((heavy - {"pydantic"}) & set(sys.modules)))
"""
    assert in_a_fresh_process(code).splitlines() == ["babyai rftcore_babyai.environment:BabyAI []", "[]"]


def test_nothing_is_printed_where_minigrid_prints(capfd: pytest.CaptureFixture[str]) -> None:
    import gymnasium
    import minigrid  # noqa: F401

    gymnasium.make("BabyAI-Unlock-v0").reset(seed=2)
    assert "Sampling rejected" in capfd.readouterr().out
    task = Task(environment="babyai", id="t", split="test", difficulty="hard", seed=2, data={"level": "Unlock"})
    episode = BabyAI().start(task)
    episode.expert_action()
    assert capfd.readouterr() == ("", "")


def test_an_environment_survives_pickling() -> None:
    environment = BabyAI(profile="agentgym", action_list="first", max_turns=7)
    again = pickle.loads(pickle.dumps(environment))
    assert again.config == environment.config
    assert again.max_turns == 7
    task = environment.tasks("test", "easy")[0]
    assert again.start(task).observation == environment.start(task).observation
    assert manifest(again.tasks("test", "easy")) == manifest(environment.tasks("test", "easy"))


def test_the_vocabulary_covers_every_word_of_observations_and_actions() -> None:
    def words(text: str) -> set[str]:
        return set(re.findall(r"[A-Za-z']+|\d+|[^\sA-Za-z\d]", text))

    known = set().union(*map(words, BabyAI().vocabulary()))
    unknown: set[str] = set()
    environment = BabyAI()
    for difficulty in GROUPS:
        for task in environment.tasks("test", difficulty)[:28]:
            episode = environment.start(task)
            unknown |= words(episode.observation) - known
            for action in ("check available actions", "drop", "nonsense", episode.expert_action() or "toggle"):
                if not episode.observation.count("completed"):
                    unknown |= words(episode.step(action).observation) - known
    assert unknown == set()


def test_facts_tell_whether_actions_are_listed_and_how_long_the_expert_plays() -> None:
    facts = BabyAI(action_list="never").facts()
    assert facts["lists_actions"] is False
    assert BabyAI().facts()["lists_actions"] is True
    assert 1.0 < float(facts["expert_turns_easy"]) < 3.0 < float(facts["expert_turns_hard"]) < 12.0
    short = [turns for _, _, turns in listed("train", "hard") if turns <= 3]
    assert BabyAI(max_turns=3).facts()["expert_turns_hard"] == round(sum(short) / len(short), 2)
    words = {word for text in BabyAI().vocabulary() for word in re.findall(r"[a-z]+|[0-9]+", text.lower())}
    assert facts["vocabulary_words"] == len(words)


def test_facts_say_which_tasks_a_short_horizon_leaves_out() -> None:
    assert "left_out" not in BabyAI().facts()
    hard = [turns for _, _, turns in listed("test", "hard")]
    longer = sum(turns > 6 for turns in hard)
    left_out = BabyAI(max_turns=6).facts()["left_out"]
    assert left_out == f"{longer} of {len(hard)} hard test tasks: the expert needs more than max_turns = 6 turns"
    assert len(BabyAI(max_turns=6).tasks("test", "hard")) == len(hard) - longer


def test_the_instructions_are_short_and_name_every_kind_of_action() -> None:
    instructions = BabyAI.instructions
    assert len(instructions.split()) <= 60
    for action in ("turn left", "move forward", "go to", "pickup", "drop", "toggle", "go through", "toggle and go"):
        assert action in instructions
