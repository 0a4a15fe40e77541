"""Light announcements: what exists, without importing it.

A plugin module returns these from its hooks. They are stdlib dataclasses, so that listing every installed
plugin imports neither pydantic nor torch nor any implementation. `target` is resolved by the registry when,
and only when, the name is used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

_NAME = re.compile(r"[a-z][a-z0-9_-]*\Z")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One named thing that a plugin offers.

    Raises ValueError when `name` or `target` does not have the right form.
    """

    kind: ClassVar[str]

    name: str
    """Lower case, digits, `_` and `-`; what users write in a configuration."""
    target: str
    """`package.module:Class`, imported on first use."""
    summary: str
    """One line for tables."""
    version: str = "1"
    """Version of the behaviour: raise it when results change, so that stored runs can tell."""
    needs: tuple[str, ...] = ()
    """Distributions beyond the plugin's own dependencies, such as `("torch",)`."""

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise ValueError(f"name {self.name!r}: expected lower-case letters, digits, '_' or '-', a letter first")
        if not _TARGET.match(self.target):
            raise ValueError(f"target {self.target!r} of {self.name!r}: expected 'package.module:Class'")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSpec(Spec):
    kind: ClassVar[str] = "environment"

    bridge: bool = False
    """Plays another environment, which its options say, under that one's name or one made of it. By name only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgorithmSpec(Spec):
    """`loss` is the pure loss `package.module:function`, imported by the learner only."""

    kind: ClassVar[str] = "algorithm"

    loss: str
    grouped: bool = True
    """Credit compares the trajectories of one task with each other."""
    needs_values: bool = False
    """Needs the values of a critic, which is then made for it, and trained and stored with the policy."""
    needs_reference: bool = False
    """Its loss may ask for the logprobs of the frozen start policy: `reference_weight` decides."""

    def __post_init__(self) -> None:
        Spec.__post_init__(self)
        if not _TARGET.match(self.loss):
            raise ValueError(f"loss {self.loss!r} of {self.name!r}: expected 'package.module:function'")


@dataclass(frozen=True, slots=True, kw_only=True)
class CurriculumSpec(Spec):
    kind: ClassVar[str] = "curriculum"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec(Spec):
    kind: ClassVar[str] = "metric"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySpec(Spec):
    kind: ClassVar[str] = "policy"

    chat: bool = False
    """Its target is a `ChatPolicy`: prompt format, history and shots of a run are for it, too."""
    incidental: tuple[str, ...] = ()
    """Options that change no answer, such as a budget: no part of a run's identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerSpec(Spec):
    """`config` is the target's `Config` under a name that is cheap to import: options are checked without torch."""

    kind: ClassVar[str] = "sampler"

    config: str

    def __post_init__(self) -> None:
        Spec.__post_init__(self)
        if not _TARGET.match(self.config):
            raise ValueError(f"config {self.config!r} of {self.name!r}: expected 'package.module:Class'")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSpec(Spec):
    kind: ClassVar[str] = "executor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolSpec(Spec):
    kind: ClassVar[str] = "protocol"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerSpec(Spec):
    kind: ClassVar[str] = "tracker"
