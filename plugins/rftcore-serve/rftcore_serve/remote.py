"""The environment `remote`: plays an environment that another process serves, under that one's name.

Tasks, splits, difficulties, facts and manifests are those of the served environment, which need not be installed here.
What is served is written into the configuration, so that a run goes on with the same environment or not at all.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pydantic import Field, JsonValue

from rftcore.environment import Environment, Episode
from rftcore.errors import ConfigError, EpisodeError
from rftcore.options import validate
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task
from rftcore_serve.connection import Connection
from rftcore_serve.episode import GuidedEpisode, RemoteEpisode
from rftcore_serve.wire import VARIABLE, Description, Served


class Remote(Environment):
    """The environment of a server. It asks the server what it is when it is made."""

    class Config(Frozen):
        """Options of `remote`."""

        url: str = Field(pattern=r"^https?://[^/?#\s]+/?$")
        """Where it is served, such as `http://127.0.0.1:8765`."""
        options: dict[str, JsonValue] = Field(default_factory=dict)
        """Options of the environment that is served; the server checks them."""
        token_variable: str = VARIABLE
        """Environment variable that holds the server's token."""
        certificate: str = ""
        """File (PEM) with the certificate that is trusted; empty: those of the system."""
        timeout: float = Field(default=120.0, gt=0)
        """Seconds that one answer may take."""
        patience: float = Field(default=30.0, ge=0)
        """Seconds that a server which is away or full is waited for, when an episode starts."""
        served: Served | None = None
        """What has to be served; None: whatever is, which is then written here."""

    name: ClassVar[str] = "remote"

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments.

        Raises ConfigError when nothing is served there, or something else than `served`, or the options are wrong.
        """
        super().__init__(config, **options)
        given: Remote.Config = self.config
        self._connection = Connection(
            given.url, given.token_variable, given.certificate, timeout=given.timeout, patience=given.patience
        )
        weakref.finalize(self, self._connection.close)
        self._options = dict(given.options)
        try:
            answer = self._connection.ask("/v1/environment", {"options": self._options}, wait=given.served is not None)
        except (EpisodeError, TimeoutError) as error:
            raise ConfigError(str(error)) from error
        told = validate(Description, answer, f"the server at {given.url}")
        if given.served is not None and given.served != told.served:
            raise ConfigError(_changed(given.url, given.served, told.served))
        self.config = given.model_copy(update={"served": told.served})
        # Declared by the class elsewhere; here they are those of whatever is served.
        vars(self).update(
            name=told.served.name,
            difficulties=told.difficulties,
            returns=told.returns,
            reward_range=told.reward_range,
        )
        self.max_turns, self.instructions, self._facts = told.max_turns, told.instructions, told.facts
        self.action_templates = told.action_templates
        self._identity = told.served.identity
        self._tasks: dict[tuple[Split, str], tuple[Task, ...]] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Remote], tuple[Frozen]]:
        return Remote, (self.config,)

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return the served environment's list. Raises ConfigError when `difficulty` is unknown."""
        with self._lock:
            if (split, difficulty) not in self._tasks:
                answer = self._ask("/v1/tasks", split=split, difficulty=difficulty)
                self._tasks[split, difficulty] = tuple(map(Task.model_validate, answer["tasks"]))
            return self._tasks[split, difficulty]

    def start(self, task: Task) -> Episode:
        """Begin `task` there, once the server has room; a server that is away is waited for."""
        begun = self._ask("/v1/episodes", task=task.model_dump(mode="json"))
        kind = GuidedEpisode if begun["expert"] else RemoteEpisode
        episode = kind(self._connection, begun["episode"], begun["observation"])
        if begun["identity"] != self._identity:
            episode.close()
            raise ConfigError(
                f"the server at {self.config.url} has changed: it plays another environment, version or options than "
                f"when this began ({self.name}); serve that one again"
            )
        return episode

    def vocabulary(self) -> Sequence[str]:
        """Return the served environment's."""
        return tuple(self._ask("/v1/vocabulary")["texts"])

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return the served environment's."""
        return dict(self._facts)

    def oracle(self, task: Task) -> Iterator[str]:
        """Yield the actions of the served environment's expert."""
        yield from self._ask("/v1/oracle", task=task.model_dump(mode="json"))["actions"]

    def _ask(self, path: str, **question: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._connection.ask(path, {"options": self._options, **question}, wait=True)
        return answer


def _changed(url: str, expected: Served, found: Served) -> str:
    """Say in what two served environments differ."""
    if (found.name, found.version) != (expected.name, expected.version):
        was, now = (f"{one.name} (behaviour version {one.version})" for one in (expected, found))
        return f"served: the server at {url} plays {now}, expected {was}; serve that one there"
    old, new = expected.options, found.options
    differing = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    changes = ", ".join(f"{key} was {old.get(key)!r} and is {new.get(key)!r}" for key in differing)
    return f"served: the server at {url} plays {found.name} with other options ({changes}); serve it as it was"
