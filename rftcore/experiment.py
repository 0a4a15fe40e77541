"""One line of training and its evaluation, read from top to bottom.

    curriculum.next -> tasks -> rollout.collect -> groups -> algorithm.credit -> credits -> engine.update -> new weights

`train_stage` is that loop for one stage; `evaluate_cell` plays the fixed test tasks with one checkpoint. Both are jobs: they
find everything in the run folder, leave whole files there, and pick up where a killed predecessor stopped. All
randomness follows from the seed, the stage and the update, so a resumed run gives the numbers of one never killed.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rftcore import records, registry
from rftcore.compose import compose
from rftcore.curriculum import UpdateRecord
from rftcore.environment import Environment
from rftcore.formats import prompt_format
from rftcore.models import fingerprint
from rftcore.options import validate
from rftcore.plan import CellNode, Plan, StageNode, make_plan, pools
from rftcore.records import RunFolder
from rftcore.rollout import Actor, PolicyActor, collect
from rftcore.schemas.config import Component, ExperimentConfig, Settings, StudyConfig
from rftcore.schemas.frozen import digest
from rftcore.schemas.trajectory import Credit, Group, Trajectory
from rftcore.specs import SamplerSpec

if TYPE_CHECKING:
    from rftcore.metric import Metric
    from rftcore.train.engine import Engine

Report = Callable[[float, float, str], None]
"""Progress of a job: steps done, steps in total, a short remark."""

KINDS: dict[str, type[Settings]] = {"experiment": ExperimentConfig, "study": StudyConfig}


class Blueprint:
    """A configuration with every default filled in, its plan, and its id: all that a run is, before it runs."""

    def __init__(self, config: Settings) -> None:
        """Resolve `config`. Raises ConfigError or PluginError for anything that could not run."""
        names = _environment_names(config)
        self.environments = {
            name: registry.create("environment", name, config.environments.get(name, {}), f"environments.{name}")
            for name in names
        }
        prompt_format(config.format)
        self.config = config.model_copy(
            update={
                "environments": {name: env.config.model_dump(mode="json") for name, env in self.environments.items()},
                "algorithm": _complete("algorithm", config.algorithm),
                "sampler": _complete("sampler", config.sampler),
                "metrics": tuple(_complete("metric", metric, f"metrics.{metric.name}") for metric in config.metrics),
            }
        )
        registry.create("executor", config.executor.name, config.executor.options, "executor").close()
        self.plan = make_plan(self.config, self.environments, fingerprint(config.model))
        self.kind = next(kind for kind, model in KINDS.items() if isinstance(config, model))

    @property
    def id(self) -> str:
        """sha256 of everything that can change a number: not the name, not where jobs run."""
        content = self.config.model_dump(mode="json", exclude={"name", "executor"})
        return digest({"kind": self.kind, "config": content, "plan": self.plan.model_dump(mode="json")})

    def record(self) -> dict[str, Any]:
        """Return what `run.json` holds."""
        return {
            "schema_version": 1,
            "id": self.id,
            "kind": self.kind,
            "config": self.config.model_dump(mode="json"),
            "plan": self.plan.model_dump(mode="json"),
        }


def load_record(folder: RunFolder) -> tuple[Settings, Plan]:
    """Return the resolved configuration and the plan of a run."""
    record = folder.record()
    return validate(KINDS[record["kind"]], record["config"]), validate(Plan, record["plan"])


def train_stage(payload: dict[str, Any], report: Report) -> dict[str, Any]:
    """Job: train the stage `payload["key"]` of the run in `payload["run"]`; returns what `stage.json` holds."""
    folder = RunFolder(Path(payload["run"]))
    config, plan = load_record(folder)
    node = next(node for node in plan.stages if node.key == payload["key"])
    place, started = folder.stage(node.key), time.monotonic()
    environments = _environments(config, [source.environment for source in node.stage.sources])
    tasks = {
        pool: environments[pool.partition(":")[0]].tasks("train", pool.partition(":")[2])
        for pool in pools(node.stage, environments)
    }
    algorithm = registry.create("algorithm", config.algorithm.name, config.algorithm.options, "algorithm")
    curriculum = registry.create("curriculum", node.curriculum.name, node.curriculum.options, "train")
    resume, log = place / "resume", place / "updates.jsonl"
    first = node.updates and _resume_point(resume)
    parent: Path | str = folder.stage(node.parent) / "checkpoint" if node.parent else config.model
    engine = _engine(config, resume if first else parent, algorithm)
    if first:
        engine.restore(resume)
    lines = records.read_lines(log)[:first]
    records.write_text(log, "".join(records.line(value) for value in lines))
    history = [_history(value) for value in lines]
    for update in range(first, node.updates):
        began = time.monotonic()
        limit = curriculum.turn_limit(node.stage, update, node.updates)
        groups: list[Group] = []
        credits: list[list[Credit | None]] = []
        for round_ in range(1 + config.training.refills):
            wanted = curriculum.next(
                node.stage, update + round_ * node.updates, config.training.groups, tasks, history, _seed(config.seed, node.key)
            )
            more = asyncio.run(
                collect(
                    environments,
                    engine.actor,
                    wanted,
                    config.training.samples,
                    seed=_seed(config.seed, node.key, update, round_),
                    turn_limit=limit,
                )
            )
            groups += more
            credits += algorithm.credit(more)
            if sum(any(credit is not None for credit in earned) for earned in credits) >= config.training.groups:
                break
        figures = engine.update(groups, credits)
        value = {"update": update, **_figures(groups), **figures, "update_seconds": time.monotonic() - began}
        value["groups"] = [
            {"task": g.task.id, "returns": [t.ret for t in g.usable], "successes": [t.success for t in g.usable]}
            for g in groups
        ]
        records.append_line(log, value)
        history.append(_history(value))
        if (update + 1) % config.training.checkpoint_every == 0 and update + 1 < node.updates:
            engine.save(resume, {"update": update + 1}, resumable=True)
        report(update + 1, node.updates, f"success {value['success']:.2f}")
    engine.save(place / "checkpoint", {"update": node.updates, "name": node.name}, resumable=False)
    shutil.rmtree(resume, ignore_errors=True)
    done = {"name": node.name, "updates": node.updates, "stage_seconds": time.monotonic() - started}
    records.write_json(place / "stage.json", done)
    return done


def evaluate_cell(payload: dict[str, Any], report: Report) -> dict[str, Any]:
    """Job: play the fixed test tasks of the cell `payload["key"]`; returns what the cell's `.json` holds."""
    folder = RunFolder(Path(payload["run"]))
    config, plan = load_record(folder)
    node = next(node for node in plan.cells if node.key == payload["key"])
    started = time.monotonic()
    environments = _environments(config, [node.environment])
    tasks = environments[node.environment].tasks("test", node.difficulty)[: config.evaluation.tasks]
    total, finished = len(tasks) * config.evaluation.samples, 0

    def one_more(trajectory: Trajectory) -> None:
        nonlocal finished
        finished += 1
        report(finished, total, "")

    actor: Actor
    if node.policy:
        actor = PolicyActor(registry.create("policy", node.train))
    else:
        start = folder.stage(node.checkpoint) / "checkpoint" if node.checkpoint else config.model
        actor = _engine(config, start).actor
    groups = asyncio.run(
        collect(
            environments, actor, tasks, config.evaluation.samples, seed=_seed(config.seed, "test"), on_episode=one_more
        )
    )
    records.write_groups(folder.cell(node.key), groups)
    done = {
        "train": node.train,
        "environment": node.environment,
        "difficulty": node.difficulty,
        "scores": measure(config, groups),
        "cell_seconds": time.monotonic() - started,
    }
    records.write_json(folder.cell_figures(node.key), done)
    return done


