"""The same tasks behind another interface: what changes, what stays, and what is refused."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from rftcore import registry
from rftcore.environment import Environment, Episode
from rftcore.errors import ConfigError
from rftcore.testing import conforms
from rftcore_shift.distractors import SENTENCES
from rftcore_shift.environment import Shift

INNER = ("textcraft", "babyai", "alfworld")
SHIFTS: dict[str, dict[str, Any]] = {
    "listed": {"action_list": "every"},
    "unlisted": {"action_list": "never"},
    "renamed": {"renamed": True},
    "json": {"syntax": "json"},
    "tool": {"syntax": "tool"},
    "dense": {"feedback": "dense"},
    "sparse": {"feedback": "sparse"},
    "distractors2": {"distractors": 2},
    "paraphrased": {"paraphrased": True},
}
STACKED = {
    "action_list": "first",
    "renamed": True,
    "syntax": "tool",
    "feedback": "dense",
    "distractors": 1,
    "paraphrased": True,
}


@cache
def inner(name: str) -> Environment:
    made: Environment = registry.create("environment", name, {"action_list": "never"})
    return made


@cache
def shifted(name: str, shift: str) -> Shift:
    return Shift(environment=name, **SHIFTS[shift])


def played(environment: Environment, task: Any, turns: int | None = None) -> list[Any]:
    """Return the first observation and the steps of the expert."""
    episode = environment.start(task)
    seen: list[Any] = [episode.observation]
    for _ in range(turns or environment.max_turns):
        action = episode.expert_action()
        if action is None:
            break
        seen.append(episode.step(action))
        if seen[-1].terminated:
            break
    episode.close()
    return seen


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("name", INNER)
def test_the_expert_succeeds_through_every_shift_and_earns_what_it_earns_without(name: str, shift: str) -> None:
    environment = shifted(name, shift)
    assert environment.name == f"{name}-{shift}"
    for difficulty in environment.difficulties:
        for number in (0, 7):
            task = environment.tasks("test", difficulty)[number]
            plain = played(inner(name), inner(name).tasks("test", difficulty)[number])
            steps = played(environment, task)
            assert steps[-1].success
            assert [step.valid for step in steps[1:]] == [True] * (len(plain) - 1)
            assert steps[-1].reward == plain[-1].reward


@pytest.mark.parametrize("name", INNER)
def test_lists_are_those_of_the_environment_within_under_another_name(name: str) -> None:
    environment = shifted(name, "json")
    own, moved = inner(name).tasks("test", "hard"), environment.tasks("test", "hard")
    assert [(task.seed, task.data, task.answer, task.family) for task in moved] == [
        (task.seed, task.data, task.answer, task.family) for task in own
    ]
    assert moved[0].id == f"{name}-json/" + own[0].id.removeprefix(f"{name}/")
    assert {task.environment for task in moved} == {f"{name}-json"}


@pytest.mark.parametrize("shift", ["renamed", "json", "tool"])
@pytest.mark.parametrize("name", INNER)
def test_what_is_listed_and_drawn_is_understood_and_the_own_syntax_is_not(name: str, shift: str) -> None:
    environment = shifted(name, shift)
    task = environment.tasks("train", "easy")[3]
    episode, plain = environment.start(task), inner(name).start(inner(name).tasks("train", "easy")[3])
    ours, theirs = episode.available_actions(), plain.available_actions()
    assert ours is not None and theirs is not None and len(ours) == len(theirs)
    assert not set(ours) & set(theirs)
    assert episode.random_action(random.Random(5)) == ours[theirs.index(plain.random_action(random.Random(5)))]
    for action in theirs[:3]:
        assert not environment.start(task).step(action).valid
    both = [
        (environment.start(task).step(new), inner(name).start(own_task(name)).step(old))
        for new, old in zip(ours, theirs, strict=True)
    ]
    assert [a.valid for a, _ in both] == [b.valid for _, b in both]


def own_task(name: str) -> Any:
    return inner(name).tasks("train", "easy")[3]


@pytest.mark.parametrize("name", INNER)
def test_a_near_miss_is_answered_like_nonsense_in_the_environment_within(name: str) -> None:
    nonsense = inner(name).start(own_task(name)).step("xxxxxxxxxx").observation
    for shift in ("renamed", "json", "tool"):
        environment = shifted(name, shift)
        action = environment.start(environment.tasks("train", "easy")[3]).expert_action()
        assert action is not None
        for miss in (action[1:], f"x{action}", action[:-1] + "~"):
            step = environment.start(environment.tasks("train", "easy")[3]).step(miss)
            assert not step.valid
            if name != "textcraft":  # which tells reasons apart and quotes
                assert step.observation.partition("\nAvailable")[0] == nonsense
    episode = shifted("textcraft", "json").start(shifted("textcraft", "json").tasks("train", "easy")[3])
    assert episode.step('{"action": "inventory"').observation == 'Could not execute {"action": "inventory"'
    assert episode.step("inventory").observation == "Could not execute inventory"


def test_the_list_is_there_as_asked_and_else_as_within() -> None:
    def first(**options: Any) -> str:
        environment = Shift(environment="babyai", **options)
        return environment.start(environment.tasks("test", "easy")[0]).observation

    assert "Available actions: [" in first(paraphrased=True)
    assert "Available actions: [" not in first(action_list="never")
    assert "Available actions: [" not in first(paraphrased=True, options={"action_list": "never"})
    assert shifted("babyai", "unlisted").facts()["lists_actions"] is False
    assert shifted("textcraft", "listed").facts()["lists_actions"] is True


def test_dense_feedback_says_what_was_possible_and_earned() -> None:
    environment = shifted("babyai", "dense")
    steps = played(environment, environment.tasks("test", "easy")[0])[1:]
    lines = [next(line for line in step.observation.split("\n") if line.startswith("Feedback:")) for step in steps]
    earned = f"{steps[-1].reward:.2f}"
    left = environment.max_turns - len(steps)
    assert (
        lines[-1] == f"Feedback: the action was understood and possible; earned so far: {earned}; turns left: {left}."
    )
    wrong = environment.start(environment.tasks("test", "easy")[0]).step("fly")
    assert "Feedback: the action was not understood or not possible; earned so far: 0.00" in wrong.observation


class Paying(Episode):
    """Pays a quarter at each of four steps, then ends."""

    def __init__(self) -> None:
        self.observation, self.count = "start", 0

    def step(self, action: str) -> Any:
        from rftcore.environment import Step

        self.count += 1
        self.observation = f"step {self.count}"
        return Step(self.observation, 0.25, terminated=self.count == 4, valid=action == "go")


@pytest.mark.parametrize(("returns", "paid"), [("last", 0.25), ("sum", 1.0), ("max", 0.25)])
def test_sparse_feedback_pays_the_whole_return_at_the_end_and_explains_nothing(returns: Any, paid: float) -> None:
    from rftcore_shift.episode import Interface, ShiftedEpisode

    interface = Interface(None, "never", "sparse", (), 0, False, 0, returns, 4)
    episode = ShiftedEpisode(Paying(), interface, "task")
    steps = [episode.step(action) for action in ("go", "fly", "go", "go")]
    assert [step.reward for step in steps] == [0.0, 0.0, 0.0, paid]
    assert [step.observation for step in steps] == ["step 1", "Nothing happens.", "step 3", "step 4"]
    assert episode.step("go") == steps[-1]


@pytest.mark.parametrize("name", INNER)
def test_distractors_are_added_and_take_nothing_away(name: str) -> None:
    environment = shifted(name, "distractors2")
    words = set(inner(name).vocabulary())
    plain = played(inner(name), inner(name).tasks("test", "hard")[0])
    steps = played(environment, environment.tasks("test", "hard")[0])
    texts = [steps[0], *(step.observation for step in steps[1:])]
    for text, own in zip(texts, [plain[0], *(step.observation for step in plain[1:])], strict=True):
        lines = text.partition("\nAvailable actions")[0].split("\n")
        added = [line for line in lines if line in SENTENCES.values()]
        assert len(added) == 2
        assert "\n".join(line for line in lines if line not in added) == own
    assert not words & set(SENTENCES)
    assert len(set(texts)) > 1


@pytest.mark.parametrize("name", [*INNER, "webshop", "searchqa"])
def test_a_paraphrase_changes_the_wording_and_no_number_and_no_name(name: str) -> None:
    environment = Shift(environment=name, paraphrased=True, action_list="never")
    changed = 0
    for number in range(4):
        plain = inner(name).start(inner(name).tasks("test", "easy")[number])
        episode = environment.start(environment.tasks("test", "easy")[number])
        changed += episode.observation != plain.observation
        assert digits(episode.observation) == digits(plain.observation)
        named = {word for action in plain.available_actions() or () for word in action.split()[-2:]}
        assert {word for word in named if word in plain.observation} == {
            word for word in named if word in plain.observation and word in episode.observation
        }
        assert not episode.step("fly").valid
        changed += episode.observation != plain.step("fly").observation
    assert changed >= 4


def digits(text: str) -> list[str]:
    return ["".join(part) for part in text.split() if part.strip(".,:").isdecimal()]


def test_the_private_answer_is_in_no_observation() -> None:
    environment = Shift(environment="searchqa", syntax="json", feedback="dense", distractors=1, paraphrased=True)
    task = environment.tasks("test", "easy")[0]
    assert isinstance(task.answer, dict)
    task = task.model_copy(update={"answer": task.answer | {"golds": ["zqxanswer"]}})
    episode = environment.start(task)
    texts = [episode.observation]
    for action in ('{"action": "search", "query": "when"}', "zq", '{"action": "answer", "answer": "no"}'):
        texts.append(episode.step(action).observation)
    assert "zqxanswer" not in "".join([*texts, environment.instructions])


LOOK = """
from rftcore_shift.environment import Shift
environment = Shift(environment="textcraft", renamed=True, distractors=3, paraphrased=True, seed=4)
episode = environment.start(environment.tasks("test", "hard")[2])
print(environment.instructions, episode.observation, episode.step("x").observation, sep="|")
"""


def test_another_hash_seed_changes_nothing() -> None:
    texts = {
        subprocess.run(
            [sys.executable, "-c", LOOK], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


def test_another_seed_is_another_environment() -> None:
    one, two = (Shift(environment="textcraft", renamed=True, seed=seed) for seed in (0, 1))
    assert (one.name, two.name) == ("textcraft-renamed", "textcraft-renamed-seed1")
    assert one.instructions != two.instructions


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"environment": "babyai"}, "found nothing that is shifted, expected one option at least of action_list, ren"),
        ({"environment": "babyai", "paraphrased": True, "version": "0"}, "babyai with behaviour version 1, expected 0"),
        (
            {"environment": "babyai", "paraphrased": True, "options": {"max_turn": 3}},
            "options of babyai.max_turn: unkno",
        ),
        ({"environment": "shift", "renamed": True}, "found 'shift', expected another one; one shift has an option for"),
    ],
)
def test_what_cannot_be_shifted_says_why(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Shift(**options)


def test_what_is_within_is_written_into_the_configuration() -> None:
    environment = Shift(environment="babyai", renamed=True)
    assert environment.config.version == registry.spec("environment", "babyai").version
    assert environment.config.options == {"profile": "fixed", "action_list": "every", "max_turns": 20}
    assert Shift(environment.config).name == environment.name


@conforms("shift", level="light", options={"environment": "textcraft", **STACKED})
def test_a_stack_of_shifts_keeps_what_every_environment_promises(check: Callable[[], None]) -> None:
    check()
