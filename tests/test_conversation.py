"""The context of an episode, token by token, under a full and a windowed history."""

from __future__ import annotations

from rftcore.conversation import Conversation, History


class Numbers:
    """Observations are numbers; 0 ends an answer, 90 opens the context, 99 opens an answer."""

    stop_ids = frozenset({0})

    def first(self, system: str, observation: str) -> list[int]:
        return [90, *([int(system)] if system else []), int(observation), 99]

    def next(self, observation: str, closed: bool) -> list[int]:
        return [*([] if closed else [0]), int(observation), 99]

    def encode_answer(self, text: str) -> list[int]:
        return [int(text), 0]

    def decode(self, token_ids: list[int]) -> str:
        return " ".join(str(token) for token in token_ids if token)


def play(
    history: History, answers: list[list[int]], system: str = ""
) -> tuple[list[tuple[int, list[int]]], list[list[int]]]:
    conversation = Conversation(Numbers(), history, system)
    prompts, contexts = [], []
    for number, answer in enumerate(answers):
        prompts.append(conversation.prompt(str(11 + number)))
        conversation.answer(answer)
        contexts.append(list(conversation.context))
    return prompts, contexts


def test_with_the_full_history_the_context_only_grows() -> None:
    prompts, contexts = play(History(), [[51, 0], [52, 0], [53, 0]], system="7")
    assert prompts == [(0, [90, 7, 11, 99]), (6, [12, 99]), (10, [13, 99])]
    assert contexts[-1] == [90, 7, 11, 99, 51, 0, 12, 99, 52, 0, 13, 99, 53, 0]


def test_an_answer_that_was_cut_is_closed_before_the_next_observation() -> None:
    prompts, contexts = play(History(), [[51, 61], [52, 0]])
    assert prompts[1] == (5, [0, 12, 99])
    assert contexts[-1] == [90, 11, 99, 51, 61, 0, 12, 99, 52, 0]


def test_an_empty_answer_is_closed_too() -> None:
    assert play(History(), [[], [52, 0]])[0][1] == (3, [0, 12, 99])


def test_a_window_keeps_the_first_turn_and_the_last_ones() -> None:
    prompts, contexts = play(History(name="window", turns=3), [[51, 0], [52, 0], [53, 0], [54, 0], [55, 0]])
    assert prompts[:3] == [(0, [90, 11, 99]), (5, [12, 99]), (9, [13, 99])]
    assert prompts[3] == (5, [13, 99, 53, 0, 14, 99])
    assert contexts[3] == [90, 11, 99, 51, 0, 13, 99, 53, 0, 14, 99, 54, 0]
    assert contexts[4] == [90, 11, 99, 51, 0, 14, 99, 54, 0, 15, 99, 55, 0]


def test_a_window_closes_a_cut_first_answer_before_whatever_follows_it() -> None:
    _, contexts = play(History(name="window", turns=2), [[51], [52, 0], [53]])
    assert contexts[2] == [90, 11, 99, 51, 0, 13, 99, 53]


def test_what_is_kept_and_what_is_sent_is_the_context() -> None:
    for history in (History(), History(name="window", turns=2), History(name="window", turns=3)):
        answers = [[51, 0], [52], [], [54, 0], [54, 0], [56]]
        prompts, contexts = play(history, answers)
        context: list[int] = []
        for (keep, ids), answer, expected in zip(prompts, answers, contexts, strict=True):
            context = context[:keep] + ids + answer
            assert context == expected


def test_examples_open_the_first_prompt_and_stay_in_every_window() -> None:
    shown = [90, 7, 21, 99, 31, 0, 22, 99, 32, 0]  # two turns that were not played
    for history in (History(), History(name="window", turns=2)):
        conversation = Conversation(Numbers(), history, "7", [("21", "31"), ("22", "32")])
        assert conversation.prompt("11") == (0, [*shown, 11, 99])
        conversation.answer([51, 0])
        assert conversation.prompt("12") == (14, [12, 99])
        conversation.answer([52, 0])
        conversation.prompt("13")
        middle = [] if history.name == "window" else [12, 99, 52, 0]
        assert conversation.context == [*shown, 11, 99, 51, 0, *middle, 13, 99]


def test_the_answer_comes_back_as_text() -> None:
    conversation = Conversation(Numbers(), History(), "")
    conversation.prompt("1")
    assert conversation.answer([51, 61, 0]) == "51 61"
