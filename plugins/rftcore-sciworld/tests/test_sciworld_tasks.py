from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from rftcore.environment import distinct_words
from rftcore.errors import ConfigError
from rftcore.schemas.task import Task, manifest
from rftcore_sciworld import environment as environment_module
from rftcore_sciworld import tasks
from rftcore_sciworld.environment import SciWorld
from rftcore_sciworld.house import DOORS, walk
from rftcore_sciworld.tasks import EASY, EXCLUDED, VARIATIONS, candidates, stored, variations

ALL = [(split, difficulty) for split in ("train", "test") for difficulty in ("easy", "hard")]


def test_there_are_hundreds_of_tasks_in_every_list() -> None:
    for difficulty in SciWorld.difficulties:
        assert len(SciWorld().tasks("train", difficulty)) >= 300
        assert len(SciWorld().tasks("test", difficulty)) >= 250


def test_task_ids_say_what_they_are_and_never_repeat() -> None:
    seen: set[str] = set()
    for split, difficulty in ALL:
        for task in SciWorld().tasks(split, difficulty):
            assert task.id == f"sciworld/{difficulty}/{split}/{task.data['kind']}/{task.data['variation']}"
            assert (task.split, task.difficulty, task.environment) == (split, difficulty, "sciworld")
            assert (task.data["kind"] in EASY) == (difficulty == "easy")
            seen.add(task.id)
    assert len(seen) == sum(len(SciWorld().tasks(*pair)) for pair in ALL)


def test_the_splits_are_the_simulators_own() -> None:
    # 30 variations in groups of 7: two groups to train, one to develop, the rest to test.
    assert variations("boil", "train") == list(range(14))
    assert variations("boil", "test") == list(range(21, 30))
    # 14 variations in groups of 3.
    assert variations("identify-life-stages-1", "train") == [0, 1, 2, 3, 4, 5]
    assert variations("identify-life-stages-1", "test") == [9, 10, 11, 12, 13]
    assert len(VARIATIONS) == 30
    assert sum(VARIATIONS.values()) == 7207


def test_kinds_take_turns_so_the_first_tasks_cover_most_of_them() -> None:
    first = [task.data["kind"] for task in SciWorld().tasks("train", "easy")[:8]]
    assert sorted(map(str, first)) == sorted(EASY)
    assert len({task.data["kind"] for task in SciWorld().tasks("train", "hard")[:20]}) >= 10


def test_a_shorter_horizon_keeps_the_tasks_that_fit_in_it() -> None:
    def fitting(turns: int) -> set[str]:
        return {task.id for task in SciWorld(max_turns=turns).tasks("train", "hard")}

    assert fitting(12) < fitting(30) < fitting(100)
    assert fitting(1) == set()
    measured = zip(candidates("use-thermometer", "train"), stored()["use-thermometer"]["train"], strict=False)
    shortest = {f"sciworld/hard/train/use-thermometer/{variation}" for variation, turns in measured if 0 < turns <= 18}
    assert {task for task in fitting(18) if "/use-thermometer/" in task} == shortest != set()


def test_agentgyms_items_are_the_variations_of_one_kind_after_the_other() -> None:
    world = SciWorld(profile="agentgym")
    assert world.task(0).id == "sciworld/hard/train/boil/0"
    assert world.task(29).id == "sciworld/hard/test/boil/29"  # the last quarter of 30
    assert world.task(30).id == "sciworld/hard/train/melt/0"
    # 15 kinds of 30, 30, 30, 30, 540, 436, 300, 20, 20, 900, 600, 300, 300, 300 and 300 come before the plants to grow,
    # which are left out.
    assert world.task(4136).id == "sciworld/hard/train/chemistry-mix/0"
    assert world.task(4464).id == "sciworld/easy/test/lifespan-shortest-lived/99"  # 32, 36, 36, 125 and 99 later
    # 7,207 without 126, 126, 168, 1,386, 162, 120 and 480.
    assert world.task(4638).id == "sciworld/hard/test/identify-life-stages-2/9"
    for number in (-1, 4639):
        with pytest.raises(ConfigError, match=f"found item {number} of sciworld, expected 0 to 4638"):
            world.task(number)


