"""A contract: what the server of one of AgentGym's environments is asked, and where its answers hold what.

AgentGym has a server of its own for each environment, and no two of them agree. So a contract is data that is read from
its clients (`agentenv/agentenv/envs/*.py`) and servers (`agentenv-*/**/server.py`), and one episode plays them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import JsonValue

from rftcore.errors import EpisodeError

Place = tuple[str | int, ...]
"""Keys and numbers that lead to a value in an answer; empty: the answer itself."""


def same(action: str) -> str:
    """Return an action as it is."""
    return action


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """How one environment is served."""

    instructions: str
    turns: int
    """Turns after which the rollout truncates, where nothing else is said."""
    room: str
    """What requests call the number that `/create` gave."""
    item: str
    """What a reset calls the number of a task."""
    creates: Mapping[str, JsonValue] | None = None
    """The body of `/create`; None: it has none."""
    created: Place = ()
    """Where the answer to `/create` has its number."""
    resets: Mapping[str, JsonValue] = field(default_factory=dict)
    """What else is in the body of `/reset`."""
    begun: tuple[Place, ...] = (("observation",),)
    """Where the answer to `/reset` has the lines of the first observation."""
    asked: str = ""
    """A route that is asked after a reset: its text, or list of texts, is a part of the first observation, too."""
    observation: str = "observation"
    done: str = "done"
    reward: str = "reward"
    """Keys in the answer to `/step`."""
    actions: str = ""
    """The key that lists the available actions, in the answers to a reset and a step; empty: none."""
    lists: bool = False
    """Whether observations themselves end with the available actions."""
    sends: Callable[[str], str] = same
    """Returns the action as the server reads it."""
    returns: Literal["last", "sum"] = "last"
    reward_range: tuple[float, float] = (0.0, 1.0)
    judged: str = "reward"
    """The key in the last answer that tells a success."""
    success: float = 1.0
    """Its least value in a success."""
    guesses: tuple[str, ...] = ()
    """Actions that the random policy draws from, where none are listed."""


def found(answer: Any, place: Place, route: str) -> Any:
    """Return the value at a place of an answer. Raises EpisodeError when there is none."""
    value = answer
    for key in place:
        fits = isinstance(value, dict) if isinstance(key, str) else isinstance(value, list)
        if not fits or (key not in value if isinstance(key, str) else len(value) <= key):
            raise wrong(route, answer, f"a value at {'.'.join(map(str, place))}")
        value = value[key]
    return value


def text(answer: Any, place: Place, route: str) -> str:
    """Return the text at a place of an answer. Raises EpisodeError when there is none."""
    value = found(answer, place, route)
    if not isinstance(value, str):
        raise wrong(route, answer, f"text at {'.'.join(map(str, place)) or 'the top'}")
    return value


def number(answer: Any, key: str, route: str) -> float:
    """Return the number under a key of an answer. Raises EpisodeError when there is none."""
    value = found(answer, (key,), route)
    if not isinstance(value, bool | int | float):
        raise wrong(route, answer, f"a number at {key}")
    return float(value)


def flag(answer: Any, key: str, route: str) -> bool:
    """Return the truth under a key of an answer. Raises EpisodeError when there is none."""
    value = found(answer, (key,), route)
    if not isinstance(value, bool):
        raise wrong(route, answer, f"true or false at {key}")
    return value


def texts(answer: Any, place: Place, route: str) -> tuple[str, ...]:
    """Return the list of texts at a place of an answer. Raises EpisodeError when there is none."""
    value = found(answer, place, route)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise wrong(route, answer, f"a list of texts at {'.'.join(map(str, place)) or 'the top'}")
    return tuple(value)


def wrong(route: str, answer: Any, expected: str) -> EpisodeError:
    """Return the error for an answer of another shape."""
    return EpisodeError(
        f"{route} answered {str(answer)[:120]!r}, expected {expected}; is this the server of this environment?"
    )
