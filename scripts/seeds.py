"""A study is run once for each seed, and what its seeds found together becomes a page of docs/results/.

Seeds run one at a time; a stopped one goes on where it was. What a finished seed found is kept as a small record beside
the page: a seed with a record is not run again, and everything published follows from the records.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from scipy.stats import t as student

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results"

Record = Mapping[str, Any]


def publish(
    name: str,
    record: Callable[[Mapping[str, Any]], Record],
    pages: Callable[[Sequence[Record]], Mapping[str, str]],
    description: str | None,
    *,
    seeds: int,
) -> int:
    """Run examples/studies/NAME.yaml for those of `seeds` seeds that have no record, and write the files of `pages`.

    `record` says what is kept of a report; `pages` gives, from all records, each file's text by its name.
    """
    parser = argparse.ArgumentParser(
        prog=f"python scripts/{name}.py", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(seeds)), help="seeds to run")
    parser.add_argument("--page-only", action="store_true", help="run nothing; write the page from the records")
    given = parser.parse_args()
    for seed in () if given.page_only else given.seeds:
        kept = RESULTS / name / f"seed-{seed}.json"
        if not kept.is_file():
            found = record(run(name, seed))
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(found, separators=(",", ":")), "utf-8")
    read = records(name)
    if not read:
        sys.stderr.write(f"there is no record in {RESULTS / name}; run without --page-only\n")
        return 2
    for file, text in pages(read).items():
        (RESULTS / file).write_text(text, "utf-8")
        sys.stdout.write(f"wrote {(RESULTS / file).relative_to(ROOT)} from {len(read)} seeds\n")
    return 0


def run(name: str, seed: int) -> dict[str, Any]:
    """Run the study with one seed, or go on with it, and return its report."""
    study, folder = ROOT / "examples" / "studies" / f"{name}.yaml", f"{name.replace('_', '-')}-{seed}"
    command = [str(Path(sys.executable).with_name("rftcore")), "study", str(study), f"seed={seed}", f"name={folder}"]
    subprocess.run(command, cwd=ROOT, check=True)
    report: dict[str, Any] = json.loads((ROOT / "runs" / folder / "report.json").read_text("utf-8"))
    return report


def records(name: str) -> list[dict[str, Any]]:
    """Return the records that there are, by seed."""
    files = sorted((RESULTS / name).glob("seed-*.json"), key=lambda file: int(file.stem.partition("-")[2]))
    return [json.loads(file.read_text("utf-8")) for file in files]


def change(values: Sequence[float]) -> str:
    """Return the mean of one difference a seed, in points, and from two seeds on its interval."""
    mean = f"{100 * fmean(values):+.1f}"
    if len(values) < 2:
        return mean
    low, high = interval(values)
    return f"{mean}, {100 * low:+.0f} to {100 * high:+.0f}"


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the 95 % interval of the mean, by Student's t over two seeds or more."""
    mean = fmean(values)
    half = float(student.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return mean - half, mean + half


def percent(value: float) -> str:
    """Return a share as its percentage, without the sign."""
    return f"{100 * value:.1f}"


def hardware(record: Record) -> str:
    """Return what a seed ran on, in words."""
    found = record["provenance"]["hardware"]
    return f"{found['cores']} cores ({found['machine']}, Python {found['python']})"
