"""Makes a calibration: lets a reference policy play task lists, and divides the tasks by how often it succeeds.

What was played is kept beside the result until that is written, so a calibration that was stopped goes on. The same
arguments give the same file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from statistics import fmean
from typing import Any

from rftcore import eventloop, records, registry
from rftcore.blueprint import Blueprint
from rftcore.calibrated import read_calibration
from rftcore.environment import Environment
from rftcore.errors import ConfigError, RunError
from rftcore.executor import Tell
from rftcore.experiment import player
from rftcore.players import chats, policy_identity
from rftcore.rollout import collect
from rftcore.schemas.calibration import Calibration, Reference
from rftcore.schemas.config import EvaluationConfig
from rftcore.schemas.frozen import digest
from rftcore.schemas.task import SPLITS, Split, Task
from rftcore.schemas.trajectory import Group, Trajectory

CHUNK = 64
"""Tasks after which what was played is written down; bounds the trajectories in memory."""


def calibrate(
    config: EvaluationConfig,
    environment: str,
    out: Path,
    *,
    k: int,
    threshold: float = 0.5,
    splits: Sequence[Split] = SPLITS,
    tasks: int | None = None,
    report: Tell = lambda done, total, remark: None,
) -> Calibration:
    """Play the first `tasks` tasks of each list of `splits`, `k` samples each, and write the split to `out`.

    The player is the policy or the model of `config`. A result that is there already is returned as it is; a part of it
    is completed.

    Raises ConfigError for wrong arguments and when `out` holds another calibration, RunError when nothing of a chunk of
    tasks could be played, or a budget did not last.
    """
    if not 0.0 < threshold <= 1.0:
        raise ConfigError(f"threshold: found {threshold:g}, expected a share above 0 and at most 1")
    if config.calibration:
        raise ConfigError("calibration: found one to be used, expected none where one is made")
    blueprint = Blueprint(config.model_copy(update={"environments": {environment: config.environments[environment]}}))
    world = blueprint.environments[environment]
    empty = _head(blueprint, environment, k, threshold, splits, tasks)
    if out.exists():
        return _same(read_calibration(out), empty, out)
    chosen = {split: _taking_turns(world, split, tasks) for split in splits}
    part = part_of(out)
    rates = _told(part, empty)
    _play(blueprint, world, [task for split in splits for task in chosen[split]], k, part, rates, report)
    done = _divided(empty, chosen, rates)
    records.write_json(out, done.model_dump(mode="json"))
    part.unlink()
    return done


def part_of(out: Path) -> Path:
    """Return the file that holds what was played, until `out` is written."""
    return out.with_name(f"{out.name}.part")


def policy_of(out: Path) -> Path:
    """Return the folder of what the policy keeps, such as answers that were paid for."""
    return out.with_name(f"{out.name.removesuffix('.part')}.policy")


def _check_budget(group: Group) -> None:
    """Refuse the pass rate of a task that was not played to its end."""
    for trajectory in group.trajectories:
        if trajectory.status == "budget":
            raise RunError(
                f"{group.task.id} was not played: {trajectory.error}. Raise the budget and calibrate again: what was "
                "played and paid for is kept"
            )


def _head(
    blueprint: Blueprint, environment: str, k: int, threshold: float, splits: Sequence[Split], tasks: int | None
) -> Calibration:
    """Return the calibration without its results: all that determines them."""
    config, plan = blueprint.config, blueprint.plan
    assert isinstance(config, EvaluationConfig)
    if config.policy is None:
        dumped = config.model_dump(mode="json")
        settings = {key: dumped[key] for key in ("dtype", "format", "history", "sampler", "sampling")}
        policy = Reference(name=config.model, identity=plan.model, is_model=True, settings=settings)
    else:
        version = registry.spec("policy", config.policy.name).version
        settings = {"policy": policy_identity(config.policy)} if config.policy.options else {}
        if chats(config.policy):
            dumped = config.model_dump(mode="json")
            settings |= {key: dumped[key] for key in ("format", "history", "shots") if key in dumped}
        policy = Reference(name=config.policy.name, identity=version, is_model=False, settings=settings)
    lists = {place.partition("/")[2]: sha for place, sha in plan.manifests.items()}
    return Calibration(
        environment=environment,
        environment_version=registry.spec("environment", environment).version,
        options=config.environments[environment],
        policy=policy,
        k=k,
        threshold=threshold,
        seed=config.seed,
        tasks=tasks,
        manifests={place: sha for place, sha in lists.items() if place.rpartition("/")[2] in splits},
    )


def _same(found: Calibration, empty: Calibration, out: Path) -> Calibration:
    """Return `found` if it is what was asked for."""
    results = {"pass_rates", "easy", "hard"}
    here, wanted = found.model_dump(exclude=results), empty.model_dump(exclude=results)
    differing = [key for key in wanted if here[key] != wanted[key]]
    if differing:
        raise ConfigError(
            f"{str(out)!r} holds another calibration, with other {', '.join(differing)}; "
            "choose another --out, or say --fresh"
        )
    return found


def _taking_turns(world: Environment, split: Split, tasks: int | None) -> list[Task]:
    """Return the first `tasks` tasks of each difficulty's list, one of each in turn."""
    lists = [world.tasks(split, difficulty)[:tasks] for difficulty in world.difficulties]
    return [task for task in chain.from_iterable(zip_longest(*lists)) if task is not None]


