"""A study such as the quick one, without its minutes: simulated outcomes, everything else computed from them.

Successes are drawn from known probabilities, trajectories are written as JSON Lines, and the cells' figures are
computed from those very trajectories, so that what the page says can be checked against what it was made from.
"""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rftcore.schemas.report import Axes, Cell, Report, StageReport

TASKS, SAMPLES = 16, 4
Column = tuple[str, str]
COLUMNS = [(name, level) for name in ("textcraft", "babyai", "webshop") for level in ("easy", "hard")]
BASE = {
    ("textcraft", "easy"): 0.36, ("textcraft", "hard"): 0.14, ("babyai", "easy"): 0.42, ("babyai", "hard"): 0.21,
    ("webshop", "easy"): 0.28, ("webshop", "hard"): 0.11,
}  # fmt: skip
GAINS: dict[str, tuple[str, dict[str, float]]] = {
    "textcraft:easy": ("base", {"textcraft easy": 0.42, "textcraft hard": 0.21, "babyai easy": 0.03}),
    "textcraft:hard": ("base", {"textcraft easy": 0.25, "textcraft hard": 0.33, "babyai hard": 0.02}),
    "textcraft:easy>textcraft:hard": ("textcraft:easy", {"textcraft easy": 0.41, "textcraft hard": 0.46}),
    "textcraft": ("base", {"textcraft easy": 0.37, "textcraft hard": 0.29, "babyai easy": 0.04, "webshop easy": 0.03}),
    "babyai": (
        "base",
        {
            "babyai easy": 0.44,
            "babyai hard": 0.31,
            "webshop easy": -0.19,
            "webshop hard": -0.07,
            "textcraft easy": -0.05,
        },
    ),
    "textcraft>babyai": (
        "textcraft",
        {"textcraft easy": 0.21, "textcraft hard": 0.16, "babyai easy": 0.43, "babyai hard": 0.3, "webshop easy": -0.1},
    ),
    "babyai>textcraft": (
        "babyai",
        {
            "textcraft easy": 0.38,
            "textcraft hard": 0.28,
            "babyai easy": 0.35,
            "babyai hard": 0.24,
            "webshop easy": -0.08,
        },
    ),
    "textcraft+babyai": (
        "base",
        {
            "textcraft easy": 0.35,
            "textcraft hard": 0.27,
            "babyai easy": 0.4,
            "babyai hard": 0.27,
            "webshop easy": -0.02,
        },
    ),
}
AXES = {
    "difficulty": ["textcraft:easy", "textcraft:hard", "textcraft:easy>textcraft:hard"],
    "transfer": ["textcraft", "babyai"],
    "sequence": ["textcraft", "babyai", "textcraft>babyai", "babyai>textcraft", "textcraft+babyai"],
}
OBSERVATIONS = {
    "textcraft": "Crafting commands:\ncraft 4 oak planks using 1 oak log\ncraft 4 stick using 2 oak planks\n"
    "craft 1 wooden pickaxe using 2 stick, 3 oak planks\n\nGoal: craft {goal}.",
    "babyai": "Your goal: go to the {goal}\nIn front of you in this room, you can see several objects: There is a "
    'grey box 1 right in front of you 3 steps away.\nAvailable actions: ["turn left", "go to grey box 1", "toggle"]',
    "webshop": "Instruction: find me a {goal}, price lower than 40.00 dollars\n[Search]\n[Back to Search]\nPage 1",
}
ACTIONS = {
    "textcraft": ["get 2 oak log", "craft 4 oak planks using 1 oak log", "craft 4 stick using 2 oak planks"],
    "babyai": ["turn left", "go to grey box 1", "toggle"],
    "webshop": ["search[oak table]", "click[B07]", "click[Buy Now]"],
}
GOALS = ["wooden pickaxe", "red ball", "blue key", "stick", "oak door", "grey box", "barrel", "lantern"]
FACTS: dict[str, dict[str, Any]] = {
    "textcraft": {
        "lists_actions": False, "reward": "at the goal", "max_turns": 8, "feedback": "every turn",
        "expert_turns_easy": 2.32, "expert_turns_hard": 4.66, "vocabulary_words": 404,
        "vocabulary_shared": {"textcraft": 1.0, "babyai": 0.1312},
    },
    "babyai": {
        "lists_actions": True, "reward": "at the goal", "max_turns": 8,
        "feedback": "what is seen every turn, reward at the end", "expert_turns_easy": 1.86,
        "expert_turns_hard": 8.9, "vocabulary_words": 115,
        "vocabulary_shared": {"textcraft": 0.4609, "babyai": 1.0},
    },
    "webshop": {"lists_actions": False, "reward": "graded", "max_turns": 10, "note": None},
}  # fmt: skip


