"""The common ground of all schemas: immutable, no unknown keys, one canonical hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

Model = TypeVar("Model", bound=BaseModel)


class Frozen(BaseModel):
    """A value: immutable, equal by content, and deaf to unknown keys (they are errors)."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def model_rebuild(
        cls,
        *,
        force: bool = False,
        raise_errors: bool = True,
        _parent_namespace_depth: int = 2,
        _types_namespace: Mapping[str, Any] | None = None,
    ) -> bool | None:
        """As pydantic's, without a look at the caller's variables, which annotations never mean.

        That look ends CPython 3.13.0 with a segmentation fault where the first value is made in a comprehension.
        """
        return super().model_rebuild(force=force, raise_errors=raise_errors, _types_namespace=_types_namespace or {})


def without_unused(model: BaseModel, dumped: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return `dumped` without those of `names` that have their default.

    What a run does not use is no part of its identity: a run that was made before an option existed keeps its id.
    """
    fields = type(model).model_fields
    unused = {name for name in names if getattr(model, name) == fields[name].default}
    return {name: value for name, value in dumped.items() if name not in unused}


def given(model: BaseModel) -> dict[str, Any]:
    """Return what `model` and the models in its fields were made with, without what was left at its default."""
    told = {name: getattr(model, name) for name in type(model).model_fields if name in model.model_fields_set}
    return {name: given(value) if isinstance(value, BaseModel) else value for name, value in told.items()}


def laid_over(below: Model, above: Model) -> Model:
    """Return `below` with what `above` was made with; where both have a model, what that was made with."""
    changes: dict[str, Any] = {}
    for name in above.model_fields_set:
        old, new = getattr(below, name), getattr(above, name)
        both = isinstance(old, BaseModel) and isinstance(new, BaseModel)
        changes[name] = laid_over(old, new) if both else new
    return below.model_copy(update=changes)


def digest(value: Any) -> str:
    """Return the sha256 (64 hex digits) of the canonical JSON of `value`.

    Keys are sorted, floats are written as Python's shortest repr, and models are dumped with every default, so that
    equal content gives equal digests on every machine.
    """
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return hashlib.sha256(_CANONICAL.encode(value).encode("utf-8")).hexdigest()


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