def _told(part: Path, empty: Calibration) -> dict[str, float | None]:
    """Return the pass rates that a stopped calibration left in `part`; begin that file when there is none."""
    lines = records.read_lines(part)
    if not lines:
        part.unlink(missing_ok=True)
        records.append_line(part, {"calibration": digest(empty)})
        return {}
    if lines[0] != {"calibration": digest(empty)}:
        raise ConfigError(
            f"{str(part)!r} is what is left of another calibration; choose another --out, or say --fresh to drop it"
        )
    return {line["task"]: line["pass_rate"] for line in lines[1:]}


def _play(
    blueprint: Blueprint,
    world: Environment,
    tasks: Sequence[Task],
    k: int,
    part: Path,
    rates: dict[str, float | None],
    report: Tell,
) -> None:
    """Add the pass rates that are missing to `rates`, and to `part`."""
    config = blueprint.config
    assert isinstance(config, EvaluationConfig)
    left = [task for task in tasks if task.id not in rates]
    report(len(tasks) - len(left), len(tasks), "starts")
    actor = player(config, config.policy, config.model, policy_of(part)) if left else None
    successes = [rate for rate in rates.values() if rate is not None]
    played = 0

    def one_more(trajectory: Trajectory) -> None:
        nonlocal played
        played += 1
        known = f"success {fmean(successes):.2f}" if successes else ""
        report(len(tasks) - len(left) + played / k, len(tasks), known)

    for start in range(0, len(left), CHUNK):
        assert actor is not None
        some = left[start : start + CHUNK]
        for group in eventloop.run(collect({world.name: world}, actor, some, k, seed=config.seed, on_episode=one_more)):
            _check_budget(group)
            rate = fmean(trajectory.success for trajectory in group.usable) if group.usable else None
            rates[group.task.id] = rate
            successes += [] if rate is None else [rate]
            records.append_line(part, {"task": group.task.id, "pass_rate": rate})
    if actor is not None:
        actor.stop()


def _divided(
    empty: Calibration, chosen: Mapping[Split, Sequence[Task]], rates: Mapping[str, float | None]
) -> Calibration:
    """Return the calibration with its results."""
    parts: dict[str, Any] = {"easy": {}, "hard": {}}
    for split, tasks in chosen.items():
        known = [(task.id, rate) for task in tasks if (rate := rates[task.id]) is not None]
        parts["easy"][split] = tuple(key for key, rate in known if rate >= empty.threshold)
        parts["hard"][split] = tuple(key for key, rate in known if rate < empty.threshold)
    ordered = {task.id: rates[task.id] for tasks in chosen.values() for task in tasks}
    return Calibration(**{**dict(empty), "pass_rates": ordered, **parts})