def test_agentgym_leaves_seven_kinds_out(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = {"boil": {"train": [20, 31]}, "grow-plant": {"train": [49]}, "chemistry-mix": {"train": [0, 17]}}
    monkeypatch.setattr(tasks, "stored", lambda: measured)
    try:
        for function in (tasks.listed, environment_module._tasks):
            function.cache_clear()
        listed = {
            profile: [task.data["kind"] for task in SciWorld(profile=profile, max_turns=100).tasks("train", "hard")]
            for profile in ("fixed", "agentgym")
        }
    finally:
        for function in (tasks.listed, environment_module._tasks):
            function.cache_clear()
    # The first of each kind in the order of the paper, then the second; a 0 is no task.
    assert listed["fixed"] == ["boil", "grow-plant", "chemistry-mix", "boil"]
    assert listed["agentgym"] == ["boil", "chemistry-mix", "boil"]
    assert len(EXCLUDED) == 7


def test_the_hard_kinds_are_longer() -> None:
    facts = SciWorld().facts()
    assert 4 < float(facts["expert_turns_easy"]) < 12 < float(facts["expert_turns_hard"]) < 30
    assert facts["lists_actions"] is False
    assert SciWorld(action_list="first").facts()["lists_actions"] is True
    assert facts["vocabulary_words"] == len(distinct_words(SciWorld().vocabulary())) > 300


def test_unknown_difficulties_kinds_variations_and_options_are_named() -> None:
    def task(**data: object) -> Task:
        return Task.model_validate(
            {"environment": "sciworld", "id": "t", "split": "test", "difficulty": "easy", "seed": 1, "data": data}
        )

    with pytest.raises(ConfigError, match=r"'medium'.*easy, hard"):
        SciWorld().tasks("train", "medium")
    with pytest.raises(ConfigError, match=r"'fly'.*boil"):
        SciWorld().start(task(kind="fly", variation=0))
    with pytest.raises(ConfigError, match=r"variation 30, expected 0 to 29 for boil"):
        SciWorld().start(task(kind="boil", variation=30))
    with pytest.raises(ValidationError, match="profil"):
        SciWorld(profil="fixed")
    with pytest.raises(ValidationError, match="max_turns"):
        SciWorld(max_turns=0)


def test_an_environment_survives_pickling() -> None:
    environment = SciWorld(profile="agentgym", action_list="first", max_turns=17)
    again = pickle.loads(pickle.dumps(environment))
    assert again.config == environment.config
    assert again.max_turns == 17
    assert manifest(again.tasks("test", "hard")) == manifest(environment.tasks("test", "hard"))


LISTING = """
import sys
import rftcore_sciworld.plugin as plugin
[spec] = plugin.rft_environments()
heavy = {"pydantic", "py4j", "scienceworld"}
print(spec.name, spec.target, sorted(heavy & set(sys.modules)))
from rftcore.schemas.task import manifest
from rftcore_sciworld.environment import SciWorld
environment = SciWorld()
lists = [environment.tasks(split, difficulty) for split in ("train", "test") for difficulty in ("easy", "hard")]
environment.facts(), environment.vocabulary()
print(sorted((heavy - {"pydantic"}) & set(sys.modules)), [manifest(tasks) for tasks in lists])
"""


def test_tasks_are_listed_without_java_and_are_the_same_whatever_the_hash_seed(tmp_path: Path) -> None:
    told = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PATH": str(tmp_path), "JAVA_HOME": ""}
        done = subprocess.run(
            [sys.executable, "-c", LISTING], env=environment, capture_output=True, text=True, check=True, timeout=60
        )
        told.add(done.stdout)
    [lines] = told
    assert lines.splitlines()[0] == "sciworld rftcore_sciworld.environment:SciWorld []"
    here = [manifest(SciWorld().tasks(*pair)) for pair in ALL]
    assert lines.splitlines()[1] == f"[] {here}"


def test_walks_go_by_the_fewest_doors() -> None:
    assert walk("kitchen", "kitchen") == ()
    assert walk("bathroom", "foundry") == (
        "open door to kitchen",
        "go to kitchen",
        "open door to outside",
        "go to outside",
        "open door to foundry",
        "go to foundry",
    )
    assert len(walk("bedroom", "outside")) == 6
    assert all(here in DOORS[there] for here, doors in DOORS.items() for there in doors)
