"""Generate a catalogue as large as WebShop's, convert it, open it in a process of its own, and search; print JSON.

    python plugins/rftcore-webshop/benchmarks/full_catalogue.py [FOLDER] [PRODUCTS]

A folder that has the files or the store already is used as it is. Queries are the instructions of the first tasks, and
what the expert searches for; every search is a new one. `_s` and `_ms` are wall time, on whatever else the machine does
then; `_cpu_s` and `_cpu_ms` are what the process itself took, on one core.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from rftcore_webshop.convert import convert
from rftcore_webshop.environment import WebShop
from rftcore_webshop.generator import write
from rftcore_webshop.shop import Shop
from rftcore_webshop.shopper import telling_words
from rftcore_webshop.store import NAME

PRODUCTS, INSTRUCTIONS = 1_180_000, 12_087
"""As many as the official files have."""
TASKS = 150
"""Of each difficulty."""


def searched(folder: Path) -> dict[str, Any]:
    """Open the store, list tasks, search, and let the expert play."""
    began, cpu = time.perf_counter(), time.process_time()
    shop = WebShop(data=str(folder), max_turns=20)
    tasks = [task for difficulty in shop.difficulties for task in shop.tasks("train", difficulty)[:TASKS]]
    goals = [shop.start(task).goal for task in tasks]
    found: dict[str, Any] = {
        "start_s": round(time.perf_counter() - began, 2),
        "start_cpu_s": round(time.process_time() - cpu, 2),
    }
    world = shop.start(tasks[0]).shop
    for name, queries in {
        "instruction": [goal.instruction.lower() for goal in goals],
        "telling_words": [telling_words(goal) for goal in goals],
    }.items():
        pairs = [_times(world, query) for query in queries]
        for unit, times in zip(("ms", "cpu_ms"), zip(*pairs, strict=True), strict=True):
            for share in (50, 95):
                time_ms = sorted(times)[len(times) * share // 100] * 1e3
                found[f"{name}_search_p{share}_{unit}"] = round(time_ms, 2)
    won, turns = 0, 0
    began = time.perf_counter()
    for task in tasks:
        episode = shop.start(task)
        for action in shop.oracle(task):
            won += episode.step(action).success
            turns += 1
    found |= {"played": len(tasks), "won": won, "turns_per_s": round(turns / (time.perf_counter() - began))}
    return found | {"resident_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def _times(shop: Shop, query: str) -> tuple[float, float]:
    """Return seconds of one search: wall time, and the processor's."""
    began, cpu = time.perf_counter(), time.process_time()
    shop.search(query)
    return time.perf_counter() - began, time.process_time() - cpu


def prepared(folder: Path, products: int) -> dict[str, Any]:
    """Make whatever of the files and the store is missing."""
    found: dict[str, Any] = {"products": products}
    if not (folder / "items_human_ins.json").exists():
        began = time.perf_counter()
        write(folder, products, INSTRUCTIONS)
        found["generate_s"] = round(time.perf_counter() - began)
    if not (folder / NAME).exists():
        began = time.perf_counter()
        with Progress(console=Console(stderr=True)) as progress:
            convert(folder, progress)
        found["convert_s"] = round(time.perf_counter() - began)
        found["convert_resident_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    size = sum(file.stat().st_size for file in (folder / NAME).rglob("*") if file.is_file())
    return found | {"store_mb": size >> 20}


def main(folder: Path, products: int) -> None:
    """Print one JSON object."""
    found = prepared(folder, products)
    command = [sys.executable, __file__, str(folder), str(products), "search"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(json.dumps(found | json.loads(done.stdout), indent=1))


if __name__ == "__main__":
    count = int(sys.argv[2]) if len(sys.argv) > 2 else PRODUCTS
    if len(sys.argv) > 3:
        print(json.dumps(searched(Path(sys.argv[1]))))
    elif len(sys.argv) > 1:
        main(Path(sys.argv[1]), count)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(Path(scratch), count)
