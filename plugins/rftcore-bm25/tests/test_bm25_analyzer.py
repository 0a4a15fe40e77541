from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import pytest

from rftcore_bm25.analyzer import STOP_WORDS, terms
from rftcore_bm25.porter import stem
from rftcore_bm25.words import words

RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "fidelity" / "bm25-queries.jsonl.gz"


def test_the_recorded_queries_have_the_recorded_terms() -> None:
    if not RECORDINGS.exists():  # They are not part of the repository.
        return
    with gzip.open(RECORDINGS, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    assert len(records) == 100
    assert [record["qid"] for record in records if terms(record["query"]) != record["tokens"]] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("to be or not to be", []),
        ("The world's oldest lighthouses", ["world", "oldest", "lighthous"]),
        ("Lebanon\u2019s government", ["lebanon", "govern"]),
        ("13.57% of 466,663; U.S. dollars", ["13.57", "466,663", "u.", "dollar"]),
        ("form:_Kingdom_of", ["form", "_kingdom_of"]),
        ("UTC+2 (7", ["utc", "2", "7"]),
        ("85.7%'s", ["85.7", "s"]),
        ("\u6771\u4eac \u30bf\u30ef\u30fc", ["\u6771", "\u4eac", "\u30bf\u30ef\u30fc"]),
        (
            "\u0e20\u0e32\u0e29\u0e32 \u043c\u043e\u0441\u043a\u0432\u0430",
            ["\u0e20\u0e32\u0e29\u0e32", "\u043c\u043e\u0441\u043a\u0432\u0430"],
        ),
        ("foo\u00ae x\u00b2 \u00bd \U0001f44d\U0001f3fd", ["foo", "\u00ae", "x", "\U0001f44d\U0001f3fd"]),
        ("\u0130stanbul \u039f\u0394\u039f\u03a3", ["istanbul", "\u03bf\u03b4\u03bf\u03c3"]),
        ("\0\u00ad\ud800", []),
    ],
)
def test_terms_are_those_of_the_english_analyzer(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("caresses", "caress"),
        ("ponies", "poni"),
        ("agreed", "agre"),
        ("feed", "feed"),
        ("plastered", "plaster"),
        ("conflated", "conflat"),
        ("hopping", "hop"),
        ("falling", "fall"),
        ("filing", "file"),
        ("happy", "happi"),
        ("sky", "sky"),
        ("relational", "relat"),
        ("assembly", "assembl"),  # a departure: bli, not abli
        ("technology", "technolog"),  # a departure: logi
        ("triplicate", "triplic"),
        ("adoption", "adopt"),
        ("probate", "probat"),
        ("controll", "control"),
        ("us", "us"),
        ("uses", "us"),
        ("x1ing", "x1ing"),
    ],
)
def test_stems_are_porters_with_his_own_departures(word: str, expected: str) -> None:
    assert stem(word) == expected


def test_the_list_of_stop_words_is_lucenes() -> None:
    assert len(STOP_WORDS) == 33


def test_words_of_more_than_255_characters_are_cut() -> None:
    assert [len(word) for word in words("a" * 600)] == [255, 255, 90]
    assert [len(word) for word in words("a" * 250 + "_" * 20 + "b")] == [255, 16]
    assert [len(word) for word in words("_" * 600 + "a")] == [255]


@pytest.mark.parametrize("text", ["_", "a", "a.", "\u200d", "\U0001f1e9", '\u05d0"', "1,", "\0"])
def test_a_megabyte_of_anything_is_read_in_seconds(text: str) -> None:
    began = time.process_time()
    list(words(text * (1_000_000 // len(text))))
    assert time.process_time() - began < 8