def measure(config: Settings, groups: Sequence[Group]) -> dict[str, float]:
    """Return what the configured metrics say of one cell's groups."""
    scores: dict[str, float] = {}
    for component in config.metrics:
        metric: Metric = registry.create("metric", component.name, component.options)
        scores |= metric.measure(groups)
    return scores


def settings(kind: type[Settings], source: Any = None, overrides: Sequence[str] = (), **fields: Any) -> Settings:
    """Return a configuration from a YAML file or mapping with overrides, or from fields that may hold live components.

    `environments` may be a list of environments; `algorithm`, `train`, `executor` may be instances.
    """
    if source is not None:
        return compose(kind, source, overrides)
    plain = {key: _plain(value) for key, value in fields.items()}
    environments = fields.get("environments")
    if isinstance(environments, (list, tuple)):
        plain["environments"] = {env.name: env.config.model_dump(mode="json") for env in environments}
    return compose(kind, plain, overrides)


def _plain(value: Any) -> Any:
    if hasattr(value, "config") and hasattr(value, "name"):
        return {"name": value.name, "options": value.config.model_dump(mode="json")}
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _engine(config: Settings, start: Path | str, algorithm: Any = None) -> Engine:
    """Import torch, here and nowhere else in core's own flow."""
    from rftcore.train.engine import Engine

    return Engine(config, start, algorithm)


