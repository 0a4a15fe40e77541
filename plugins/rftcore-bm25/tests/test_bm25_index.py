from __future__ import annotations

import gzip
import json
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path

import pytest

from rftcore_bm25 import ranking
from rftcore_bm25.index import Hit, Index
from rftcore_bm25.similarity import code, length_of

FIDELITY = Path(__file__).resolve().parents[4] / "shared" / "fidelity"


def zipfian(count: int, seed: int) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    names = [f"w{number}" for number in range(400)]
    weights = list(accumulate(1 / (rank + 1) for rank in range(len(names))))
    return [(str(n), " ".join(rng.choices(names, cum_weights=weights, k=rng.randrange(1, 40)))) for n in range(count)]


def test_the_recorded_hits_are_found_in_the_recorded_order() -> None:
    if not FIDELITY.exists():  # Recordings are not part of the repository.
        return
    with gzip.open(FIDELITY / "bm25-corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        index = Index.of((record["id"], record["contents"]) for record in map(json.loads, lines))
    with gzip.open(FIDELITY / "bm25-queries.jsonl.gz", "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    assert (len(index), len(records)) == (5000, 100)
    for record in records:
        hits = index.search(record["query"], 50)
        assert [hit.id for hit in hits] == [name for name, _ in record["hits"]], record["qid"]
        for hit, (_, score) in zip(hits, record["hits"], strict=True):
            assert abs(hit.score - score) <= 1e-4


def test_scores_are_those_worked_out_by_hand() -> None:
    # Average length 1.5, idf = ln(1 + 0.5 / 2.5) = 0.1823216.
    # a: saturation 1 + 1 / (0.9 (0.6 + 0.4 / 1.5)) = 2.2820513, b: 1 + 1 / (0.9 (0.6 + 0.8 / 1.5)) = 1.9803922
    index = Index.of([("b", "cats dog"), ("a", "cat"), ("c", "the")])  # c has no term and does not count
    hits = index.search("Cat", 5)
    assert [hit.id for hit in hits] == ["a", "b"]
    assert [hit.score for hit in hits] == pytest.approx([0.1024279, 0.0902582], abs=1e-6)
    assert index.search("cat cat", 1)[0].score == pytest.approx(2 * 0.1024279, abs=1e-6)


def test_lengths_are_exact_up_to_40_and_rounded_down_above() -> None:
    assert [length_of(code(length)) for length in range(41)] == list(range(41))
    assert [length_of(code(length)) for length in (41, 42, 55, 56, 59, 60, 1000)] == [40, 42, 54, 56, 56, 60, 984]
    assert max(code(length) for length in range(100_000)) < 256


def test_ties_are_listed_by_id_as_text() -> None:
    index = Index.of((name, "same words") for name in ("9", "10", "a", "B", "\u00e9"))
    assert [hit.id for hit in index.search("words", 4)] == ["10", "9", "B", "a"]


def test_nothing_is_found_for_nothing() -> None:
    index = Index.of([("a", "cat")])
    assert index.search("", 3) == index.search("the of", 3) == index.search("dog", 3) == index.search("cat", 0) == []
    assert Index.of([]).search("cat", 3) == []
    assert Index.of([("a", "the")]).search("the", 3) == []


@pytest.mark.parametrize("k", [1, 3, 50])
def test_leaving_out_what_is_out_of_reach_changes_nothing(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    index = Index.of(zipfian(4000, seed=1))
    rng = random.Random(2)
    asked = [" ".join(f"w{int(400 ** rng.random())}" for _ in range(rng.randrange(1, 9))) for _ in range(60)]
    monkeypatch.setattr(ranking, "_SMALL", 1 << 60)
    expected = [index.search(query, k) for query in asked]
    monkeypatch.setattr(ranking, "_SMALL", 0)
    monkeypatch.setattr(ranking, "_POOL", 100)
    called = []
    among = ranking._among
    monkeypatch.setattr(ranking, "_among", lambda *taken: called.append(1) or among(*taken))
    for cheaper in (8, 0):
        monkeypatch.setattr(ranking, "_CHEAPER", cheaper)
        assert [index.search(query, k) for query in asked] == expected
    assert len(called) > 10


def test_eight_threads_find_what_one_finds() -> None:
    index = Index.of(zipfian(500, seed=3))
    asked = [f"w{number} w{number // 2} w1" for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda query: index.search(query, 5), asked)) == [index.search(q, 5) for q in asked]


def test_an_index_in_memory_survives_pickle() -> None:
    index = Index.of(zipfian(50, seed=4))
    assert pickle.loads(pickle.dumps(index)).search("w1 w7", 5) == index.search("w1 w7", 5)
    assert isinstance(index.search("w1", 1)[0], Hit)


def test_two_documents_of_one_id_are_an_error() -> None:
    with pytest.raises(ValueError, match="two documents with the id 'x'"):
        Index.of([("x", "a cat"), ("y", "dog"), ("x", "cat")])