def trajectory(
    environment: str,
    difficulty: str,
    task: int,
    sample: int,
    *,
    success: bool,
    turns: int = 3,
    status: str = "completed",
) -> dict[str, Any]:
    """One line of a file of trajectories, as the records write it."""
    goal = GOALS[task % len(GOALS)]
    steps = []
    for number in range(turns):
        action = ACTIONS[environment][number % 3]
        valid = (task + sample + number) % 5 != 0
        steps.append(
            {
                "observation": OBSERVATIONS[environment].format(goal=goal) if number == 0 else f"Got 1 {goal}",
                "text": f"Thought: I need a {goal}.\nAction: {action}",
                "action": action,
                "reward": 1.0 if success and number == turns - 1 else 0.0,
                "valid": valid,
                "token_ids": list(range(9)),
                "logprobs": [-0.5] * 9,
            }
        )
    return {
        "task": {
            "environment": environment, "id": f"{environment}/{difficulty}/test/{task}", "split": "test",
            "difficulty": difficulty, "seed": task, "answer": "PRIVATE-ANSWER",
        },
        "sample": sample, "turns": steps, "final_observation": "Crafted it." if success else "Nothing happens.",
        "status": status, "ret": float(success), "success": success,
    }  # fmt: skip


def cell(
    folder: Path,
    train: str,
    column: Column,
    rates: list[float],
    base: list[float] | None,
    role: str,
    *,
    trained_on: bool = False,
) -> Cell:
    """Draw the outcomes of one cell, write them, compute its figures from them; random play succeeds in 3 of 100."""
    draw = random.Random(f"{train} {column}")
    outcomes = [[draw.random() < rate for _ in range(SAMPLES)] for rate in rates]
    name = f"evaluations/{train.replace('>', '_').replace(':', '-')}/{'-'.join(column)}.jsonl"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    length = max(2, round(5 - 2 * statistics.fmean(rates)))
    lines = [
        json.dumps(trajectory(*column, task, sample, success=done, turns=length))
        for task, samples in enumerate(outcomes)
        for sample, done in enumerate(samples)
    ]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    means = [statistics.fmean(samples) for samples in outcomes]
    score, error = statistics.fmean(means), statistics.stdev(means) / TASKS**0.5
    delta = delta_error = p = None
    if base is not None:
        changes = [after - before for after, before in zip(means, base, strict=True)]
        delta, delta_error = statistics.fmean(changes), max(statistics.stdev(changes) / TASKS**0.5, 1e-6)
        p = 2 * (1 - statistics.NormalDist().cdf(abs(delta) / delta_error))
    return Cell.model_validate(
        {
            "train": train, "environment": column[0], "difficulty": column[1], "role": role, "trained_on": trained_on,
            "avg_at_k": score, "delta_vs_floor": score - 0.03, "delta_vs_floor_ci_low": score - 0.03 - 1.96 * error,
            "delta_vs_floor_ci_high": score - 0.03 + 1.96 * error, "p_vs_floor": 0.001, "p_vs_floor_adjusted": 0.02,
            "ci_low": max(0.0, score - 1.96 * error), "ci_high": min(1.0, score + 1.96 * error),
            "pass_at_k": statistics.fmean(float(any(samples)) for samples in outcomes), "delta_vs_base": delta,
            "delta_ci_low": None if delta is None or delta_error is None else delta - 1.96 * delta_error,
            "delta_ci_high": None if delta is None or delta_error is None else delta + 1.96 * delta_error,
            "p_value": p, "p_adjusted": None if p is None else min(1.0, 12 * p),
            "minimum_detectable": None if delta_error is None else 2.8 * delta_error, "tasks": TASKS, "families": TASKS,
            "k": SAMPLES,
            "turns": float(length), "generated_tokens": 9.0 * length, "invalid_rate": 0.2, "masked": 0,
            "trajectories": name,
        }
    )  # fmt: skip