def _environment_names(config: Settings) -> list[str]:
    names = dict.fromkeys(config.environments)
    trained = []
    if isinstance(config, StudyConfig):
        trained = [*config.axes.difficulty, *config.axes.transfer, *config.axes.sequence]
    elif isinstance(config, ExperimentConfig):
        trained = [config.train]
    for component in trained:
        curriculum = registry.create("curriculum", component.name, component.options, "train")
        names |= dict.fromkeys(source.environment for stage in curriculum.stages() for source in stage.sources)
    if isinstance(config, StudyConfig) and config.held_out == "installed":
        names |= dict.fromkeys(registry.names("environment"))
    return list(names)


def _environments(config: Settings, names: Sequence[str]) -> dict[str, Environment]:
    return {
        name: registry.create("environment", name, config.environments[name], f"environments.{name}")
        for name in dict.fromkeys(names)
    }


def _complete(kind: str, component: Component, where: str = "") -> Component:
    """Return `component` with every option of its plugin filled in."""
    spec = registry.spec(kind, component.name)
    if isinstance(spec, SamplerSpec):
        module, _, name = spec.config.partition(":")
        model = getattr(import_module(module), name)
    else:
        model = registry.resolve(kind, component.name).Config
    options = validate(model, component.options, where or kind)
    return Component(name=component.name, options=options.model_dump(mode="json"))


def _resume_point(folder: Path) -> int:
    if not (folder / "checkpoint.json").is_file():
        return 0
    from rftcore.train.checkpoint import read_state

    return int(read_state(folder)["update"])


def _seed(*parts: object) -> int:
    return int(digest(list(parts))[:12], 16)


def _figures(groups: Sequence[Group]) -> dict[str, Any]:
    """Return an update's training figures; None where every trajectory was masked."""
    usable = [trajectory for group in groups for trajectory in group.usable]
    sources: dict[str, list[bool]] = {}
    for trajectory in usable:
        sources.setdefault(f"{trajectory.task.environment}:{trajectory.task.difficulty}", []).append(trajectory.success)
    flat = [len({t.ret for t in group.usable}) <= 1 for group in groups]
    return {
        "success": fmean(t.success for t in usable),
        "return": fmean(t.ret for t in usable),
        "turns": fmean(len(t.turns) for t in usable),
        "zero_variance": fmean(flat),
        "episodes": sum(len(group.trajectories) for group in groups),
        "masked": sum(t.masked for group in groups for t in group.trajectories),
        "sampled_tokens": sum(len(turn.token_ids) for t in usable for turn in t.turns),
        "by_source": {name: fmean(found) for name, found in sorted(sources.items())},
    }


def _history(value: Mapping[str, Any]) -> UpdateRecord:
    return UpdateRecord(update=value["update"], success=value["success"], by_source=value["by_source"])
