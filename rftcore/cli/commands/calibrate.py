"""`rftcore calibrate`: divide an environment's tasks into easy and hard by how often a reference policy solves them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rftcore.cli.running import configured, one_job
from rftcore.cli.terminal import console, emit, table

if TYPE_CHECKING:
    from rftcore.schemas.calibration import Calibration
    from rftcore.schemas.config import EvaluationConfig


def calibrate(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Name of an installed environment.")],
    policy: Annotated[
        str, typer.Option(metavar="P", help="Who plays: a policy, such as random, or a model: folder or hub id.")
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Overrides, as of an evaluation.")
    ] = None,
    k: Annotated[int, typer.Option("--k", min=1, help="Samples of each task.")] = 8,
    split: Annotated[Literal["train", "test", "both"], typer.Option(help="Which lists; a run needs both.")] = "both",
    tasks: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N tasks of each list.")] = None,
    threshold: Annotated[
        float, typer.Option(metavar="T", help="A task is easy when at least this share of its samples succeed.")
    ] = 0.5,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; default: calibration-ENV-P.json.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete what is there already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary for a program.")] = False,
) -> None:
    """Let a reference policy play the task lists, and write which tasks are easy for it and which are hard.

    An experiment uses the file in place of the environment's own difficulties: calibration.ENV=FILE.
    A calibration that was stopped goes on where it was.

    Examples:

        rftcore calibrate textcraft --policy random --tasks 50 --threshold 0.25
        rftcore calibrate babyai --policy Qwen/Qwen2.5-7B-Instruct format=react
        rftcore calibrate textcraft --policy rftcore/tiny --k 4 --out split.json
        rftcore study study.yaml calibration.textcraft=split.json
    """
    from rftcore.calibration import calibrate as make
    from rftcore.calibration import part_of, policy_of

    config = _config(environment, policy, arguments or [])
    place = out or Path(f"calibration-{environment}-{re.sub(r'[^A-Za-z0-9.]+', '-', policy).strip('-.')}.json")
    if fresh:
        place.unlink(missing_ok=True)
        part_of(place).unlink(missing_ok=True)
        shutil.rmtree(policy_of(place), ignore_errors=True)
    options: dict[str, Any] = {"k": k, "threshold": threshold, "tasks": tasks}
    options["splits"] = ("train", "test") if split == "both" else (split,)
    with one_job(f"{policy} plays {environment}", place, "What was played") as report:
        found = make(config, environment, place, **options, report=report)
    if as_json:
        emit(_summary(found, place))
    else:
        _show(found, place)


def _config(environment: str, policy: str, overrides: list[str]) -> EvaluationConfig:
    """Return the evaluation that the calibration plays as. Raises PluginError when `policy` is neither of the two."""
    from rftcore import registry
    from rftcore.schemas.config import EvaluationConfig

    source: dict[str, Any] = {"environments": {environment: {}}}
    if policy in registry.names("policy"):
        source["policy"] = policy
    elif "/" in policy or Path(policy).is_dir():
        source["model"] = policy
    else:
        registry.spec("policy", policy)  # which says what there is
    config = configured(EvaluationConfig, source, overrides, None, None)
    assert isinstance(config, EvaluationConfig)
    return config


def _summary(found: Calibration, place: Path) -> dict[str, Any]:
    known = [rate for rate in found.pass_rates.values() if rate is not None]
    return {
        "file": str(place),
        "environment": found.environment,
        "policy": found.policy.model_dump(mode="json"),
        "k": found.k,
        "threshold": found.threshold,
        "easy": {split: len(ids) for split, ids in found.easy.items()},
        "hard": {split: len(ids) for split, ids in found.hard.items()},
        "pass_rate": sum(known) / len(known) if known else None,
        "masked": len(found.pass_rates) - len(known),
    }


def _show(found: Calibration, place: Path) -> None:
    rows = []
    for name, lists in (("easy", found.easy), ("hard", found.hard)):
        for split, ids in lists.items():
            rates = [rate for rate in map(found.pass_rates.get, ids) if rate is not None]
            rows.append((name, split, str(len(ids)), f"{sum(rates) / len(rates):.3f}" if rates else "-"))
    table(("difficulty", "split", "tasks", "mean pass rate"), rows)
    masked = sum(rate is None for rate in found.pass_rates.values())
    if masked:
        console().print(f"\n{masked} tasks are in neither: the machine failed at every sample of them", style="yellow")
    empty = [f"{name} {split}" for name, split, tasks, _ in rows if tasks == "0"]
    if empty:
        console().print(
            f"\nno {' and no '.join(empty)} tasks: choose another --threshold before a run uses this", style="yellow"
        )
    console().print(f"\n{place}")
