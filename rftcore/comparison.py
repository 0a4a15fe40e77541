"""Two runs compared cell by cell, from their stored trajectories; needs no model.

A cell is compared with the other run's cell of the same checkpoint, environment and difficulty, on the same tasks or
not at all. What is the same work in both runs, as base is where only the training differs, is left out: it can show
nothing, and Holm's correction would charge the other cells for it. Where the environment's own rules differ, the
comparison is made and says so: what other rules change may be what is asked, and may be what nobody noticed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from rftcore import registry
from rftcore.blueprint import load_record
from rftcore.errors import ConfigError, RunError
from rftcore.metric import CellData, Metric
from rftcore.plan import CellNode
from rftcore.records import RunFolder, read_groups
from rftcore.schemas.comparison import Comparison, Rule, RunComparison, Uncompared
from rftcore.schemas.config import Settings
from rftcore.schemas.trajectory import Group

_Cells = Mapping[tuple[str, str, str], CellNode]
"""By checkpoint, environment and difficulty; without the checkpoint where there is one only."""


def compare(
    before: RunFolder, after: RunFolder, *, from_checkpoint: str | None = None, to_checkpoint: str | None = None
) -> RunComparison:
    """Return how the cells of `after` differ from those of `before`, as the first metric says that compares.

    Checkpoints and policies of equal names are compared; with names, only `from_checkpoint` of `before` with
    `to_checkpoint` of `after`, and one name alone stands for both. Raises RunError when the two have no cell in common
    or trajectories are damaged, ConfigError for a name that a run does not have or when no metric compares.
    """
    first = _cells(before, from_checkpoint or to_checkpoint, "--before")
    second = _cells(after, to_checkpoint or from_checkpoint, "--after")
    if not first.keys() & second.keys():
        had = "; ".join(f"{run.path.name} has {_listed(cells)}" for run, cells in ((before, first), (after, second)))
        raise RunError(
            f"the two runs have no cell in common: {had}\nName a checkpoint of each with --before and --after, or "
            "evaluate both in the same environments"
        )
    pairs: list[tuple[CellData, CellData]] = []
    refused: list[Uncompared] = []
    left_out: list[Uncompared] = []
    for place in dict.fromkeys([*first, *second]):
        then, now = first.get(place), second.get(place)
        reason = _unpaired(before, after, then, now)
        if then is None or now is None or reason is not None:
            left_out.append(_uncompared(then, now, reason))
            continue
        pair = _evidence(before, then), _evidence(after, now)
        reason = _different_tasks(pair[0].groups, pair[1].groups)
        if reason is None:
            pairs.append(pair)
        else:
            refused.append(_uncompared(then, now, reason))
    places = dict.fromkeys([*(then.environment for then, _ in pairs), *(cell.environment for cell in refused)])
    return RunComparison(
        before=before.record()["id"],
        after=after.record()["id"],
        rules=[rule for name in places for rule in _differing(name, before, after)],
        cells=_compared(load_record(before)[0], pairs),
        refused=refused,
        left_out=left_out,
    )


def _cells(run: RunFolder, only: str | None, option: str) -> _Cells:
    """Return the planned cells of a run, or those of one checkpoint or policy."""
    nodes = load_record(run)[1].cells
    names = list(dict.fromkeys(node.train for node in nodes))
    if only is not None and only not in names:
        raise ConfigError(f"{option}: found {only!r}, but {run.path.name} evaluates {', '.join(names)}")
    return {
        ("" if only else node.train, node.environment, node.difficulty): node
        for node in nodes
        if only in (None, node.train)
    }


def _listed(cells: _Cells) -> str:
    return ", ".join(f"{node.train} on {node.environment}:{node.difficulty}" for node in cells.values())


def _unpaired(before: RunFolder, after: RunFolder, then: CellNode | None, now: CellNode | None) -> str | None:
    """Return why there are no two cells to compare, or None where there are."""
    if now is None:
        return "only the first run has it"
    if then is None:
        return "only the second run has it"
    if then.key == now.key:
        return "the same work in both runs"
    for run, node, which in ((before, then, "first"), (after, now, "second")):
        if not run.cell(node.key).is_file():
            return f"not evaluated yet in the {which} run"
    return None


def _uncompared(then: CellNode | None, now: CellNode | None, reason: str | None) -> Uncompared:
    place = then or now
    assert place is not None and reason is not None  # one of the two runs has the cell
    return Uncompared(
        before=then.train if then else "",
        after=now.train if now else "",
        environment=place.environment,
        difficulty=place.difficulty,
        reason=reason,
    )


def _evidence(run: RunFolder, node: CellNode) -> CellData:
    path = run.cell(node.key)
    return CellData(
        train=node.train,
        environment=node.environment,
        difficulty=node.difficulty,
        groups=read_groups(path),
        trajectories=str(path.relative_to(run.path)),
    )


def _different_tasks(before: Sequence[Group], after: Sequence[Group]) -> str | None:
    """Return how two task lists differ, or None where they hold the same tasks, in whatever order."""
    first, second = ({group.task.id: group.task.digest for group in groups} for groups in (before, after))
    if unshared := sorted(first.keys() ^ second.keys()):
        owner = "first" if unshared[0] in first else "second"
        return (
            f"the task lists differ: {len(first)} and {len(second)} tasks, {len(unshared)} of them in one run only, "
            f"such as {unshared[0]!r} in the {owner}"
        )
    if changed := [identity for identity, content in first.items() if second[identity] != content]:
        return (
            f"the task lists differ: {len(changed)} of {len(first)} tasks have one id and two contents, such as "
            f"{changed[0]!r}; they come from different versions or options of the environment"
        )
    return None


def _differing(environment: str, before: RunFolder, after: RunFolder) -> list[Rule]:
    """Return which rules of an environment the two runs have differently, its behaviour version first."""
    first, second = _rules(environment, before), _rules(environment, after)
    return [
        Rule(environment=environment, rule=rule, before=first.get(rule), after=second.get(rule))
        for rule in dict.fromkeys([*first, *second])
        if first.get(rule) != second.get(rule)
    ]


def _rules(environment: str, run: RunFolder) -> dict[str, JsonValue]:
    """Return what decides in a run how an environment plays: options within options by their path."""
    config, plan = load_record(run)
    player = config.environment(environment)
    rules: dict[str, JsonValue] = {"behaviour version": plan.specs.get(f"environment/{player.name}")}
    if player.name != environment:
        rules["name"] = player.name

    def add(path: str, value: JsonValue) -> None:
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                add(f"{path}.{key}" if path else key, inner)
        else:
            rules[path] = value

    add("", player.options)
    return rules


def _compared(config: Settings, pairs: Sequence[tuple[CellData, CellData]]) -> list[Comparison]:
    for component in config.metrics:
        metric: Metric = registry.create("metric", component.name, component.options)
        found = metric.compare(pairs)
        if found is not None:
            return found
    names = ", ".join(component.name for component in config.metrics) or "none"
    raise ConfigError(
        f"none of the first run's metrics ({names}) compares runs; 'generalization' (rftcore-generalization) does"
    )
