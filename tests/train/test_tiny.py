"""The tiny policy's tokenizer loses no text, and its model is the same for the same seed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rftcore.train.chat import ChatEncoder
from rftcore.train.tiny import TinyConfig, build_model, build_tokenizer, phrases

SEEN = [
    "You see a red ball 1 2 steps away.\nYou are in a room.",
    "You see a blue key 2 3 steps away.\nYou are in a room.",
]


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_any_text_survives_encoding_and_decoding(text: str) -> None:
    tokenizer = _TOKENIZER
    assert tokenizer.decode(tokenizer.encode(text), clean_up_tokenization_spaces=False) == text


def test_known_words_are_one_token_each_and_others_are_bytes() -> None:
    assert len(_TOKENIZER.encode("a red ball")) == len(_TOKENIZER.encode("ball red a")) == 3
    assert len(_TOKENIZER.encode("zebra")) == len("zebra")


def test_phrases_are_what_every_observation_repeats() -> None:
    assert phrases(SEEN) == ["You see a", " steps away.", "You are in a room."]


def test_phrases_hold_no_number_and_no_line_end() -> None:
    assert not any(mark in phrase for phrase in phrases(SEEN * 3) for mark in "0123456789\n")


def test_no_phrase_cuts_a_word_or_a_code() -> None:
    listed = ["a key, a box, and a ball", "a box, a key, and a key"]
    assert not any(phrase.endswith(", a") for phrase in phrases(listed))
    coded = [" B0FOX01AA [SEP] red", " B0CAT02AA [SEP] blue"]
    assert not any(phrase.startswith("AA") for phrase in phrases(coded))


def test_a_repeated_phrase_becomes_one_token() -> None:
    tokenizer = build_tokenizer(SEEN, phrases(SEEN))
    assert len(tokenizer.encode("You are in a room.")) == 1
    assert tokenizer.decode(tokenizer.encode(SEEN[0])) == SEEN[0]


def test_equal_seeds_give_equal_weights() -> None:
    config = TinyConfig(width=16, layers=1, heads=2, mlp=16)
    one, same, other = (build_model(300, config, seed).state_dict() for seed in (1, 1, 2))
    assert all((one[name] == same[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)


def test_its_template_leaves_the_system_prompt_out() -> None:
    encoder = ChatEncoder(_TOKENIZER)
    assert encoder.first("the rules", "a red ball") == encoder.first("", "a red ball")


_TOKENIZER = build_tokenizer(SEEN)
