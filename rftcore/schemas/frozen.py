"""The common ground of all schemas: immutable, no unknown keys, one canonical hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: immutable, equal by content, and deaf to unknown keys (they are errors)."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def without_unused(model: BaseModel, dumped: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return `dumped` without those of `names` that have their default.

    What a run does not use is no part of its identity: a run that was made before an option existed keeps its id.
    """
    fields = type(model).model_fields
    unused = {name for name in names if getattr(model, name) == fields[name].default}
    return {name: value for name, value in dumped.items() if name not in unused}


def digest(value: Any) -> str:
    """Return the sha256 (64 hex digits) of the canonical JSON of `value`.

    Keys are sorted, floats are written as Python's shortest repr, and models are dumped with every default, so that
    equal content gives equal digests on every machine.
    """
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return hashlib.sha256(_CANONICAL.encode(value).encode("utf-8")).hexdigest()


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
