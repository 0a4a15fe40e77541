"""What the agent sees: a 7 x 7 window in its own frame, computed on small integers.

minigrid rotates and encodes its grid of objects for every step, which is most of its cost. Here the world is mirrored
in one padded row of cell codes, and the rules of sight (minigrid's, cell for cell) work on the seven bits of a window
row. A window cell has an index from 0 to 48: row by row, the far row first, each from left to right; 45 is the agent.
"""

from __future__ import annotations

from functools import cache

from rftcore_babyai.levels import COLORS

SIZE = 7
AGENT = 45
PAD = SIZE
"""Cells of wall around the mirrored grid, so that no look leaves it."""

UNSEEN, EMPTY, WALL = -1, 0, 1
_STATES = ("open", "closed", "locked")
NAMES: tuple[str, ...] = (
    "",
    "wall",
    *(f"{color} {state} door" for color in COLORS for state in _STATES),
    *(f"{color} {kind}" for kind in ("key", "ball", "box") for color in COLORS),
)
"""What the text calls each cell code."""

CODES: dict[str, int] = {name: code for code, name in enumerate(NAMES)}
DOORS = range(2, 20)
MOVABLE = range(20, 38)
BOXES = range(32, 38)
OPAQUE = frozenset((WALL, *(code for code in DOORS if not NAMES[code].endswith("open door"))))

AHEAD = tuple(AGENT - SIZE * (step + 1) for step in range(SIZE - 1))
"""Indices of the cells straight ahead, nearest first."""


def _aside(index: int) -> tuple[int, int]:
    """Return how far in front and how far to the right of the agent a window cell lies."""
    return SIZE - 1 - index // SIZE, index % SIZE - SIZE // 2


ASIDE: tuple[tuple[int, int], ...] = tuple(_aside(index) for index in range(SIZE * SIZE))
FRONT = AHEAD[0]
NEAREST: tuple[int, ...] = tuple(
    sorted((i for i in range(SIZE * SIZE) if i != AGENT), key=lambda i: (ASIDE[i][0] + abs(ASIDE[i][1]), i))
)
"""All indices but the agent's, by Manhattan distance; equals in window order."""

STEPS: tuple[tuple[int, int], ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""Direction 0 to 3 as (dx, dy): right, down, left, up."""


def _offset(index: int, direction: int) -> tuple[int, int]:
    ahead, right = ASIDE[index]
    dx, dy = STEPS[direction]
    return ahead * dx - right * dy, ahead * dy + right * dx


OFFSETS: tuple[tuple[tuple[int, int], ...], ...] = tuple(
    tuple(_offset(index, direction) for index in range(SIZE * SIZE)) for direction in range(4)
)
"""For each direction and window index, where that cell lies from the agent, as (dx, dy)."""


@cache
def flat_offsets(width: int, direction: int) -> tuple[int, ...]:
    """Return `OFFSETS[direction]` as steps in a padded grid that is `width` cells wide, padding included."""
    return tuple(dy * width + dx for dx, dy in OFFSETS[direction])


@cache
def _sweep(lit: int, clear: int) -> tuple[int, int]:
    """Spread light along a window row: the lit cells, and those that it lights in the next row away from the agent.

    Both are sets of bits, bit 0 the leftmost cell; `clear` holds the cells that light passes. Source of the rule:
    minigrid's `Grid.process_vis`.
    """
    beyond = 0
    for here, there in [(i, i + 1) for i in range(SIZE - 1)] + [(i, i - 1) for i in range(SIZE - 1, 0, -1)]:
        if lit & clear & (1 << here):
            lit |= 1 << there
            beyond |= (1 << there) | (1 << here)
    return lit, beyond


def look(cells: bytearray, width: int, at: int, direction: int, carried: int) -> list[int]:
    """Return the 49 cell codes that the agent sees, `UNSEEN` where it does not; its own cell shows what it carries.

    `cells` is the padded grid, `at` the agent's index in it.
    """
    view = [cells[at + offset] for offset in flat_offsets(width, direction)]
    lit = 1 << (SIZE // 2)
    for start in range(SIZE * (SIZE - 1), -1, -SIZE):
        clear, bit = 0, 1
        for code in view[start : start + SIZE]:
            if code not in OPAQUE:
                clear |= bit
            bit <<= 1
        lit, beyond = _sweep(lit, clear)
        if lit != 127:
            for i in range(SIZE):
                if not lit >> i & 1:
                    view[start + i] = UNSEEN
        lit = beyond
    view[AGENT] = carried
    return view
