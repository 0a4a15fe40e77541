"""Environments that hang or crash in a tenth of their episodes, whatever the agent does: what a run makes of them.

They do so at the start or the first step, and in another tenth when an episode is closed. The estimate has to stay
unbiased: every sample that is not masked is the very sample of the undisturbed run, and what is masked is in the
accounts, whose bounds hold the undisturbed success. What fails when it is closed costs nothing, and is noted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chaos.disturbed import Findings
from chaos.world import World
from rftcore.sealing import unsealed

SHARE = 0.1


def faulty(world: World, undisturbed: str, name: str = "faulty", **changes: Any) -> Findings:
    """Run the study in an environment that fails, and compare it with the undisturbed run of the same tasks."""
    shaky = {"name": "shaky", "crashes": SHARE / 2, "hangs": SHARE / 2}
    study = world.study(environments={"even": shaky, "third": {}}, faults={"step_seconds": 0.25}, **changes)
    found = Findings(sessions=1, runs=1)
    for trouble in world.trouble.iterdir():
        trouble.unlink()
    driver = world.driver(study, name)
    if driver.wait(timeout=900):
        found.problems.append(f"{name}: the driver ended with {driver.returncode}: {world.said(name)[-1500:]}")
        return found
    report, folder = world.report(name), world.root / "runs" / name
    rows = [row for row in report["accounts"] if row["train"] is None and row["environment"] == "even"]
    failed, samples = (sum(row[key] for row in rows) for key in ("episodes", "samples"))
    found.done["failed episodes"] = failed - samples
    found.done["masked samples"] = sum(sum(row["masked"].values()) for row in rows)
    found.done["episodes not closed"] = unclosed = sum(row.get("unclosed", 0) for row in rows)
    if not 0.3 * SHARE < unclosed / samples < 3 * SHARE:
        found.problems.append(f"{name}: {unclosed} of {samples} episodes were not closed, expected about {SHARE:.0%}")
    if not 0.3 * SHARE < (failed - samples) / failed < 3 * SHARE:
        found.problems.append(f"{name}: {failed - samples} of {failed} episodes failed, expected about {SHARE:.0%}")
    if "Samples lost to the machine" not in (folder / "report.html").read_text(encoding="utf-8"):
        found.problems.append(f"{name}: the page has no accounts")
    if "played again" not in " ".join(world.said(name).split()):
        found.problems.append(f"{name}: the terminal has no accounts")
    found.problems += [f"{name}: {problem}" for problem in biased(world.root / "runs" / undisturbed, folder)]
    return found


def biased(sound: Path, folder: Path) -> Iterator[str]:
    """Yield where a cell of base or of a reference holds other samples than the undisturbed one."""
    first, second = (json.loads((place / "report.json").read_text(encoding="utf-8")) for place in (sound, folder))
    before, after = _cells(first), _cells(second)
    for place, cell in before.items():
        if cell["role"] not in ("base", "reference"):
            continue
        expected = _samples(sound / cell["trajectories"])
        kept = _samples(folder / after[place]["trajectories"])
        lost = len(expected) - len(kept)
        others = sorted(key for key, sample in kept.items() if sample != expected[key])
        if others:
            yield f"{' '.join(place)}: {len(others)} samples are others than without faults, the first {others[0]}"
        successes = sum(sample[1] for sample in kept.values())
        truth = sum(sample[1] for sample in expected.values())
        if not successes <= truth <= successes + lost:
            yield f"{' '.join(place)}: {truth} successes without faults, expected {successes} to {successes + lost}"


def _cells(report: dict[str, Any]) -> dict[tuple[str, str, str], dict[str, Any]]:
    cells = [*report["references"], *(cell for axis in report["axes"].values() for cell in axis)]
    return {(cell["train"], cell["environment"], cell["difficulty"]): cell for cell in cells}


def _samples(file: Path) -> dict[tuple[str, int], tuple[list[str], bool]]:
    """Return what was said in each sample that is not masked, and whether it succeeded."""
    found = {}
    for line in file.read_text(encoding="utf-8").split("\n"):
        if line:
            value = json.loads(unsealed(line))
            if value["status"] in ("completed", "truncated", "context_overflow"):
                said = [turn["text"] for turn in value["turns"]]
                found[value["task"]["id"], value["sample"]] = (said, value["success"])
    return found
