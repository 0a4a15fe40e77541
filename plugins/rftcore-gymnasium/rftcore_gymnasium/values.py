"""Values of Gymnasium's spaces as JSON has them, and back.

Observations and actions of every space but Text and Discrete go through here, so that what is shown and what is
understood have one form.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

LARGEST = 256
"""Numbers that are still read as text; what has more is an image or a state for a network."""


class NotInSpace(ValueError):
    """A JSON value that is no value of its space; says what is expected."""


def supported(space: spaces.Space[Any]) -> str | None:
    """Return None when `space` can be written as text, and else what cannot be, as the object of a sentence."""
    match space:
        case spaces.Dict():
            parts = list(space.spaces.values())
        case spaces.Tuple():
            parts = list(space.spaces)
        case spaces.Text() | spaces.Discrete() | spaces.MultiDiscrete() | spaces.MultiBinary() | spaces.Box():
            size = int(np.prod(space.shape)) if space.shape else 1
            return f"{type(space).__name__} with {size} numbers" if size > LARGEST else None
        case _:
            # A space of another kind is one of text when its values are, such as minigrid's missions.
            text = space.dtype is not None and np.dtype(space.dtype).kind == "U"
            return None if text else type(space).__name__
    return next((problem for problem in map(supported, parts) if problem is not None), None)


def plain(value: Any) -> Any:
    """Return a value of a space in JSON; numbers of floats have six digits."""
    match value:
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case tuple() | list():
            return [plain(item) for item in value]
        case np.ndarray():
            return plain(value.tolist())
        case np.generic():
            return plain(value.item())
        case float():
            return float(f"{value:.6g}")
    return value


def made(space: spaces.Space[Any], value: Any) -> Any:
    """Return the value of `space` that a JSON value stands for. Raises NotInSpace when it stands for none."""
    match space:
        case spaces.Dict():
            if not isinstance(value, dict) or set(value) != set(space.spaces):
                raise NotInSpace(f"an object with the keys {', '.join(space.spaces)}")
            found: Any = {key: made(part, value[key]) for key, part in space.spaces.items()}
        case spaces.Tuple():
            if not isinstance(value, list) or len(value) != len(space.spaces):
                raise NotInSpace(f"a list of {len(space.spaces)} values")
            found = tuple(made(part, item) for part, item in zip(space.spaces, value, strict=True))
        case spaces.Text():
            found = value
        case _:
            try:
                found = np.asarray(value).astype(space.dtype, casting="same_kind")
            except (TypeError, ValueError, OverflowError):
                raise NotInSpace(wanted(space)) from None
            found = found[()]
    if not space.contains(found):
        raise NotInSpace(wanted(space))
    return found


def wanted(space: spaces.Space[Any]) -> str:
    """Return what a value of `space` is in JSON, in words."""
    match space:
        case spaces.Discrete():
            return f"a whole number from {space.start} to {space.start + space.n - 1}"
        case spaces.MultiDiscrete():
            last = ", ".join(str(number) for number in (space.start + space.nvec - 1).ravel().tolist())
            return f"a list of whole numbers, up to [{last}]"
        case spaces.MultiBinary():
            return f"a list of {int(np.prod(space.shape))} digits, each 0 or 1"
        case spaces.Box():
            low, high = float(space.low.min()), float(space.high.max())
            return f"a list of numbers in the shape {list(space.shape)}, from {low:g} to {high:g}"
        case spaces.Dict():
            return "; ".join(f"{key!r}: {wanted(part)}" for key, part in space.spaces.items())
        case spaces.Tuple():
            return f"a list of: {'; '.join(map(wanted, space.spaces))}"
        case spaces.Text():
            return f"a text of {space.min_length} to {space.max_length} characters"
    return f"a value of {space}"
