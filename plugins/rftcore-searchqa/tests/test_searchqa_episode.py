from __future__ import annotations

import time
from typing import Any

import pytest

from rftcore.environment import Step
from rftcore_searchqa.environment import SearchQA
from rftcore_searchqa.episode import SearchEpisode
from rftcore_searchqa.questions import Hop, Question
from rftcore_searchqa.retriever import Passage

PASSAGES = ['"Brell"\nBrell is a town.', '"Tarn"\nTarn founded Brell in 1880.', '"Only a title"']
QUESTION = Question("Who founded Brell?", ("Tarn", "the Grey Heron"), (Hop("Brell founder", "Tarn"),))


class Shelf:
    """Returns the same passages for every query, and remembers the queries."""

    def __init__(self) -> None:
        self.queries: list[str] = []

    def search(self, query: str, topk: int) -> list[Passage]:
        self.queries.append(query)
        return [Passage(contents, 1.0) for contents in PASSAGES[:topk]]


def begun(question: Question = QUESTION, **options: Any) -> tuple[SearchEpisode, Shelf]:
    shelf = Shelf()
    return SearchEpisode(question, shelf, SearchQA(**options)._rules()), shelf


def test_the_first_observation_is_the_question() -> None:
    assert begun()[0].observation == "Question: Who founded Brell?"


def test_a_search_shows_title_and_text_of_the_best_passages() -> None:
    episode, shelf = begun()
    step = episode.step("<think>hm</think> <search> who founded\nBrell </search> <answer>Tarn</answer>")
    assert step == Step(
        '<information>Doc 1(Title: "Brell") Brell is a town.\nDoc 2(Title: "Tarn") Tarn founded Brell in 1880.\n'
        'Doc 3(Title: "Only a title")</information>',
        0.0,
        terminated=False,
    )
    assert shelf.queries == ["who founded\nBrell"]
    assert episode.observation == step.observation


@pytest.mark.parametrize("answer", ["Tarn", " the TARN! ", "The Grey Heron."])
def test_a_right_answer_is_rewarded_and_final(answer: str) -> None:
    episode, shelf = begun()
    step = episode.step(f"<answer>{answer}</answer>")
    assert step == Step("The answer is right.", 1.0, terminated=True, success=True)
    assert episode.step("<search>more</search>") == step
    assert shelf.queries == []
    assert episode.expert_action() is None


@pytest.mark.parametrize(
    ("options", "ends"), [({}, True), ({"answer_policy": "retry"}, False), ({"profile": "agentgym"}, False)]
)
def test_a_wrong_answer_ends_the_episode_only_under_the_policy_final(options: dict[str, str], ends: bool) -> None:
    episode, _ = begun(**options)
    step = episode.step("<answer>Brell</answer>")
    assert (step.reward, step.terminated, step.success, step.valid) == (0.0, ends, False, True)
    assert episode.step("<answer>Tarn</answer>").success is not ends


def test_in_fixed_the_block_that_decides_is_the_one_that_is_scored() -> None:
    text = "<answer>Brell</answer> or <answer>Tarn</answer>"
    assert not begun()[0].step(text).success
    assert begun(profile="agentgym")[0].step(text).success


def test_an_empty_answer_matches_nothing_in_fixed() -> None:
    question = Question("Which band?", ("The The",))
    assert not begun(question)[0].step("<answer></answer>").success
    assert not begun(question)[0].step("<answer>a</answer>").success
    assert begun(question, profile="agentgym")[0].step("<answer></answer>").success


def test_an_empty_query_is_invalid_in_fixed_and_searched_for_in_agentgym() -> None:
    episode, shelf = begun()
    assert not episode.step("<search>  </search>").valid
    assert shelf.queries == []
    lenient, shelf = begun(profile="agentgym")
    assert lenient.step("<search>  </search>").valid
    assert shelf.queries == [""]


@pytest.mark.parametrize("profile", ["fixed", "agentgym"])
@pytest.mark.parametrize(
    "action",
    [
        "",
        "\0",
        "search",
        "<search>",
        "<Search>x</Search>",
        "<search >x</search>",
        "</answer><answer>",
        "\u6771\u4eac",
        "\ud800",
    ],
)
def test_what_holds_no_complete_block_is_invalid_and_changes_nothing(profile: str, action: str) -> None:
    episode, shelf = begun(profile=profile)
    step = episode.step(action)
    assert (step.valid, step.reward, step.terminated) == (False, 0.0, False)
    assert episode.observation == step.observation
    assert shelf.queries == []
    assert episode.step("<answer>Tarn</answer>").success


@pytest.mark.parametrize(
    "part", ["<search>", "<answer>", "</search><search>", "<answer><search>", "<answer></answer>", "\0"]
)
def test_a_megabyte_of_tags_is_read_at_once(part: str) -> None:
    episode, _ = begun()
    began = time.process_time()
    assert not episode.step(part * (1_000_000 // len(part))).success
    assert time.process_time() - began < 1


def test_a_query_of_a_megabyte_is_not_searched_for() -> None:
    episode, shelf = begun()
    assert not episode.step(f"<search>{'word ' * 200_000}</search>").valid
    assert shelf.queries == []


def test_the_forms_of_an_action_are_listed_where_asked() -> None:
    listed = 'Available actions: ["<search>query</search>", "<answer>answer</answer>"]'
    for policy, first, later in (("never", False, False), ("first", True, False), ("every", True, True)):
        episode, _ = begun(action_list=policy)
        assert (listed in episode.observation) is first
        assert (listed in episode.step("<search>x</search>").observation) is later
        assert (listed in episode.step("?").observation) is later


def test_the_expert_searches_for_what_it_has_not_seen_and_then_answers() -> None:
    episode, _ = begun()
    assert episode.expert_action() == "<search>Brell founder</search>"
    episode.step("<search>anything</search>")
    assert episode.expert_action() == "<answer>Tarn</answer>"
    unknown, _ = begun(Question("Where is it?", ("here",)))
    assert unknown.expert_action() == "<search>Where is it?</search>"
    unknown.step("<search>Where is it?</search>")
    assert unknown.expert_action() == "<answer>here</answer>"
