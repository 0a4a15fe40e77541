"""Turns one name into one class: a table for each kind, folded from what the plugins announce.

Asking for a name imports that one implementation and nothing else. The registry refuses to choose between two owners
of a name, and it answers a name that it does not have with the next command to type.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rftcore import plugins as found
from rftcore.errors import PluginError
from rftcore.plugin import ANNOUNCEMENTS, Plugin
from rftcore.specs import SamplerSpec, Spec

KINDS: tuple[str, ...] = tuple(spec.kind for spec in ANNOUNCEMENTS.values())

KNOWN: dict[str, dict[str, str]] = {
    "environment": {
        **{name: f"rftcore-{name}" for name in ("alfworld", "babyai", "sciworld", "searchqa", "textcraft", "webshop")},
        **{name: f"rftcore-{name}" for name in ("agentgym", "gymnasium", "reasoning-gym", "verifiers")},
        "remote": "rftcore-serve",
        "shift": "rftcore-shift",
    },
    "algorithm": {
        **{name: f"rftcore-{name}" for name in ("gigpo", "grpo", "imitation", "ppo", "reinforce")},
        **dict.fromkeys(("rloo", "reinforce_pp"), "rftcore-reinforce"),
    },
    "curriculum": dict.fromkeys(("single", "mixture", "sequential", "easy_to_hard", "horizon"), "rftcore-sequential"),
    "metric": {"generalization": "rftcore-generalization"},
    "policy": {"openai": "rftcore-openai"},
    "sampler": dict.fromkeys(("vllm", "vllm-server"), "rftcore-vllm"),
    "executor": {"ray": "rftcore-ray"},
    "protocol": {"rftcore": "rftcore-serve", "agentgym": "rftcore-agentgym"},
    "tracker": {"tensorboard": "rftcore-tensorboard", "trackio": "rftcore-trackio", "wandb": "rftcore-wandb"},
}
"""Distributions that are worth a hint when they are not installed. Nothing else in core knows a plugin's name."""

_HERE = "this process"
_lock = threading.Lock()
_added: dict[tuple[str, str], Spec] = {}


def add(spec: Spec) -> None:
    """Announce something in this process only, such as a class of a notebook (`target="__main__:MyEnv"`).

    Adding a name again replaces it. Raises PluginError when the name belongs to an installed plugin.
    """
    owners = [owner for owner in _table(spec.kind).get(spec.name, ()) if owner[0].dist != _HERE]
    if owners:
        raise PluginError(f"{spec.kind} {spec.name!r} belongs to {owners[0][0].owner} already; choose another name")
    with _lock:
        _added[spec.kind, spec.name] = spec


def names(kind: str) -> tuple[str, ...]:
    """Return the sorted names that can be asked for; a name with two owners is not among them."""
    return tuple(sorted(name for name, owners in _table(kind).items() if len(owners) == 1))


def spec(kind: str, name: str) -> Spec:
    """Return the spec of a name. Raises PluginError as `owner` does."""
    return _entry(kind, name)[1]


def owner(kind: str, name: str) -> Plugin:
    """Return the plugin that announced a name.

    Raises PluginError when nobody did (the message says what to type instead) or when two did (it names both).
    """
    return _entry(kind, name)[0]


def missing(kind: str, name: str) -> tuple[str, ...]:
    """Return what the spec of a name `needs` and is not installed, whole with its extras; imports none of it.

    Which release is installed is not looked at. Raises PluginError as `owner` does.
    """
    return tuple(need for need in spec(kind, name).needs if not _installed(need))


def resolve(kind: str, name: str) -> type[Any]:
    """Import and return the class behind a name. Raises PluginError when that fails, or as `owner` does."""
    plugin, wanted = _entry(kind, name)
    return _imported(plugin, wanted, wanted.target)


def config(kind: str, name: str) -> type[Any]:
    """Import and return the `Config` of a name, without its class where the spec says that this is cheaper.

    Raises PluginError as `resolve` does.
    """
    plugin, wanted = _entry(kind, name)
    if isinstance(wanted, SamplerSpec):
        return _imported(plugin, wanted, wanted.config)
    return _options(plugin, wanted, _imported(plugin, wanted, wanted.target))


def create(kind: str, name: str, options: Mapping[str, Any] | None = None, where: str = "") -> Any:
    """Build the component `name` from its options.

    `where` is the path of the options in the user's configuration, for error messages. Raises ConfigError for wrong
    options, all of them at once, and PluginError as `resolve` does.
    """
    from rftcore.options import validate

    plugin, wanted = _entry(kind, name)
    component = _imported(plugin, wanted, wanted.target)
    return component(validate(_options(plugin, wanted, component), {} if options is None else options, where))


def plugins() -> tuple[Plugin, ...]:
    """Return a row for every plugin, with status `conflict` where one of its names has another owner too."""
    rows = _rows()
    for kind in KINDS:
        for name, owners in _table(kind).items():
            if len(owners) > 1:
                rows = [_marked(row, _conflict(kind, name, owners), owners) for row in rows]
    return tuple(rows)


def _marked(row: Plugin, problem: str, owners: list[tuple[Plugin, Spec]]) -> Plugin:
    if all((row.owner, row.name) != (plugin.owner, plugin.name) for plugin, _ in owners):
        return row
    return replace(row, status="conflict", problem="\n".join(filter(None, [row.problem, problem])))


def _rows() -> list[Plugin]:
    with _lock:
        here = tuple(_added.values())
    announced = [Plugin(name=_HERE, dist=_HERE, version="", status="ok", specs=here)] if here else []
    return [*found.installed(), *announced]


