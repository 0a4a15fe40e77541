"""An algorithm under test: what its spec names, imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from rftcore import registry
from rftcore.algorithm import Algorithm
from rftcore.specs import AlgorithmSpec


@dataclass(frozen=True, slots=True)
class Subject:
    """An algorithm, its spec, and the loss that the spec names."""

    spec: AlgorithmSpec
    algorithm: Algorithm
    loss: Callable[..., Any]


def load(algorithm: str | AlgorithmSpec, options: Mapping[str, Any] | None = None) -> Subject:
    """Import what a name or a spec stands for. Raises PluginError, ImportError or AttributeError when that fails."""
    spec: Any = registry.spec("algorithm", algorithm) if isinstance(algorithm, str) else algorithm
    return Subject(spec, attribute(spec.target)(**dict(options or {})), attribute(spec.loss))


def attribute(target: str) -> Any:
    """Import and return what `package.module:name` stands for."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)
