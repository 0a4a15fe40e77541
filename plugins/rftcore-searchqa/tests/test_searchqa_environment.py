from __future__ import annotations

import os
import pickle
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from rftcore.environment import distinct_words
from rftcore.errors import ConfigError
from rftcore.schemas.task import Task
from rftcore_searchqa.environment import SearchQA
from rftcore_searchqa.questions import Question

LISTS = [(split, difficulty) for difficulty in ("easy", "hard") for split in ("train", "test")]
SIZES = {"train": 2400, "test": 400}

PRINT_TASKS = """
import hashlib
from rftcore.schemas.task import manifest
from rftcore_searchqa.environment import SearchQA

world = SearchQA()
said = hashlib.sha256()
for split in ("train", "test"):
    for difficulty in world.difficulties:
        tasks = world.tasks(split, difficulty)
        print(manifest(tasks))
        for task in tasks[:40]:
            episode = world.start(task)
            said.update(episode.observation.encode())
            said.update(episode.step(str(episode.expert_action())).observation.encode())
print(said.hexdigest(), *world.vocabulary()[:50])
"""


@pytest.fixture(scope="module")
def environment() -> SearchQA:
    return SearchQA()


def test_the_lists_have_the_sizes_that_the_readme_states(environment: SearchQA) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for split, difficulty in LISTS:
        tasks = environment.tasks(split, difficulty)  # type: ignore[arg-type]
        assert len(tasks) == SIZES[split]
        assert f"| {difficulty} | {split} | {len(tasks):,} |" in readme


def test_no_question_is_asked_twice_in_any_list(environment: SearchQA) -> None:
    tasks = [task for split, difficulty in LISTS for task in environment.tasks(split, difficulty)]  # type: ignore[arg-type]
    assert len(tasks) == len({task.id for task in tasks}) == len({task.data["question"] for task in tasks}) == 5600
    assert all(re.fullmatch(r"searchqa/(easy|hard)/(train|test)/\d{6}", task.id) for task in tasks)


def test_practice_asks_what_no_list_asks_and_the_expert_can_answer_it(environment: SearchQA) -> None:
    listed = {task.data["question"] for split, difficulty in LISTS for task in environment.tasks(split, difficulty)}  # type: ignore[arg-type]
    held = {Question.of(task).hops[0] for task in environment.tasks("test", "easy")}
    for difficulty in environment.difficulties:
        tasks = [environment.practice_task(random.Random(seed), difficulty) for seed in range(40)]
        assert not listed & {task.data["question"] for task in tasks}
        assert not held & {hop for task in tasks for hop in Question.of(task).hops}
        assert all([*environment.oracle(task)][-1].startswith("<answer>") for task in tasks)
        assert [environment.practice_task(random.Random(seed), difficulty) for seed in range(40)] == tasks
    with pytest.raises(ConfigError, match="expected one of: easy, hard"):
        environment.practice_task(random.Random(0), "medium")


def test_what_an_easy_test_task_asks_is_on_no_path_of_a_train_task(environment: SearchQA) -> None:
    # A thing may be asked for under two names; its title and the words around the name say what is asked.
    def asked(task: Task) -> set[tuple[str, str]]:
        hops = Question.of(task).hops
        return {(hop.title, re.sub(r"(the )?[A-Z]\w*( [A-Z]\w*)+", "X", hop.query)) for hop in hops}

    held = {fact for task in environment.tasks("test", "easy") for fact in asked(task)}
    assert len(held) == 400
    for difficulty in environment.difficulties:
        assert not [task.id for task in environment.tasks("train", difficulty) if asked(task) & held]


def test_easy_is_one_hop_and_hard_is_two_to_four_or_a_comparison(environment: SearchQA) -> None:
    forms: dict[str, set[int]] = {}
    for split, difficulty in LISTS:
        for task in environment.tasks(split, difficulty):  # type: ignore[arg-type]
            assert (task.data["form"] == "1 hop") == (difficulty == "easy")
            forms.setdefault(str(task.data["form"]), set()).add(len(Question.of(task).hops))
    assert forms == {
        "1 hop": {1},
        "2 hops": {2},
        "3 hops": {3},
        "4 hops": {4},
        "comparison": {2},
        "comparison of 2 hops": {4},
    }


def test_no_question_contains_its_answer_but_a_comparison(environment: SearchQA) -> None:
    for split, difficulty in LISTS:
        for task in environment.tasks(split, difficulty):  # type: ignore[arg-type]
            question = Question.of(task)
            if task.data["form"] != "comparison":
                assert not [gold for gold in question.golds if f" {gold}" in question.text], task.id


