"""What goes over the wire, in one place for both sides: JSON values, and nothing that has to be unpickled.

Text is UTF-8. Half of a surrogate pair, which UTF-8 does not have, becomes a question mark.
"""

from __future__ import annotations

import json
import math
import random
from typing import Any, Literal, NoReturn

from pydantic import Field, JsonValue

from rftcore.schemas.frozen import Frozen, digest
from rftcore.schemas.task import Split, Task

VARIABLE = "RFTCORE_SERVE_TOKEN"
"""Environment variable that holds the token, where no other one is named."""

STATUS = {
    "malformed": 400,
    "unauthorized": 401,
    "unknown": 404,
    "method": 405,
    "slow": 408,
    "conflict": 409,
    "large": 413,
    "invalid": 422,
    "failed": 500,
    "full": 503,
    "deadline": 504,
}
"""What went wrong, and the HTTP status that says so."""


class Served(Frozen):
    """What decides how a served environment plays."""

    name: str
    version: str
    """Version of the environment's behaviour."""
    options: dict[str, JsonValue]
    """All of them, defaults included."""

    @property
    def identity(self) -> str:
        """sha256 of all of it."""
        return digest(self)


class Description(Frozen):
    """What an environment declares of itself."""

    served: Served
    difficulties: tuple[str, ...]
    returns: Literal["last", "sum", "max"]
    reward_range: tuple[float, float]
    max_turns: int
    instructions: str
    action_templates: tuple[str, ...]
    facts: dict[str, str | int | float | bool]


class OfWorld(Frozen):
    """A question to the environment itself, with the options of whoever plays."""

    options: dict[str, JsonValue] = Field(default_factory=dict)


class OfList(OfWorld):
    """Which list of tasks is asked for."""

    split: Split
    difficulty: str


class OfTask(OfWorld):
    """Which task is played."""

    task: Task


class Action(Frozen):
    """What the agent does: any text."""

    action: str


class Draw(Frozen):
    """The state of a random stream: `random.Random.getstate()` as JSON has it."""

    state: tuple[Literal[3], tuple[int, ...], float | None]


class Nothing(Frozen):
    """A question that needs no arguments."""


class TaskList(Frozen):
    """An ordered list of tasks, private answers included."""

    tasks: list[Task]


class Texts(Frozen):
    """Texts that cover the words of an environment."""

    texts: list[str]


class Demonstration(Frozen):
    """The expert's actions from the start of a task; empty without an expert."""

    actions: list[str]


class Begun(Frozen):
    """A live episode. By `identity`, that of what is `served`, a client notices that another environment plays.

    It is the sha256, in hexadecimal digits, of `served` as JSON in UTF-8, its keys sorted, without spaces, and with no
    character escaped that need not be.
    """

    episode: str
    """Its name, in the paths of what is asked of it."""
    observation: str
    expert: bool
    """Whether it can be asked what the expert does."""
    identity: str


class Available(Frozen):
    """What would be understood now; null where that is not listed."""

    actions: list[str] | None


class Drawn(Draw):
    """An action, and the stream where the draw has left it."""

    action: str


class Advice(Frozen):
    """What the expert does now; null where it knows nothing."""

    action: str | None


class Closed(Frozen):
    """Whether there was such an episode."""

    closed: bool


def encoded(value: Any) -> bytes:
    """Return JSON in UTF-8. Raises ValueError for a number that JSON does not have."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


def decoded(body: bytes) -> Any:
    """Return what JSON says. Raises ValueError when it is none, too deep, has half a surrogate or no finite number."""
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if b"\\ud" in body.lower():
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse(text[:20])
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def state_of(rng: random.Random) -> list[Any]:
    """Return the state of a random stream as JSON has it."""
    version, numbers, gauss = rng.getstate()
    return [version, list(numbers), gauss]


def stream(state: tuple[int, tuple[int, ...], float | None]) -> random.Random:
    """Return a random stream in this state. Raises ValueError when it is none."""
    rng = random.Random(0)
    try:
        rng.setstate(state)
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"no state of a random stream ({error})") from error
    return rng
