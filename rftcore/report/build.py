"""From a run folder to a `Report`: reads what the jobs left, asks the metrics, adds where everything came from.

Needs no model, so a report can be made again from stored trajectories.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

from pydantic import JsonValue

from rftcore import records, registry
from rftcore.blueprint import make_environment
from rftcore.environment import Environment, distinct_words
from rftcore.errors import ConfigError
from rftcore.metric import CellData, StudyData, StudyFigures
from rftcore.plan import CellNode, Plan, StageNode
from rftcore.policy import Spending, added
from rftcore.provenance import effort, placeless, provenance
from rftcore.records import RunFolder
from rftcore.report.accounts import account_rows, loss_notes
from rftcore.report.notes import notes
from rftcore.schemas.config import Settings
from rftcore.schemas.report import Report, StageReport
from rftcore.stages import samples, settings_of
from rftcore.updates import FLAT, GAP
from rftcore.validation import best

_CURVE_LEAVES_OUT = frozenset({"groups", "by_source", "accounts"})


def build_report(folder: RunFolder, config: Settings, plan: Plan, *, study_seconds: float) -> Report:
    """Return the report of a finished run.

    Raises RunError when trajectories are missing or damaged, ConfigError when no metric summarizes a study.
    """
    evidence = {node.key: _evidence(folder, node) for node in plan.cells}
    stages = [_stage(folder, config, plan, node) for node in plan.stages]
    data = StudyData(
        cells=[evidence[node.key] for node in plan.cells if not node.policy],
        references=[evidence[node.key] for node in plan.cells if node.policy],
        axes=dict(plan.axes),
        stages=stages,
        trained_on={node.name: plan.trained_on(node.name) for node in plan.stages},
        seed=config.seed,
    )
    figures = _figures(config, data)
    environments = {name: make_environment(config, name) for name in config.environments}
    facts = _facts(environments, {name for node in plan.stages for name in plan.trained_in(node.name)})
    accounts = account_rows(list(evidence.values()), _training_accounts(folder, plan))
    masked = sum(t.masked for found in evidence.values() for group in found.groups for t in group.trajectories)
    return Report(
        study={
            "name": config.name,
            "id": folder.record()["id"],
            "config": placeless(config.model_dump(mode="json", exclude={"executor", "trackers"})),
        },
        provenance=provenance(folder, config, plan) | {"effort": effort(folder, plan, evidence.values())},
        axes=figures.axes,
        references=figures.references,
        stages=figures.stages,
        facts=facts,
        summary=figures.summary,
        masked=masked,
        spending=_spending(folder, plan),
        failures=figures.failures,
        accounts=accounts,
        minimum_detectable=figures.minimum_detectable,
        notes=[
            *_unplayed(data.references),
            *loss_notes(accounts),
            *notes(config.model if plan.model else "", config.environments, facts, figures.axes),
        ],
        study_seconds=study_seconds,
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _training_accounts(folder: RunFolder, plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield what each update of each stage counted; stages of a version that did not count have nothing to say."""
    for node in plan.stages:
        for line in records.read_lines(folder.stage(node.key) / "updates.jsonl"):
            yield line.get("accounts", {})


def _facts(environments: Mapping[str, Environment], trained: Collection[str]) -> dict[str, dict[str, JsonValue]]:
    """Return what each environment says about itself, and the share of its words that each one `trained` in has too."""
    words = {name: distinct_words(environment.vocabulary()) for name, environment in environments.items()}
    facts: dict[str, dict[str, JsonValue]] = {}
    for name, environment in environments.items():
        facts[name] = dict(environment.facts())
        if words[name] and trained:
            shares = {other: len(words[name] & words[other]) / len(words[name]) for other in sorted(trained)}
            facts[name]["vocabulary_shared"] = {other: round(share, 4) for other, share in shares.items()}
    return facts


def _evidence(folder: RunFolder, node: CellNode) -> CellData:
    return CellData(
        train=node.train,
        environment=node.environment,
        difficulty=node.difficulty,
        groups=folder.groups(node.key),
        trajectories=str(folder.cell(node.key).relative_to(folder.path)),
    )


def _spending(folder: RunFolder, plan: Plan) -> dict[str, dict[str, JsonValue]]:
    """Return what the answers of each policy cost, where they cost anything."""
    parts: dict[str, list[Spending]] = {}
    for node in plan.cells:
        if node.policy and (found := records.read_json(folder.cell_figures(node.key)).get("spending")):
            parts.setdefault(node.train, []).append(Spending.of(found))
    return {name: asdict(added(every)) for name, every in parts.items()}


