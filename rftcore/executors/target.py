"""How a job's function is called: the same way, and with the same values, in every executor.

A target is `package.module:function`, called as `function(payload, progress)`. What goes in and comes out is a JSON
value, made plain by one pass through JSON even where no process boundary asks for it: a function cannot return a tuple
inline and a list elsewhere, and cannot change the caller's payload.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

NONE: Mapping[str, float] = MappingProxyType({})


class Report(Protocol):
    """What a job calls to tell how far it is: steps done, steps in total, a short remark, and what it counted."""

    def __call__(self, done: float, total: float, remark: str, figures: Mapping[str, float] = NONE, /) -> None:
        """Tell it. `figures` are those of `rftcore.executor.Progress`."""


def call(target: str, payload: Any, progress: Report) -> Any:
    """Import `target`, call it with a copy of `payload`, and return its value as plain JSON.

    Whatever the import or the function raises comes through. Raises TypeError when the payload or the value is not
    made of JSON values.
    """
    module, _, function = target.partition(":")
    run = getattr(importlib.import_module(module), function)
    return plain(run(plain(payload, f"payload of {target}"), progress), f"value of {target}")


def plain(value: Any, what: str) -> Any:
    """Return `value` as JSON carries it; `what` names it in the TypeError that anything else raises."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what} is not JSON ({error}); expected dicts, lists, strings, numbers or None") from error