def pools_of(train: str) -> list[tuple[str, str]]:
    """The columns that a checkpoint was trained on: `textcraft:easy`, or all of `textcraft`."""
    parts = train.replace("+", ">").split(">")
    return [column for column in COLUMNS if column[0] in parts or ":".join(column) in parts]


def curve(start: float, gain: float, updates: int = 24) -> list[dict[str, Any]]:
    """A learning curve that rises, with noise."""
    draw = random.Random(f"{start} {gain}")
    return [
        {
            "update": update + 1,
            "success": min(1.0, max(0.0, start + gain * (1 - 0.85**update) + draw.gauss(0, 0.06))),
            "zero_variance": min(1.0, max(0.0, 0.25 + 0.2 * update / updates + draw.gauss(0, 0.05))),
            "loss": 0.01,
        }
        for update in range(updates)
    ]


def simulate(folder: Path) -> Report:
    """Write the trajectories of a whole study into `folder` and return its report."""
    base, cells, references = played(folder)
    axes = {
        axis: [*base.values(), *(cells[train, column] for train in names for column in COLUMNS)]
        for axis, names in AXES.items()
    }
    return Report(
        study={"name": "Quick study", "id": "3f9a1c77d2e0b416", "config": {"seed": 7, "metrics": ["generalization"]}},
        provenance={
            "model": {"name": "tiny", "parameters": 1048576, "sha256": "9b1f0c77"},
            "hardware": {"cpu": "2 cores", "memory_gib": 8, "platform": "Linux"}, "seeds": {"study": 7},
            "versions": {"rftcore": "0.1.0", "rftcore-textcraft": "0.1.0", "rftcore-babyai": "0.1.0"},
            "manifests": {f"{name}/{level}/test": f"{index:064x}" for index, (name, level) in enumerate(COLUMNS)},
            "specs": {"algorithm": "grpo", "curriculum": "sequential"},
        },
        axes=Axes(**axes), references=references, summary=[summary(train, cells) for train in GAINS], masked=0,
        stages=[stage(train, base, cells) for train in GAINS], facts=FACTS,
        minimum_detectable=max(one.minimum_detectable or 0.0 for one in cells.values()),
        notes=["The imitation warm-up saw demonstrations of every environment, the held-out ones included."],
        study_seconds=512.3, finished_at="2026-08-03T10:15:00Z",
    )  # fmt: skip


def played(folder: Path) -> tuple[dict[Column, Cell], dict[tuple[str, Column], Cell], list[Cell]]:
    """Write every cell: those of base, those of the checkpoints, and the references'."""
    abilities: dict[Column, list[float]] = {}
    for column in COLUMNS:
        draw = random.Random(str(column))
        abilities[column] = [draw.gauss(0, 0.14) for _ in range(TASKS)]

    def rates(column: Column, mean: float) -> list[float]:
        return [min(1.0, max(0.0, mean + ability)) for ability in abilities[column]]

    base, means, cells = {}, {}, {}
    for column in COLUMNS:
        base[column] = cell(folder, "base", column, rates(column, BASE[column]), None, "base")
        lines = [json.loads(line) for line in (folder / base[column].trajectories).read_text().splitlines()]
        means[column] = [
            statistics.fmean(line["success"] for line in lines[start : start + SAMPLES])
            for start in range(0, len(lines), SAMPLES)
        ]
    for train, (_, gains) in GAINS.items():
        for column in COLUMNS:
            role = "held-in" if column[0] in train else "held-out"
            mean = BASE[column] + gains.get(" ".join(column), 0.0)
            pools = pools_of(train)
            cells[train, column] = cell(
                folder, train, column, rates(column, mean), means[column], role, trained_on=column in pools
            )
    references = [
        cell(folder, name, column, [rate] * TASKS, means[column], "reference")
        for name, rate in (("random", 0.03), ("oracle", 1.0))
        for column in COLUMNS
    ]
    return base, cells, references