def _unplayed(references: Sequence[CellData]) -> list[str]:
    """Return a note on each policy whose budget did not last."""
    found = []
    for name in dict.fromkeys(cell.train for cell in references):
        every = [t for cell in references if cell.train == name for group in cell.groups for t in group.trajectories]
        lost = sum(trajectory.status == "budget" for trajectory in every)
        if lost:
            found.append(
                f"The budget of {name} did not last: {lost} of its {len(every)} samples were not played to their end. "
                "They are masked, and its figures are those of the others; with a larger budget the run goes on."
            )
    return found


def _figures(config: Settings, data: StudyData) -> StudyFigures:
    for component in config.metrics:
        figures: StudyFigures | None = registry.create("metric", component.name, component.options).study(data)
        if figures is not None:
            return figures
    names = ", ".join(component.name for component in config.metrics) or "none"
    raise ConfigError(
        f"metrics: none of them ({names}) summarizes a study; add 'generalization' (rftcore-generalization)"
    )


def _stage(folder: RunFolder, config: Settings, plan: Plan, node: StageNode) -> StageReport:
    lines = records.read_lines(folder.stage(node.key) / "updates.jsonl")
    own, chain = settings_of(config, node.stage), plan.chain(node.name)
    warnings = []
    flat = fmean(line["zero_variance"] for line in lines)
    compares: Any = registry.spec("algorithm", own.algorithm.name)
    if flat > FLAT and compares.grouped:
        warnings.append(
            f"{flat:.0%} of the groups had no variance, so most rollouts taught nothing: choose tasks that the policy "
            "solves sometimes, or let it learn from demonstrations first"
        )
    idle = sum(not line["rows"] for line in lines)
    if idle and not compares.grouped:
        warnings.append(
            f"{idle} of {len(lines)} updates taught nothing, because no trajectory had any credit: the weights stayed "
            "as they were"
        )
    gaps = [line["sampler_gap"] for line in lines if "sampler_gap" in line]
    drift = sum(line["drift"] for line in lines)
    shown = sum(line.get("demonstrated_tokens", 0) for line in lines)
    if drift:
        warnings.append(
            f"drift: the context of {drift:,} sampled tokens is not the one that they were trained in; expected 0: "
            "what was learned is not what was sampled"
        )
    if gaps and not max(gaps) <= GAP:
        warnings.append(
            f"sampler_gap: a token's logprob in the sampler and in the learner differ by up to {max(gaps):.2g}, "
            f"expected at most {GAP:g}: the sampler does not play the policy that is trained; try dtype float32, or "
            "another sampler"
        )
    return StageReport(
        name=node.name,
        parent=chain[-2].name if len(chain) > 1 else "base",
        pools=[":".join(pool) for pool in plan.drawn(node)],
        budget={
            "updates": len(lines),
            "groups": own.training.groups,
            "samples": samples(config, node.stage),
            "episodes": sum(line["episodes"] for line in lines),
            "sampled_tokens": sum(line["sampled_tokens"] for line in lines),
            **_validated(own, node, lines),
            **_staleness(own, lines),
            **({"demonstrated_tokens": shown} if shown else {}),
        },
        curve=[{key: value for key, value in line.items() if key not in _CURVE_LEAVES_OUT} for line in lines],
        backward=None,
        forward=None,
        largest_drop=None,
        drift=drift,
        sampler_gap=max(gaps) if gaps else None,
        warnings=warnings,
    )


def _validated(config: Settings, node: StageNode, lines: Sequence[Mapping[str, Any]]) -> dict[str, JsonValue]:
    """Return what validation cost and decided, where there was any."""
    validation = config.training.validation
    if validation is None:
        return {}
    return {
        "updates_planned": node.updates,
        "updates_behind_checkpoint": best(lines) if validation.checkpoint == "best" else len(lines),
        "validation_episodes": sum(
            line.get(f"{name}_episodes", 0) for line in lines for name in ("start_validation", "validation")
        ),
    }


def _staleness(config: Settings, lines: Sequence[Mapping[str, Any]]) -> dict[str, JsonValue]:
    """Return how old the weights were that played, where a stage allowed them to be older than those that learned."""
    told = [line for line in lines if "staleness" in line]
    if not told:
        return {}
    tokens = sum(line["sampled_tokens"] for line in told)
    return {
        "max_staleness": config.training.max_staleness,
        "stale_tokens": sum(line["stale_tokens"] for line in told),
        "mean_staleness": sum(line["staleness"] * line["sampled_tokens"] for line in told) / max(1, tokens),
    }
