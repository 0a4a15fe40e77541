"""The contract of a protocol: what an environment that is served speaks to whoever plays it.

`rftcore serve ENV` takes the environment from the registry and hands it to a protocol, which listens until it is
stopped. A protocol knows no environment by name, and an environment does not know that it is served.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rftcore.environment import Environment
from rftcore.schemas.frozen import Frozen


@dataclass(frozen=True, slots=True)
class Offer:
    """An environment as it is offered: whoever plays may choose options that are not fixed."""

    name: str
    version: str
    """Version of the environment's behaviour."""
    make: Callable[[Mapping[str, Any]], Environment]
    """Builds it with the options of whoever plays; raises ConfigError when they are wrong, or fixed otherwise."""


class Protocol(ABC):
    """Serves one environment. Subclasses define a nested `Config` and call `super().__init__`."""

    class Config(Frozen):
        """Options of the protocol; unknown keys are errors."""

    name: ClassVar[str]

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments."""
        self.config: Any = self.Config.model_validate(options) if config is None else config

    @abstractmethod
    def serve(self, offer: Offer, told: Callable[[str], None]) -> None:
        """Serve until the process is told to stop (SIGINT or SIGTERM), then close every episode.

        `told` takes lines for the person who started it, such as the address. Raises ConfigError when it cannot
        listen as its options say.
        """