def summary(train: str, cells: dict[tuple[str, Column], Cell]) -> dict[str, Any]:
    """What a checkpoint gained on average, held-in and held-out."""
    row: dict[str, Any] = {"train": train}
    for role in ("held_in", "held_out"):
        own = [one for (name, _), one in cells.items() if name == train and one.role == role.replace("_", "-")]
        changes = [one.delta_vs_base or 0.0 for one in own]
        level, mean = statistics.fmean(one.avg_at_k or 0.0 for one in own), statistics.fmean(changes)
        row |= {role: level, f"{role}_ci_low": level - 0.05, f"{role}_ci_high": level + 0.05}
        row |= {f"{role}_delta": mean, f"{role}_delta_ci_low": mean - 0.06, f"{role}_delta_ci_high": mean + 0.06}
    return row


def stage(train: str, base: dict[Column, Cell], cells: dict[tuple[str, Column], Cell]) -> StageReport:
    """How a checkpoint came about, and what it gained and lost on the checkpoint that it started from."""
    parent, gains = GAINS[train]
    before = {column: cells[parent, column] if parent != "base" else base[column] for column in COLUMNS}
    falls = [(before[column].avg_at_k or 0) - (cells[train, column].avg_at_k or 0) for column in COLUMNS]
    earlier = [fall for fall, column in zip(falls, COLUMNS, strict=True) if column in pools_of(parent)]
    fresh = [fall for fall, column in zip(falls, COLUMNS, strict=True) if column not in pools_of(train)]
    return StageReport(
        name=train, parent=parent,
        pools=[":".join(pool) for pool in pools_of(train.removeprefix(f"{parent}>"))],
        curve=curve(0.35, max(gains.values())),
        budget={"updates": 24, "groups": 16, "samples": 8, "episodes": 3072, "tokens": 91234},
        backward=-statistics.fmean(earlier) if earlier else None,
        forward=-statistics.fmean(fresh) if fresh else None,
        largest_drop=max(0.0, *falls), sampler_gap=2.1e-6,
        warnings=["41 % of the groups had no variance"] if train == "textcraft:hard" else [],
    )  # fmt: skip


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """A run folder with its trajectories, and the report of it."""
    folder = tmp_path_factory.mktemp("study")
    return folder, simulate(folder)


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Report]:
    """Build the report of one trained checkpoint on one set of tasks; keywords change its cell, `base` that of base."""

    def build(base: dict[str, Any] | None = None, **changes: Any) -> Report:
        common: dict[str, Any] = {
            "environment": "maze", "difficulty": "easy", "ci_low": 0.2, "ci_high": 0.4, "pass_at_k": 0.5, "tasks": 10,
            "families": 10, "k": 2, "turns": 3.0, "generated_tokens": 12.0, "invalid_rate": 0.1, "masked": 0,
        }  # fmt: skip
        nothing = dict.fromkeys(
            ("delta_vs_base", "delta_ci_low", "delta_ci_high", "p_value", "p_adjusted", "minimum_detectable")
        )
        unknown = dict.fromkeys(
            ("delta_vs_floor", "delta_vs_floor_ci_low", "delta_vs_floor_ci_high", "p_vs_floor", "p_vs_floor_adjusted")
        )
        first = {**common, **nothing, **unknown, **(base or {}), "train": "base", "role": "base", "trained_on": False}
        start = Cell(**{"avg_at_k": 0.3, "trajectories": "base.jsonl", **first})
        trained = {
            **common, **unknown, "train": "maze", "role": "held-in", "trained_on": True, "avg_at_k": 0.5,
            "ci_low": 0.4, "ci_high": 0.6,
            "delta_vs_base": 0.2, "delta_ci_low": 0.1, "delta_ci_high": 0.3, "p_value": 0.001, "p_adjusted": 0.004,
            "minimum_detectable": 0.15, "trajectories": "maze.jsonl", **changes,
        }  # fmt: skip
        return Report(
            study={"name": "Small", "id": "abc", "config": {}}, provenance={}, masked=0, minimum_detectable=0.15,
            axes=Axes(transfer=[start, Cell(**trained)]), study_seconds=61.0, finished_at="2026-08-03T10:15:00Z",
        )  # fmt: skip

    return build
