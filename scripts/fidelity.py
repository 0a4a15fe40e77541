"""Run every comparison with an original program, and print one table; `make fidelity` calls it.

Recordings are replayed when a folder is given. Then the same actions are played here and in the originals themselves:
TextCraft, ALFWorld (TextWorld), ScienceWorld. Last comes the benchmark, whose ratios need the originals.

Exit code 0: no difference; 1: at least one; 2: something could not be compared.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COMMAND = str(Path(sys.executable).parent / "rftcore")

RECORDINGS = {
    "alfworld.jsonl.gz": "alfworld",
    "babyai-agentgym.jsonl.gz": "babyai",
    "bm25-queries.jsonl.gz": "searchqa",
    "searchqa-em.jsonl.gz": "searchqa",
    "searchqa-steps.jsonl.gz": "searchqa",
    "textcraft.jsonl.gz": "textcraft",
    "webshop.jsonl.gz": "webshop",
    "webshop-reward.jsonl.gz": "webshop",
    "webshop-search.jsonl.gz": "webshop",
}
"""The environment that replays each file."""

DIFFERENTIALS: dict[str, list[str]] = {
    "textcraft: the package textcraft": ["rftcore_textcraft.differential", "--games"],
    "alfworld: TextWorld": ["rftcore_alfworld.differential", "--games"],
    "sciworld: the package scienceworld": ["rftcore_sciworld.differential", "--episodes"],
}
"""What is compared, and the module that does it: the last line that it prints is a JSON object with the counts."""
SCIWORLD_SHARE = 4
"""ScienceWorld is slow: it is played a quarter as often."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    episodes: int = 0
    steps: int = 0
    differences: int = 0
    problem: str = ""
    """Why nothing could be compared; empty when something was."""


def run(what: str, command: list[str]) -> Row:
    """Run one comparison and read the JSON object in its last line. Lines before it tell of differences."""
    sys.stderr.write(f"{what}\n")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    *told, last = _values(done.stdout)
    sys.stderr.write("".join(f"  {line[:2000]}\n" for line in told))
    try:
        found: dict[str, Any] = json.loads(last)
    except json.JSONDecodeError:
        return Row(what, problem=(done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
    if found.get("first") is not None:
        sys.stderr.write(f"  {json.dumps(found['first'])[:2000]}\n")
    episodes = found.get("episodes", found.get("games", 0))
    problem = found.get("error") or ("" if found["steps"] else "nothing was compared")
    return Row(what, episodes, found["steps"], found["differences"], problem)


def _values(text: str) -> list[str]:
    """Split what was printed into JSON values: one over many lines, or one a line."""
    return [text] if text.startswith("{\n") else text.splitlines() or [""]


def replayed(folder: Path) -> list[Row]:
    """Replay the recordings in `folder`. One that is missing is a problem, not a silence."""
    rows = []
    for name, environment in RECORDINGS.items():
        what = f"{environment}: {name}"
        if (folder / name).is_file():
            rows.append(run(what, [COMMAND, "fidelity", environment, str(folder / name), "--json"]))
        else:
            rows.append(Row(what, problem=f"there is no {name} in {folder}"))
    return rows


def compared(games: int) -> list[Row]:
    """Play here and in the originals, `games` times each; without Java, ScienceWorld is a problem."""
    rows = []
    for what, module in DIFFERENTIALS.items():
        count = games
        if what.startswith("sciworld"):
            count = max(1, games // SCIWORLD_SHARE)
            if shutil.which("java") is None:
                rows.append(Row(what, problem="there is no Java"))
                continue
        rows.append(run(what, [sys.executable, "-m", *module, str(count)]))
    return rows


def ratios() -> str:
    """Return the benchmark's ratios to the originals, as text."""
    sys.stderr.write("benchmarks/environments.py\n")
    command = [sys.executable, "benchmarks/environments.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    speeds = {name: found["steps_per_second"][name] for name in sorted(found["steps_per_second"])}
    return f"steps a second: {json.dumps(speeds)}\ntimes as fast as the original: {json.dumps(found['ratios'])}\n"


def table(rows: list[Row]) -> str:
    """Return the rows as text."""
    lines = [f"{'compared with':<46} {'episodes':>8} {'steps':>8} {'differences':>11}"]
    for row in rows:
        counts = f"{row.episodes:>8} {row.steps:>8} {row.differences:>11}"
        lines.append(f"{row.what:<46} {'' if row.problem and not row.steps else counts} {row.problem}".rstrip())
    return "\n".join(lines) + "\n"


def main() -> int:
    """Compare, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make fidelity", description=__doc__)
    parser.add_argument("recordings", type=Path, nargs="?", help="folder of recordings; none: they are not replayed")
    parser.add_argument("--games", type=int, default=200, help="games that are played side by side")
    options = parser.parse_args()
    rows = [*(replayed(options.recordings) if options.recordings else []), *compared(options.games)]
    sys.stdout.write(table(rows))
    sys.stdout.flush()
    sys.stdout.write(ratios())
    if any(row.differences for row in rows):
        return 1
    return 2 if any(row.problem for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
