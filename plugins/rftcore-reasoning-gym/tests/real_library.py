"""The bridge against reasoning-gym itself; `make test-bridges` runs it where the library is installed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rftcore.errors import ConfigError, EpisodeError
from rftcore.testing import conforms
from rftcore_reasoning_gym.environment import ReasoningGym


@conforms("reasoning-gym", level="full", options={"dataset": "chain_sum"})
def test_chain_sum_keeps_through_the_bridge_what_every_environment_promises(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize(
    "dataset", ["chain_sum", "spell_backward", "leg_counting", "basic_arithmetic", "maze", "countdown"]
)
def test_a_dataset_with_a_curriculum_has_two_difficulties_that_its_own_answers_solve(dataset: str) -> None:
    world = ReasoningGym(dataset=dataset, train=6, test=3)
    assert (world.name, world.difficulties, world.max_turns) == (dataset, ("easy", "hard"), 1)
    questions = {}
    for difficulty in world.difficulties:
        for split in ("train", "test"):
            for task in world.tasks(split, difficulty):
                questions.setdefault(task.data["question"], set()).add(split)
                episode = world.start(task)
                assert episode.step(episode.expert_action()).success
    assert all(len(splits) == 1 for splits in questions.values())


def test_levels_of_the_curriculum_are_disjoint_in_size() -> None:
    world = ReasoningGym(dataset="chain_sum", train=20, test=10)
    terms = {
        name: {str(task.data["question"]).count(" + ") + str(task.data["question"]).count(" - ") + 1
               for task in world.tasks("train", name)}
        for name in world.difficulties
    }  # fmt: skip
    assert max(terms["easy"]) < min(terms["hard"])


def test_arguments_make_difficulties() -> None:
    world = ReasoningGym(
        dataset="spell_backward",
        called="letters",
        difficulties={"short": {"min_word_len": 3, "max_word_len": 3}, "long": {"min_word_len": 8, "max_word_len": 8}},
        train=6,
        test=3,
    )
    assert {len(str(task.answer)) for task in world.tasks("train", "short")} == {3}
    assert {len(str(task.answer)) for task in world.tasks("test", "long")} == {8}
    assert world.tasks("train", "short")[0].id.startswith("letters/short/train/")


def test_another_problem_under_a_tasks_number_is_noticed() -> None:
    world = ReasoningGym(dataset="chain_sum", train=4, test=2)
    task = world.tasks("train", "easy")[0]
    with pytest.raises(EpisodeError, match="is another one than when task"):
        world.start(task.model_copy(update={"data": {"question": "2 + 2 ="}}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "chain_sums"}, r"dataset: found 'chain_sums', expected one of \d+ .* did you mean 'chain_sum'\?"),
        ({"dataset": "chain_sum", "arguments": {"terms": 3}}, r"chain_sum cannot be made with .*TypeError"),
        ({"dataset": "chain_sum", "arguments": {"min_terms": 9}, "difficulties": {"all": {}}}, "max_terms must be"),
        ({"dataset": "chain_sum", "difficulties": {"all": 99}}, r"found level 99, expected 0 to \d+"),
        ({"dataset": "composite"}, r"composite has no curriculum, so no level 0; write arguments instead"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_to_do(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ReasoningGym(**options)


def test_too_few_questions_are_counted() -> None:
    world = ReasoningGym(
        dataset="chain_sum", difficulties={"tiny": {"min_terms": 1, "max_terms": 1, "max_digits": 1}}, train=50, test=25
    )
    with pytest.raises(ConfigError, match=r"found 10 different problems among 1500, .* ask for fewer"):
        world.tasks("train", "tiny")
