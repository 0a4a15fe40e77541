"""What all schemas have in common."""

from __future__ import annotations

import pytest
from pydantic import PydanticUserError

from rftcore.schemas.frozen import Frozen


def unfinished() -> type[Frozen]:
    class Value(Frozen):
        item: Elsewhere  # type: ignore[name-defined]  # noqa: F821

    return Value


def test_annotations_mean_nothing_that_whoever_makes_the_first_value_has() -> None:
    Elsewhere = int  # noqa: N806
    with pytest.raises(PydanticUserError, match="not fully defined"):
        unfinished()(item=Elsewhere(1))


def test_the_first_value_may_be_made_in_a_comprehension() -> None:
    class Value(Frozen):
        items: tuple[float, ...]

    sums = [tuple(one + other for other in (1.0, 2.0)) for one in (1.0, 2.0)]
    assert [Value(items=one) if one else None for one in sums] == [Value(items=(2.0, 3.0)), Value(items=(3.0, 4.0))]
