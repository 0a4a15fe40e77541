"""Index and search a generated collection as large as WebShop's full catalogue; print times and memory as JSON.

    python plugins/rftcore-bm25/benchmarks/large.py [DOCUMENTS] [FOLDER]

Words follow Zipf's law, as in real text: a query has rare words, and some that stand in every third document.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from rftcore_bm25.index import Index

WORDS = 60_000
QUERIES = 300
ASIDE = "i am looking for a {} and price lower than {} dollars"


def vocabulary() -> list[str]:
    rng = random.Random(0)
    parts = [consonant + vowel for consonant in "bcdfghklmnprstvz" for vowel in "aeiou"]
    return sorted({"".join(rng.choices(parts, k=rng.randrange(2, 5))) for _ in range(2 * WORDS)})[:WORDS]


def documents(count: int) -> Iterator[tuple[str, str]]:
    """Yield documents of 12 to 40 words, 26 on average."""
    rng = random.Random(1)
    words = vocabulary()
    rng.shuffle(words)
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(words))))
    for number in range(count):
        yield f"B{number * 7919 % 10**9:09}", " ".join(rng.choices(words, cum_weights=weights, k=rng.randrange(12, 41)))


def queries(count: int) -> list[str]:
    """Return what a person might ask for: some words of a document, among others that say little."""
    rng = random.Random(2)
    found = [text.split() for number, (_, text) in enumerate(documents(min(count, 50 * QUERIES))) if number % 50 == 0]
    return [ASIDE.format(" ".join(rng.sample(words, 8)), rng.randrange(10, 99)) for words in found[:QUERIES]]


def peak() -> int:
    """Return the most memory that this process has had resident, in MB; a child's getrusage would count its parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def search(folder: Path, count: int) -> dict[str, float]:
    began = time.perf_counter()
    index = Index.open(folder)
    opened = time.perf_counter() - began
    asked = queries(count)
    before = peak()
    times = []
    for query in asked:
        began = time.perf_counter()
        assert len(index.search(query, 50)) == 50
        times.append(time.perf_counter() - began)
    times.sort()
    return {
        "documents": len(index),
        "open_s": round(opened, 4),
        "search_p50_ms": round(times[len(times) // 2] * 1e3, 2),
        "search_p95_ms": round(times[len(times) * 95 // 100] * 1e3, 2),
        "resident_mb": peak(),
        "of_which_before_searching_mb": before,
    }


def main(count: int, folder: Path) -> None:
    result: dict[str, float] = {}
    if not (folder / "index.json").exists():
        began = time.perf_counter()
        Index.write(documents(count), folder, lambda done: None)
        result["write_s"] = round(time.perf_counter() - began, 1)
        result["write_resident_mb"] = peak()
    result["folder_mb"] = sum(file.stat().st_size for file in folder.iterdir()) >> 20
    # A process of its own, so that its memory is that of searching alone.
    done = subprocess.run(
        [sys.executable, __file__, str(count), str(folder), "search"], capture_output=True, text=True, check=True
    )
    print(json.dumps(result | json.loads(done.stdout), indent=1))


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1_180_000
    if len(sys.argv) > 3:
        print(json.dumps(search(Path(sys.argv[2]), size)))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(size, Path(sys.argv[2]) if len(sys.argv) > 2 else Path(scratch, "index"))
