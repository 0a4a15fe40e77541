"""Runs that are disturbed while they work, and what is asked of them afterwards.

A run is started, disturbed, and started again until it ends. What it then says must be what the undisturbed run said.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import runpy
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.victims import VICTIMS, kill
from chaos.world import ROOT, World

MAY_SAY = {
    "worker": {"its worker process died"},
    "Ray actor": {"its Ray worker died"},
    "sampler server": {"`vllm serve` on port", "a server died 3 times"},
    "environment server": {"start it: rftcore serve ENV"},  # a run that is only being made waits for nobody
    "full disk": {"No space left on device", "No usable temporary directory", "its worker process died"},
}
"""What a driver may end with after what was done to it: a job is given up whose process was killed three times, and so
is a server that was killed as it started."""

FAILED = re.compile(r"^error: | failed: ", re.MULTILINE)
"""Begins what a driver says of what ended it."""


@dataclass
class Findings:
    """What was done to runs, and what was found afterwards."""

    done: Counter[str] = field(default_factory=Counter)
    sessions: int = 0
    """Drivers that were started."""
    runs: int = 0
    """Runs that ended, each of which was compared."""
    problems: list[str] = field(default_factory=list)
    """What should not be; empty where all is well."""


class Disturbance:
    """Disturbs runs of one study at moments that follow from a seed."""

    def __init__(
        self,
        world: World,
        study: Path,
        kinds: Sequence[str],
        seed: int,
        *,
        longest: float = 12.0,
        told: Callable[[str], None] = lambda what: None,
        patience: float = 3600.0,
    ) -> None:
        """`kinds` are brought about in this order, each up to `longest` seconds after the one before."""
        self._world, self._study, self._left = world, study, list(kinds)
        self._rng, self._longest, self._told = random.Random(seed), longest, told
        self._patience = patience
        self.found = Findings()
        self._whole: dict[Path, str] = {}

    def run(self, undisturbed: str, name: str) -> Findings:
        """Run the study under `name`, and again under other names, until all was done to it that is to be done."""
        while self._left:
            current = f"{name}-{self.found.runs}"
            self._whole = {}
            self._finish(current)
            self.found.runs += 1
            self._compare(undisturbed, current)
        return self.found

    def _finish(self, name: str) -> None:
        """Start drivers until one ends well."""
        end = time.monotonic() + self._patience
        while True:
            for trouble in self._world.trouble.iterdir():
                trouble.unlink()
            driver = self._world.driver(self._study, name)
            self.found.sessions += 1
            expected = self._disturb(driver, name, end)
            self._check_whole(name)
            if driver.returncode == 0:
                if (self._world.trouble / "full").exists():  # nothing was written any more: it has to come again
                    self.found.done["full disk"] -= 1
                    self._left.insert(0, "full disk")
                return
            said = self._world.said(name)
            failure = FAILED.split(said, maxsplit=1)[-1]  # above it stands what the driver went on from
            if not any(reason in failure for reason in expected) and driver.returncode != -9:
                self.found.problems.append(f"{name}: a driver ended with {driver.returncode}: {said.strip()[-600:]}")
            if "Traceback (most recent call last)" in said:
                self.found.problems.append(f"{name}: a driver printed a traceback: {said.strip()[-1500:]}")
            if time.monotonic() > end:
                self.found.problems.append(f"{name}: it did not end within {self._patience:g} s")
                self._left.clear()
                raise RuntimeError(self.found.problems[-1])

    def _disturb(self, driver: subprocess.Popen[bytes], name: str, end: float) -> set[str]:
        """Disturb a driver until it ends; return what it may say when it ended by itself.

        What is not there when it is due is killed some time after it has come, and not as it starts.
        """
        expected: set[str] = set()
        due, late = time.monotonic() + self._rng.uniform(0.2, self._longest), False
        while driver.poll() is None:
            time.sleep(0.02)
            now = time.monotonic()
            if now > end:
                kill(driver.pid)
            if not self._left or now < due:
                continue
            there = VICTIMS[self._left[0]](driver.pid) if self._left[0] in VICTIMS else [driver.pid]
            if not there:
                due, late = now + 0.1, True
            elif late:
                due, late = now + self._rng.uniform(0.2, self._longest / 4), False
            elif self._do(self._left[0], there, driver, name, expected):
                due = time.monotonic() + self._rng.uniform(0.2, self._longest)
            else:
                due = now + 0.1
        driver.wait()
        return expected

    def _do(
        self, kind: str, there: Sequence[int], driver: subprocess.Popen[bytes], name: str, expected: set[str]
    ) -> bool:
        """Bring one disturbance about, to one of `there`; return False where it is not possible at this moment."""
        if kind == "driver":
            kill(driver.pid)
            driver.wait()
        elif kind in VICTIMS:
            if not kill(self._rng.choice(there)):
                return False
        elif kind == "environment server":
            self._world.server.kill()
            self._world.server.start()
        elif kind == "full disk":
            (self._world.trouble / "full").touch()
        elif kind == "clock":
            (self._world.trouble / "clock").write_text(str(self._rng.choice((-86400.0, 86400.0 * 400))))
        elif not self._truncate(name, driver):
            return False
        expected |= MAY_SAY.get(kind, set())
        self._did(kind)
        return True

    def _did(self, kind: str) -> None:
        self._left.pop(0)
        self.found.done[kind] += 1
        self._told(kind)

    def _truncate(self, name: str, driver: subprocess.Popen[bytes]) -> bool:
        """Kill the driver, and cut the newest checkpoint of its run in half; return False where there is none yet."""
        pattern, run = "stages/*/resume/*.safetensors", self._world.root / "runs" / name
        if not any(run.glob(pattern)):
            return False
        kill(driver.pid)
        driver.wait()
        for file in run.glob(pattern):
            with file.open("r+b") as weights:
                weights.truncate(file.stat().st_size // 2)
        return True

    def _check_whole(self, name: str) -> None:
        """Note which cells are done, and that none that was done before is another one, or gone."""
        for file, digest in self._whole.items():
            if not file.is_file() or _digest(file) != digest:
                self.found.problems.append(f"{name}: {file.name} was complete, and is gone or another one")
        for figures in (self._world.root / "runs" / name).glob("cells/*.json"):
            file = figures.with_suffix(".jsonl")
            self._whole[file] = _digest(file)

    def _compare(self, undisturbed: str, name: str) -> None:
        for difference in differences(self._world.report(undisturbed), self._world.report(name)):
            self.found.problems.append(f"{name} and the undisturbed run: {difference}")
        told = [
            (line["stage"], line["update"])
            for line in map(json.loads, (self._world.root / "runs" / name / "events.jsonl").read_text().splitlines())
            if line["event"] == "UpdateFinished"
        ]
        if len(told) != len(set(told)):
            self.found.problems.append(f"{name}: observers were told of an update twice")


def differences(first: dict[str, Any], second: dict[str, Any]) -> Iterator[str]:
    """Yield where two reports differ beyond names, times and what was played again."""
    compare = runpy.run_path(str(ROOT / "tests/compare_reports.py"))["differences"]
    yield from compare(_plain(first), _plain(second))


def _plain(report: dict[str, Any]) -> dict[str, Any]:
    """Leave out the run's name and command, and the episodes that were begun: failures from outside cost some."""
    study = {**report["study"], "name": "", "config": {**report["study"]["config"], "name": ""}}
    accounts = [{**row, "episodes": row["samples"]} for row in report["accounts"]]
    provenance = {**report["provenance"], "command": ""}
    return {**report, "study": study, "accounts": accounts, "provenance": provenance}


def shuffled(counts: dict[str, int], seed: int) -> list[str]:
    """Return the kinds, each so often, in an order that follows from the seed."""
    kinds = [kind for kind, number in counts.items() for _ in range(number)]
    random.Random(seed).shuffle(kinds)
    return kinds


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
