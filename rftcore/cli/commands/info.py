"""`rftcore info`: everything there is to know about one name before using it, taken from the component itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rftcore.cli.terminal import console, emit, table
from rftcore.errors import ConfigError, PluginError, RftError

if TYPE_CHECKING:
    from rftcore.environment import Environment
    from rftcore.schemas.task import Task


def info(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What `rftcore plugins` lists.")],
    kind: Annotated[
        str | None, typer.Option(help="environment, algorithm, curriculum, ...; needed when two kinds share the name.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Show where a name comes from and every option it takes.

    Of an environment also: its tasks, its rules, and one task solved by its expert.

    Examples:

        rftcore info textcraft
        rftcore info grpo --json
        rftcore info random --kind policy
    """
    found = _find(name, kind)
    if as_json:
        emit(found)
        return
    out = console()
    out.print(f"{found['kind']} {name}", style="bold")
    origin = f"{found['dist']} {found['dist_version']}".strip()
    out.print(f"{found['summary']}\nfrom {origin}, behaviour version {found['version']}")
    for key, value in found["flags"].items():
        out.print(f"{key} {value}")
    out.print("\noptions", style="bold")
    if found["options"]:
        rows = [
            (row["name"], row["type"], "required" if row["required"] else str(row["default"]), row["doc"])
            for row in found["options"]
        ]
        table(("name", "type", "default", "meaning"), rows)
    else:
        out.print("none")
    if "environment" in found:
        _print_environment(found["environment"])


def _find(name: str, kind: str | None) -> dict[str, Any]:
    from rftcore import registry
    from rftcore.options import describe

    if kind is None:
        kinds = [candidate for candidate in registry.KINDS if name in registry.names(candidate)]
        if len(kinds) > 1:
            raise ConfigError(f"{name!r} names several things; choose one: --kind {' or --kind '.join(kinds)}")
        kind = kinds[0] if kinds else _nearest_kind(name)
    elif kind not in registry.KINDS:
        raise ConfigError(f"--kind {kind}: expected one of {', '.join(registry.KINDS)}")
    spec, plugin = registry.spec(kind, name), registry.owner(kind, name)
    announced = asdict(spec)
    common = {key: announced.pop(key) for key in ("name", "target", "summary", "version", "needs")}
    found = {
        "kind": kind,
        **common,
        "dist": plugin.dist,
        "dist_version": plugin.version,
        "flags": announced,
        "options": describe(registry.config(kind, name)),
    }
    if kind == "environment":
        try:
            found["environment"] = _environment(registry.create(kind, name))
        except RftError as error:
            found["environment"] = {"problem": str(error)}
    return found


def _nearest_kind(name: str) -> str:
    """Return the kind whose registry has the most to say about a name that nobody offers."""
    from difflib import get_close_matches

    from rftcore import registry

    for row in registry.plugins():
        for spec in row.specs:
            if spec.name == name:
                return spec.kind
    for kind in registry.KINDS:
        if get_close_matches(name, {*registry.names(kind), *registry.KNOWN.get(kind, {})}, n=1):
            return kind
    failed = [row for row in registry.plugins() if row.status not in ("ok", "conflict")]
    told = "".join(f"\n  {row.owner} may have it, but is {row.status}: {row.reason}" for row in failed)
    raise PluginError(
        f"nothing is named {name!r} here; `rftcore plugins` lists the names, "
        f"and `rftcore plugins --verbose` what is broken{told}"
    )


def _environment(world: Environment) -> dict[str, Any]:
    easiest = world.difficulties[0]
    tasks = {
        difficulty: {split: len(world.tasks(split, difficulty)) for split in ("train", "test")}
        for difficulty in world.difficulties
    }
    example: dict[str, Any] = {}
    for task in world.tasks("train", easiest)[:1]:
        example = {"task": task.id, **_played(world, task)}
    return {
        "max_turns": world.max_turns,
        "returns": world.returns,
        "reward_range": list(world.reward_range),
        "tasks": tasks,
        "facts": world.facts(),
        "instructions": world.instructions,
        "example": example,
    }


def _played(world: Environment, task: Task) -> dict[str, Any]:
    """Let the expert play `task`; return what it saw first and did, or why it cannot be played on this machine."""
    try:
        episode = world.start(task)
    except RftError as error:
        return {"problem": str(error)}
    observation = episode.observation
    episode.close()
    return {"observation": observation, "expert": list(world.oracle(task))}


def _print_environment(world: dict[str, Any]) -> None:
    out = console()
    if "problem" in world:
        out.print(f"\nit cannot be built with its defaults: {world['problem']}", style="red")
        return
    low, high = world["reward_range"]
    out.print("\nepisodes", style="bold")
    out.print(f"at most {world['max_turns']} turns; return: {world['returns']} of rewards from {low:g} to {high:g}")
    out.print("\ntasks", style="bold")
    table(("difficulty", "train", "test"), [(d, str(n["train"]), str(n["test"])) for d, n in world["tasks"].items()])
    if world["facts"]:
        out.print("\nfacts", style="bold")
        table(("fact", "value"), [(key, str(value)) for key, value in world["facts"].items()])
    out.print("\ninstructions", style="bold")
    out.print(world["instructions"])
    if world["example"]:
        out.print(f"\nexample: {world['example']['task']}", style="bold")
        if "problem" in world["example"]:
            out.print(f"it cannot be played here: {world['example']['problem']}", style="red")
            return
        out.print(world["example"]["observation"])
        for action in world["example"]["expert"]:
            out.print(f"> {action}")
