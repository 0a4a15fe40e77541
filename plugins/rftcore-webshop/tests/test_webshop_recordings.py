from __future__ import annotations

import copy
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rftcore.errors import ConfigError
from rftcore_webshop import recordings
from rftcore_webshop.environment import WebShop
from rftcore_webshop.nouns import heuristic

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "fidelity"
README = " ".join((Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8").split())


def records(name: str) -> list[dict[str, Any]]:
    with gzip.open(FOLDER / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def compared(name: str, profile: str = "original") -> tuple[int, list[str]]:
    shop = WebShop(profile=profile)
    found = [comparison for record in records(name) for comparison in shop.replay(record, FOLDER)]
    return len(found), [where for where, expected, got in found if expected != got]


@pytest.mark.parametrize(
    ("name", "comparisons"),
    [("webshop.jsonl.gz", 124 + 1370 + 80), ("webshop-search.jsonl.gz", 128), ("webshop-reward.jsonl.gz", 874)],
)
def test_original_answers_as_recorded_and_the_readme_counts_it(name: str, comparisons: int) -> None:
    assert compared(name) == (comparisons, [])
    assert f"| {comparisons:,} |" in README


def test_fixed_differs_from_the_recordings() -> None:
    _, differences = compared("webshop.jsonl.gz", "fixed")
    assert len(differences) > 100


def test_a_changed_recording_is_a_difference_where_it_was_changed() -> None:
    record = next(record for record in records("webshop.jsonl.gz") if record["reward_info"] is not None)
    shop = WebShop(profile="original")
    for field, value in {"observation": "other", "clickables": ["buy now"], "reward": 2.0, "page": "index"}.items():
        changed = copy.deepcopy(record)
        changed["steps"][-1][field] = value
        wrong = [where for where, expected, got in shop.replay(changed, FOLDER) if expected != got]
        assert [where.rpartition(", ")[2] for where in wrong] == [f"turn {len(record['steps']) - 1}"]
    changed = copy.deepcopy(record)
    changed["reward_info"]["r_price"] = not record["reward_info"]["r_price"]
    wrong = [where for where, expected, got in shop.replay(changed, FOLDER) if expected != got]
    assert [where.rpartition(", ")[2] for where in wrong] == ["parts of the reward"]


def test_a_record_of_something_else_and_a_folder_without_the_catalogue_are_named(tmp_path: Path) -> None:
    shop = WebShop(profile="original")
    with pytest.raises(ConfigError, match="found a record with moves, seed, expected a recorded episode, search or"):
        list(shop.replay({"moves": [], "seed": 1}, FOLDER))
    with pytest.raises(ConfigError, match=r"webshop-goals\.json\.gz cannot be read .*--data"):
        list(shop.replay(records("webshop.jsonl.gz")[0], tmp_path))
    (tmp_path / "webshop-goals.json.gz").write_bytes(gzip.compress(b"[" * 100_000))
    with pytest.raises(ConfigError, match=r"webshop-goals\.json\.gz cannot be read \(RecursionError"):
        list(shop.replay(records("webshop.jsonl.gz")[0], tmp_path))


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "_LARGEST", 1 << 20)
    (tmp_path / "webshop-goals.json.gz").write_bytes(gzip.compress(b" " * (2 << 20)))
    with pytest.raises(ConfigError, match="it has more than 1,048,576 characters"):
        list(WebShop(profile="original").replay(records("webshop.jsonl.gz")[0], tmp_path))


def test_the_heuristic_agrees_with_the_recorded_nouns_as_the_readme_says() -> None:
    with gzip.open(FOLDER / "webshop-title-nouns.json.gz", "rt", encoding="utf-8") as file:
        recorded: dict[str, list[str]] = json.load(file)
    equal = sum(list(heuristic(name)) == nouns for name, nouns in recorded.items())
    ours = {name: Counter(heuristic(name)) for name in recorded}
    both = sum((ours[name] & Counter(nouns)).total() for name, nouns in recorded.items())
    either = sum((ours[name] | Counter(nouns)).total() for name, nouns in recorded.items())
    assert f"{equal} of {len(recorded)} names" in README
    assert f"{100 * both / either:.1f} % of the words" in README


def test_the_heuristic_gives_the_recorded_type_as_often_as_the_readme_says() -> None:
    cases = [record for record in records("webshop-reward.jsonl.gz") if record["kind"] == "reward"]
    equal = 0
    for case in cases:
        case["purchased_nouns"] = heuristic(case["purchased"]["Title"])
        case["goal_nouns"] = heuristic(case["goal"]["name"])
        ((_, expected, got),) = WebShop(profile="original").replay(case, FOLDER)
        equal += expected[1]["r_type"] == got[1]["r_type"]
    assert f"{equal} of {len(cases)} purchases" in README
