"""What a judge is asked about an episode, and which answers count."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Trajectory, Turn
from rftcore_generalization.definitions import DEFINITIONS
from rftcore_generalization.rubric import LONGEST, FailureRubric

RUBRIC = FailureRubric()
NONE = dict.fromkeys(DEFINITIONS, False)


def episode(*actions: str, seen: str = "a hall", **changes: Any) -> Trajectory:
    task = Task(environment="house", id="house/easy/test/0", split="test", difficulty="easy", seed=0)
    turns = tuple(Turn(observation=seen, text=done, action=done, reward=0, valid=done != "fly") for done in actions)
    told: dict[str, Any] = {"status": "truncated", "success": False, "final_observation": "it is late", **changes}
    return Trajectory(task=task, sample=0, turns=turns, ret=0, **told)


def test_a_judge_sees_the_definitions_and_the_whole_episode() -> None:
    asked = RUBRIC.question(episode("look", "fly"))
    assert asked is not None
    system, user = asked
    assert (system["role"], user["role"]) == ("system", "user")
    assert all(f"- {label}: {text}" in system["content"] for label, text in DEFINITIONS.items())
    assert user["content"].splitlines() == [
        "[1] observation: a hall",
        "[1] agent: look",
        "[2] observation: a hall",
        "[2] agent: fly   (not possible)",
        "[end] observation: it is late",
        "The episode ended because turns or context ran out, and was no success.",
    ]


def test_the_task_s_private_answer_is_not_shown() -> None:
    lost = episode("look")
    hidden = lost.model_copy(update={"task": lost.task.model_copy(update={"answer": "under the stairs"})})
    assert RUBRIC.question(hidden) == RUBRIC.question(lost)


def test_a_long_observation_is_cut_in_its_middle() -> None:
    asked = RUBRIC.question(episode("look", seen="A" + "b" * (2 * LONGEST) + "C"))
    assert asked is not None
    shown = asked[1]["content"].splitlines()[0].removeprefix("[1] observation: ")
    assert shown.startswith("Ab") and shown.endswith("bC") and " [...] " in shown
    assert len(shown) == LONGEST + len(" [...] ")


@pytest.mark.parametrize("status", ["timeout", "environment_error", "sampler_error", "budget"])
def test_a_success_and_what_the_machine_spoiled_are_not_asked_about(status: str) -> None:
    assert RUBRIC.question(episode("look", status="completed", success=True)) is None
    assert RUBRIC.question(episode("look", status=status)) is None


@pytest.mark.parametrize("form", ["{}", "\n {} \n", "```json\n{}\n```", "```\n{}\n```"])
def test_an_answer_with_one_boolean_for_each_label_is_read(form: str) -> None:
    answer = json.dumps(NONE | {"wandering": True, "action_loop": True})
    assert RUBRIC.read(form.replace("{}", answer)) == {"wandering", "action_loop"}
    assert RUBRIC.read(form.replace("{}", json.dumps(NONE))) == frozenset()


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I think it wanders.",
        "wandering",
        "null",
        "true",
        "[]",
        json.dumps(list(DEFINITIONS)),
        json.dumps([["wandering", True]]),
        "{}",
        json.dumps({"wandering": True}),
        json.dumps(NONE | {"wandering": "true"}),
        json.dumps(NONE | {"wandering": 1}),
        json.dumps(NONE | {"wandering": None}),
        json.dumps(NONE | {"laziness": True}),
        json.dumps({"labels": NONE}),
        json.dumps(NONE)[:-1],
        json.dumps(NONE)[:-1] + ', "wandering": true}',
        f"Here you are: {json.dumps(NONE)}",
        f"{json.dumps(NONE)}\n{json.dumps(NONE | {'wandering': True})}",
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
    ids=lambda answer: answer[:30],
)
def test_any_other_answer_is_none(answer: str) -> None:
    assert RUBRIC.read(answer) is None


def test_the_examples_are_all_that_was_labelled_by_hand() -> None:
    examples = RUBRIC.examples()
    assert len(examples) == 66 + 70
    assert all(RUBRIC.question(example.trajectory) is not None for example in examples)
    assert {label for example in examples for label in example.labels} == set(RUBRIC.labels)
