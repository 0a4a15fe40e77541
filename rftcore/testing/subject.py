"""What is checked: a component, the spec that announces it, and the distribution that it came with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from importlib import import_module
from typing import Any

from pydantic import JsonValue

from rftcore import plugins, registry, specs
from rftcore.options import validate
from rftcore.plugin import ANNOUNCEMENTS, Plugin
from rftcore.testing.limit import Hung

ASKED = ("environment", "algorithm", "curriculum", "executor", "metric", "policy")
"""Kinds whose checks build the component by its options alone."""

SPECS: dict[str, Any] = {spec.kind: spec for spec in ANNOUNCEMENTS.values()}


class Subject:
    """A component under test, with options of its `Config`.

    `plugin` is None for a spec that no plugin announces: then there is no distribution to look at.
    """

    def __init__(
        self, spec: specs.Spec, options: Mapping[str, Any] | None = None, plugin: Plugin | None = None, level: str = ""
    ) -> None:
        self.spec: Any = spec
        self.options = dict(options or {})
        self.plugin = plugin
        self.thorough = level == "full"
        """Whether checks that play may play more."""
        self.stopped = ""
        """Why no later check can say anything, if none can."""
        self._notes: list[str] = []

    def note(self, remark: str) -> None:
        """Keep a remark on how much a check has looked at."""
        self._notes.append(remark)

    def taken_notes(self) -> str:
        """Return the remarks since the last time, as one."""
        notes, self._notes = self._notes, []
        return "; ".join(notes)

    @cached_property
    def component(self) -> type[Any]:
        """The class that the spec names. Raises ImportError or AttributeError when there is none."""
        found: type[Any] = attribute(self.spec.target)
        return found

    @cached_property
    def config(self) -> type[Any]:
        """The class of its options, which a sampler's spec names by itself."""
        found: type[Any] = attribute(self.spec.config) if self.spec.kind == "sampler" else self.component.Config
        return found

    def configured(self, **options: Any) -> Any:
        """Return its options, some of them changed, as its `Config`. Raises ConfigError for wrong ones."""
        return validate(self.config, {**self.options, **options}, self.spec.name)

    def make(self, **options: Any) -> Any:
        """Build the component with its options, some of them changed. Raises ConfigError for wrong options."""
        return self.component(self.configured(**options))

    def build(self) -> None:
        """Build what its checks ask. Raises whatever that raises."""
        self.make()

    @property
    def asked(self) -> bool:
        """Whether checks build it: a policy that chats may cost money."""
        return self.spec.kind in ASKED and not (self.spec.kind == "policy" and self.spec.chat)

    @cached_property
    def failure(self) -> BaseException | None:
        """What building it raises, if it cannot be built."""
        try:
            self.build()
        except (Exception, SystemExit, Hung) as error:
            return error
        return None

    def described(self) -> dict[str, JsonValue]:
        """Return what another process needs to build it, in JSON."""
        spec = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self.spec).items()}
        return {"kind": self.spec.kind, "spec": spec, "options": self.options, "thorough": self.thorough}


def announced(kind: str, name: str, options: Mapping[str, Any] | None = None, level: str = "") -> Subject:
    """Return the subject that an installed plugin announces; of two owners of the name, that of the first.

    Raises PluginError, as the registry does, when nobody offers the name.
    """
    found = [
        (spec, plugin)
        for plugin in registry.plugins()
        for spec in plugin.specs
        if (spec.kind, spec.name) == (kind, name)
    ]
    spec, plugin = found[0] if found else (registry.spec(kind, name), None)
    return SUBJECTS.get(kind, Subject)(spec, options, plugin, level)


def rebuilt(described: Mapping[str, Any]) -> Subject:
    """Return a subject as it was described in another process."""
    plugins.installed()  # the module of a plugin in a file is found by this alone
    spec = SPECS[described["kind"]](
        **{name: tuple(value) if isinstance(value, list) else value for name, value in described["spec"].items()}
    )
    level = "full" if described["thorough"] else ""
    return SUBJECTS.get(described["kind"], Subject)(spec, described["options"], None, level)


def attribute(target: str) -> Any:
    """Import and return what `package.module:name` stands for."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


SUBJECTS: dict[str, type[Subject]] = {}
"""Kind -> its own subject, where a kind has one."""