def _table(kind: str) -> dict[str, list[tuple[Plugin, Spec]]]:
    """Return who offers what. Folding a few dozen specs is cheaper than keeping a second truth in step."""
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r}: expected one of {', '.join(KINDS)}")
    table: dict[str, list[tuple[Plugin, Spec]]] = {}
    for plugin in _rows():
        for offered in plugin.specs:
            if offered.kind == kind:
                table.setdefault(offered.name, []).append((plugin, offered))
    return table


def _entry(kind: str, name: str) -> tuple[Plugin, Spec]:
    table = _table(kind)
    owners = table.get(name, [])
    if len(owners) > 1:
        raise PluginError(_conflict(kind, name, owners))
    if not owners:
        raise PluginError(_unknown(kind, name, table))
    return owners[0]


def _imported(plugin: Plugin, wanted: Spec, target: str) -> type[Any]:
    from importlib import import_module

    what = f"{wanted.kind} {wanted.name!r} of {plugin.owner}"
    module, _, attribute = target.partition(":")
    try:
        found_class = getattr(import_module(module), attribute)
    except ImportError as error:
        missing = " ".join(f"'{need}'" for need in wanted.needs) or plugin.dist
        raise PluginError(
            f"{what} cannot be imported: {type(error).__name__}: {error}; install what it needs: pip install {missing}"
        ) from error
    except Exception as error:
        raise PluginError(
            f"{what} cannot be imported: {type(error).__name__}: {error}; "
            f"expected {target!r} to be a class: report it to the authors of {plugin.dist}"
        ) from error
    if not isinstance(found_class, type):
        raise PluginError(f"{what}: {target!r} is {found_class!r}, expected a class")
    return found_class


def _installed(need: str) -> bool:
    """Return whether a distribution is there, or a module of its name, and what its extras ask for."""
    from importlib.metadata import PackageNotFoundError, requires
    from importlib.util import find_spec

    from packaging.requirements import Requirement

    wanted = Requirement(need)
    try:
        further = [Requirement(each) for each in requires(wanted.name) or ()]
    except PackageNotFoundError:
        return find_spec(wanted.name.replace("-", "_")) is not None
    asked = [
        each
        for each in further
        if each.marker is not None
        and not each.marker.evaluate({"extra": ""})
        and any(each.marker.evaluate({"extra": extra}) for extra in wanted.extras)
    ]
    return all(_installed(f"{each.name}[{','.join(each.extras)}]") for each in asked)


def _options(plugin: Plugin, wanted: Spec, component: type[Any]) -> type[Any]:
    """Return the nested `Config` of a component."""
    from pydantic import BaseModel

    options = getattr(component, "Config", None)
    if not (isinstance(options, type) and issubclass(options, BaseModel)):
        raise PluginError(
            f"{wanted.kind} {wanted.name!r} of {plugin.owner}: {wanted.target!r} has no options; expected a nested "
            f"class Config, as rftcore's {wanted.kind} contract gives it: report it to the authors of {plugin.dist}"
        )
    return options


def _conflict(kind: str, name: str, owners: list[tuple[Plugin, Spec]]) -> str:
    who = " and ".join(plugin.owner for plugin, _ in owners)
    return (
        f"{kind} {name!r} has {len(owners)} owners: {who}; expected one: "
        f"uninstall one of them, or set {found.BLOCK}={owners[-1][0].dist}"
    )


def _begun(name: str) -> bool:
    """Return whether the folder that is worked in holds a package of this name, as `rftcore new` begins one."""
    from pathlib import Path

    project = Path("pyproject.toml")
    return project.is_file() and f'"rftcore-{name.replace("_", "-")}"' in project.read_text("utf-8", "replace")


def _unknown(kind: str, name: str, table: Mapping[str, object]) -> str:
    """Answer in the order in which an answer helps: a near name, a failure, an installation, what there is."""
    from difflib import get_close_matches

    parts = [f"{kind} {name!r} is not installed"]
    close = get_close_matches(name, table, n=1)
    if close:
        parts.append(f"did you mean {close[0]!r}?")
    hints = KNOWN.get(kind, {})
    distribution = hints.get(name)
    failed = [plugin for plugin in found.installed() if plugin.status not in ("ok", "conflict")]
    ours = [plugin for plugin in failed if plugin.name == name or plugin.dist in (distribution, f"rftcore-{name}")]
    parts += [f"{plugin.owner} is installed, but {plugin.status}: {plugin.reason}" for plugin in ours]
    if not ours:
        near = [] if close else get_close_matches(name, hints, n=1)
        if distribution is not None:
            parts.append(f"install it: pip install {distribution}")
        elif near:
            parts.append(f"did you mean {near[0]!r}? Install it: pip install {hints[near[0]]}")
        if failed:
            listed = ", ".join(f"{plugin.owner} ({plugin.status})" for plugin in failed)
            parts.append(f"these plugins cannot be used, see `rftcore plugins`: {listed}")
        if _begun(name):
            parts.append("its package in this folder is not installed: pip install -e '.[test]'")
    stem, colon, rest = name.partition(":")
    if colon and stem in table:
        parts[1:] = [f"{stem!r} is; only what is trained on is named with a difficulty, such as {rest!r}"]
    elsewhere = [other for other in KINDS if other != kind and name in _table(other)]
    parts += [f"{name!r} names another kind of thing here: {other}" for other in elsewhere]
    parts.append(f"installed: {', '.join(sorted(table)) or 'no ' + kind}")
    return "\n  ".join(parts)