@pytest.mark.parametrize(("split", "difficulty"), LISTS)
def test_the_expert_answers_every_task_and_each_passage_of_the_path_is_among_the_best_three(
    environment: SearchQA, split: str, difficulty: str
) -> None:
    for task in environment.tasks(split, difficulty):  # type: ignore[arg-type]
        episode = environment.start(task)
        hops = list(Question.of(task).hops)
        for turn in range(environment.max_turns):
            assert turn <= len(Question.of(task).hops)
            action = episode.expert_action()
            assert action is not None
            step = episode.step(action)
            assert step.valid
            if step.terminated:
                break
            hops = [hop for hop in hops if f'(Title: "{hop.title}")' not in step.observation]
        assert step.success and step.reward == 1.0, task.id
        assert hops == [], task.id


def test_random_play_is_far_below_the_expert(environment: SearchQA) -> None:
    wins = 0
    for difficulty in environment.difficulties:
        for task in environment.tasks("test", difficulty)[:200]:
            rng = random.Random(task.seed)
            episode = environment.start(task)
            for _ in range(environment.max_turns):
                step = episode.step(episode.random_action(rng))
                assert step.valid
                if step.terminated:
                    break
            wins += step.success
    assert wins <= 60


def test_the_expert_recovers_from_searches_that_lead_nowhere(environment: SearchQA) -> None:
    for task in environment.tasks("test", "hard")[:100]:
        rng = random.Random(task.seed)
        episode = environment.start(task)
        for _ in range(3):
            action = episode.random_action(rng)
            episode.step(action if action.startswith("<search>") else "nonsense")
        for _ in range(environment.max_turns):
            step = episode.step(str(episode.expert_action()))
        assert step.success
        assert episode.expert_action() is None


def test_hash_seeds_change_nothing() -> None:
    printed = {
        subprocess.run(
            [sys.executable, "-c", PRINT_TASKS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(printed) == 1


def test_environment_and_running_episode_survive_pickle_without_the_corpus(environment: SearchQA) -> None:
    message = pickle.dumps(SearchQA(max_turns=9, answer_policy="retry"))
    assert len(message) < 2_000
    copy = pickle.loads(message)
    assert (copy.max_turns, copy.config.answer_policy) == (9, "retry")
    episode = environment.start(environment.tasks("train", "hard")[2])
    episode.step(str(episode.expert_action()))
    message = pickle.dumps(episode)
    assert len(message) < 20_000
    again = pickle.loads(message)
    while (action := episode.expert_action()) is not None:
        assert again.expert_action() == action
        assert again.step(action) == episode.step(action)


@pytest.mark.parametrize("profile", ["fixed", "agentgym"])
def test_the_vocabulary_covers_what_is_said_and_stays_small(profile: str) -> None:
    environment = SearchQA(profile=profile, action_list="every")
    known = {word for text in environment.vocabulary() for word in re.findall(r"\w+|[^\w\s]", text)}
    for difficulty in environment.difficulties:
        for task in environment.tasks("test", difficulty)[:60]:
            rng = random.Random(task.seed)
            episode = environment.start(task)
            said = [
                environment.instructions,
                episode.observation,
                *environment.oracle(task),
                episode.step("").observation,
            ]
            said += [episode.step(episode.random_action(rng)).observation for _ in range(5)]
            assert {word for text in said for word in re.findall(r"\w+|[^\w\s]", text)} <= known
    assert len(distinct_words(environment.vocabulary())) <= 1_100


def test_facts_say_what_the_report_prints(environment: SearchQA) -> None:
    facts = environment.facts()
    assert facts["lists_actions"] is False and SearchQA(action_list="first").facts()["lists_actions"] is True
    assert (facts["expert_turns_easy"], facts["expert_turns_hard"]) == (2.0, 4.0)
    assert (facts["profile"], facts["answer_policy"], facts["deterministic"]) == ("fixed", "final", True)
    assert SearchQA(profile="agentgym").facts()["answer_policy"] == "retry"


def test_unknown_options_difficulties_and_questions_are_named(environment: SearchQA) -> None:
    with pytest.raises(ValidationError, match="profil"):
        SearchQA(profil="fixed")
    with pytest.raises(ConfigError, match="'medium' of searchqa, expected one of: easy, hard"):
        environment.tasks("train", "medium")
    task = environment.tasks("train", "easy")[0]
    for broken in (
        {"data": {}},
        {"answer": None},
        {"answer": {"golds": [], "hops": []}},
        {"answer": {"golds": ["x"], "hops": [["q"]]}},
    ):
        with pytest.raises(ConfigError, match="is no question"):
            environment.start(task.model_copy(update=broken))
