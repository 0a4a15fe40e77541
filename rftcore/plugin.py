"""One plugin: what it offers, who installed it, and what is wrong with it.

Examining a plugin asks its hooks what they announce and checks every answer. It refuses to let anything that a plugin
does wrong reach another one: each plugin has hooks of its own, and every failure is written into its row.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import pluggy

from rftcore import hookspecs, specs

ANNOUNCEMENTS: dict[str, type[specs.Spec]] = {
    "rft_environments": specs.EnvironmentSpec,
    "rft_algorithms": specs.AlgorithmSpec,
    "rft_curricula": specs.CurriculumSpec,
    "rft_metrics": specs.MetricSpec,
    "rft_policies": specs.PolicySpec,
    "rft_samplers": specs.SamplerSpec,
    "rft_executors": specs.ExecutorSpec,
    "rft_protocols": specs.ProtocolSpec,
    "rft_trackers": specs.TrackerSpec,
}

Status = Literal["ok", "broken", "incompatible", "blocked", "conflict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One plugin as it was found: a row of `rftcore plugins`."""

    name: str
    """Key of the entry point, or stem of the file."""
    dist: str
    """Distribution that installed it, or the path of the file."""
    version: str
    """Version of the distribution; empty for a file."""
    status: Status
    specs: tuple[specs.Spec, ...] = ()
    """What it offers; nothing when it is broken, incompatible or blocked."""
    observes: tuple[str, ...] = ()
    """Observation hooks that it implements."""
    problem: str | None = None
    """Why the status is not ok: a whole traceback, or one sentence."""
    hooks: pluggy.PluginManager | None = field(default=None, repr=False, compare=False)
    """Its hook implementations and nobody else's."""

    @property
    def owner(self) -> str:
        """Distribution and version, as error messages name them."""
        return f"{self.dist} {self.version}".strip()

    @property
    def reason(self) -> str:
        """The last line of `problem`, which says what went wrong."""
        lines = (self.problem or "").strip().splitlines()
        return lines[-1].strip() if lines else ""


def examine(name: str, dist: str, version: str, load: Callable[[], object]) -> Plugin:
    """Load one plugin and ask what it offers. Whatever goes wrong is written into the row."""
    try:
        module = load()
        hooks = _register(module, name)
        callers = hooks.get_hookcallers(module) or []
        offered = [spec for caller in callers for spec in _announced(caller)]
        for index, spec in enumerate(offered):
            if any((spec.kind, spec.name) == (other.kind, other.name) for other in offered[:index]):
                raise ValueError(f"{spec.kind} {spec.name!r} is announced twice; expected one spec for each name")
    except (Exception, SystemExit):
        return Plugin(name=name, dist=dist, version=version, status="broken", problem=traceback.format_exc())
    return Plugin(
        name=name,
        dist=dist,
        version=version,
        status="ok",
        specs=tuple(offered),
        observes=tuple(caller.name for caller in callers if caller.name not in ANNOUNCEMENTS),
        hooks=hooks,
    )


def _register(module: object, name: str) -> pluggy.PluginManager:
    """Return a manager that holds this plugin alone, so that nothing it does wrong touches another one."""
    hooks = pluggy.PluginManager("rftcore")
    hooks.add_hookspecs(hookspecs)
    hooks.register(module, name=name)
    for caller in hooks.get_hookcallers(module) or []:
        if not caller.has_spec():
            raise AttributeError(f"{caller.name} is not a hook of this rftcore{_meant(caller.name)}")
        for implementation in caller.get_hookimpls():
            if implementation.wrapper or implementation.hookwrapper:
                raise TypeError(f"{caller.name} is a wrapper; expected a plain function: no hook changes a result")
    for attribute in dir(module):
        value = getattr(module, attribute)
        if attribute.startswith("rft_") and callable(value) and not hasattr(value, "rftcore_impl"):
            raise TypeError(f"{attribute} is not marked; put @hookimpl of rftcore.hookspecs above it")
    return hooks


def _announced(caller: pluggy.HookCaller) -> Iterator[specs.Spec]:
    expected = ANNOUNCEMENTS.get(caller.name)
    if expected is None:
        return
    answers = caller()
    if not answers:
        raise TypeError(f"{caller.name} returned None; expected an iterable of {expected.__name__}")
    for answer in answers:
        for spec in [answer] if isinstance(answer, specs.Spec) else answer:
            if not isinstance(spec, expected):
                raise TypeError(f"{caller.name} announced {spec!r}; expected {expected.__name__}")
            yield spec


def _meant(name: str) -> str:
    from difflib import get_close_matches

    known = [hook for hook in dir(hookspecs) if hook.startswith("rft_")]
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; expected one of {', '.join(known)}"
