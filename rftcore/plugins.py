"""Finds plugins one by one, so that a broken one is a row with its traceback and never stops the others.

A plugin is an entry point in the group `rftcore`, a module file named by the user, or core's own `rftcore.builtins`.
Each is loaded in its own `try`, checked against the hooks, and asked what it offers. This file refuses to import any
implementation, and does nothing before the first question.

Environment variables, read at the first question:

    RFTCORE_BLOCK          comma-separated plugin or distribution names that are not loaded at all
    RFTCORE_PLUGIN_FILES   plugin files to load as well, joined as in PATH; child processes inherit them
"""

from __future__ import annotations

import os
import re
import sys
import threading
import traceback
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rftcore.errors import PluginError
from rftcore.plugin import Plugin, examine

if TYPE_CHECKING:
    from importlib.metadata import Distribution
    from types import ModuleType

GROUP = "rftcore"
BLOCK = "RFTCORE_BLOCK"
FILES = "RFTCORE_PLUGIN_FILES"

_lock = threading.RLock()
_found: list[Plugin] | None = None
_discovering = False


def installed() -> tuple[Plugin, ...]:
    """Return every plugin, sound or not: core first, then by distribution. The first call discovers, once a process.

    Raises PluginError when a plugin asks while it is being imported.
    """
    global _found, _discovering
    with _lock:
        if _found is None:
            if _discovering:
                raise PluginError(
                    "a plugin module asked for other plugins while it was being imported; "
                    "expected it to announce specs only: ask inside the implementation instead"
                )
            _discovering = True
            try:
                _found = list(_discover())
            finally:
                _discovering = False
        return tuple(_found)


def load_file(path: str | Path) -> Plugin:
    """Load one module of hook implementations that is not packaged, such as `./my_env.py`.

    Its targets name the file by its stem (`my_env:MyEnv`). Loading the same file again returns the same plugin. Child
    processes load it too, because it joins RFTCORE_PLUGIN_FILES.
    Raises PluginError when the file is missing, broken, or named like an importable module.
    """
    if not Path(path).expanduser().is_file():
        raise PluginError(f"plugin file {path} is not there; expected a Python module with @hookimpl functions")
    with _lock:
        plugin = _file(Path(path))
        known = [other for other in installed() if other.dist == plugin.dist]
        if known:
            plugin = known[0]
        if plugin.status != "ok":
            raise PluginError(f"plugin file {path} cannot be used:\n{plugin.problem}")
        if not known:
            assert _found is not None
            _found.append(plugin)
            files = os.environ.get(FILES, "")
            os.environ[FILES] = f"{files}{os.pathsep}{plugin.dist}" if files else plugin.dist
        return plugin


def notify(event: object) -> tuple[str, ...]:
    """Call every implementation of the event's hook (`UpdateFinished` fires `rft_update_finished`).

    Observers cannot stop a run: what they raise becomes a RuntimeWarning, and the sentences are returned.
    """
    hook = hook_of(event)
    complaints = []
    for plugin in installed():
        if plugin.hooks is None or hook not in plugin.observes:
            continue
        try:
            getattr(plugin.hooks.hook, hook)(event=event)
        except Exception as error:
            complaints.append(f"{plugin.owner} failed in {hook}: {type(error).__name__}: {error}")
            warnings.warn(complaints[-1], RuntimeWarning, stacklevel=2)
    return tuple(complaints)


def hook_of(event: object) -> str:
    """Return the name of the hook that an event fires."""
    return "rft" + re.sub(r"([A-Z])", r"_\1", type(event).__name__).lower()


def _discover() -> Iterator[Plugin]:
    from importlib import import_module, metadata

    core = metadata.version("rftcore")
    yield examine("builtins", "rftcore", core, lambda: import_module("rftcore.builtins"))

    blocked = {_canonical(name) for name in os.environ.get(BLOCK, "").split(",") if name.strip()}
    rows: dict[str, list[Plugin]] = {}
    for distribution in metadata.distributions():
        if GROUP not in (distribution.read_text("entry_points.txt") or ""):
            continue
        dist = distribution.name or "a distribution without a name"
        if _canonical(dist) not in rows:  # the first on sys.path is the one that an import finds
            rows[_canonical(dist)] = list(_of(distribution, dist, core, blocked))
    for key in sorted(rows):
        yield from rows[key]

    for path in os.environ.get(FILES, "").split(os.pathsep):
        if path:
            yield _file(Path(path))


def _of(distribution: Distribution, dist: str, core: str, blocked: set[str]) -> Iterator[Plugin]:
    """Yield the plugins of one distribution, or one row that says why its metadata cannot be read."""
    version = ""
    try:
        version = distribution.version or ""
        entries = sorted(distribution.entry_points.select(group=GROUP), key=lambda entry: entry.name)
        mismatch = _mismatch(distribution.requires or (), core) if entries else None
    except Exception:
        yield Plugin(name=dist, dist=dist, version=version, status="broken", problem=traceback.format_exc())
        return
    for entry in entries:
        if blocked & {_canonical(entry.name), _canonical(dist)}:
            problem = f"blocked by {BLOCK}={os.environ[BLOCK]}"
            yield Plugin(name=entry.name, dist=dist, version=version, status="blocked", problem=problem)
        elif mismatch is not None:
            problem = (
                f"{dist} {version} is written for rftcore {mismatch}, but this is rftcore {core}; "
                f"install releases that fit each other: pip install --upgrade rftcore {dist}"
            )
            yield Plugin(name=entry.name, dist=dist, version=version, status="incompatible", problem=problem)
        else:
            yield examine(entry.name, dist, version, entry.load)


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _mismatch(requires: Iterable[str], core: str) -> str | None:
    """Return the version range of rftcore that a distribution asks for, when the running core is outside of it."""
    wanted = [line for line in requires if line.lower().startswith("rftcore")]
    if not wanted:
        return None
    from packaging.requirements import Requirement

    for requirement in map(Requirement, wanted):
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        fits = requirement.specifier.contains(core, prereleases=True)
        if _canonical(requirement.name) == "rftcore" and applies and not fits:
            return str(requirement.specifier)
    return None


def _file(path: Path) -> Plugin:
    path = path.expanduser().resolve()
    return examine(path.stem, str(path), "", lambda: _import(path))


def _import(path: Path) -> ModuleType:
    """Import a file under its stem, where its specs' targets will look for it."""
    from importlib.util import find_spec, module_from_spec, spec_from_file_location

    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; expected a Python module with @hookimpl functions")
    loaded = sys.modules.get(path.stem)
    taken = find_spec(path.stem) if loaded is None else loaded.__spec__
    if taken is not None and (taken.origin is None or Path(taken.origin).resolve() != path):
        raise ImportError(f"the name {path.stem!r} belongs to another module ({taken.origin}); rename {path.name}")
    if loaded is not None:
        return loaded
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python module; expected a file that ends in .py")
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module
