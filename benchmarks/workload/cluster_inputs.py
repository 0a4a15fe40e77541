"""What the simulation of a cluster takes from this repository: the plan of the paper's study, and measured episodes."""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path
from statistics import fmean
from typing import Any

from rftcore import Study
from rftcore.environment import Environment
from rftcore.estimate import CHARACTERS, evaluated, played
from rftcore.plan import CellNode

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = ROOT / "examples" / "studies" / "paper_2603_12011.yaml"
RECORDS = sorted((ROOT / "docs" / "results" / "five_environments").glob("seed-*.json"))
PROBE = 16
"""Tasks of each environment that are played at random."""


def measured() -> dict[str, Any]:
    """Return the inputs: the plan's jobs, and of each environment the turns, tokens and seconds."""
    study = Study(PROTOCOL)
    config, plan, environments = study.config, study.blueprint.plan, study.blueprint.environments

    def cell(node: CellNode) -> dict[str, Any]:
        return {
            "key": node.key,
            "checkpoint": node.checkpoint,
            "environment": node.environment,
            "trained": node.train != "base",
            "tasks": evaluated(config, environments[node.environment], node.difficulty),
        }

    return {
        "measured_on": {"machine": platform.machine(), "python": platform.python_version()},
        "groups": config.training.groups,
        "samples": config.training.samples,
        "checkpoint_every": config.training.checkpoint_every,
        "evaluation_samples": config.evaluation.samples,
        "slots": config.sampler.options["slots"],
        "environments": {name: _environment(environment) for name, environment in environments.items()},
        "stages": [
            {
                "key": stage.key,
                "parent": stage.parent,
                "updates": stage.updates,
                "environments": sorted({source.environment for source in stage.stage.sources}),
            }
            for stage in plan.stages
        ],
        "cells": [cell(node) for node in plan.cells if not node.policy],
    }


def _environment(environment: Environment) -> dict[str, Any]:
    tasks = [task for difficulty in environment.difficulties for task in environment.tasks("test", difficulty)[:PROBE]]
    began = time.process_time()
    runs = list(played(environment, tasks, "random"))
    seconds = time.process_time() - began
    turns = [turn for run in runs for turn in run.turns]
    return {
        "max_turns": environment.max_turns,
        "opening": round(len(environment.instructions) / CHARACTERS),
        "observation": round(fmean(len(turn.observation) for turn in turns) / CHARACTERS),
        "turn_seconds": seconds / len(turns),
        "turns": {"base": _turns(environment.name, "base"), "trained": _turns(environment.name, environment.name)},
    }


def _turns(environment: str, checkpoint: str) -> float:
    """Return the mean turns of a checkpoint's test episodes in an environment, over its difficulties and the seeds."""
    cells = [cell for record in RECORDS for cell in json.loads(record.read_text(encoding="utf-8"))["cells"]]
    return fmean(cell["turns"] for cell in cells if (cell["train"], cell["environment"]) == (checkpoint, environment))
