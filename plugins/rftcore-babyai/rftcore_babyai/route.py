"""Ways through the window: which things can be walked to, and by which low-level actions.

Cells that the agent does not see count as free, as in AgentGym. What can be reached is found on one integer whose bits
are cells; the walk itself is searched only for the action that is taken.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from rftcore_babyai.sight import EMPTY, MOVABLE, OFFSETS, OPAQUE, SIZE, STEPS, WALL

_STRIDE = 10
"""Cells in a row of the search board: eight at most, and one of margin on each side."""
_HOPS = tuple(dy * _STRIDE + dx for dx, dy in STEPS)
_LEFT, _RIGHT, _FORWARD = range(3)


class _Board(NamedTuple):
    agent: int
    cells: tuple[int, ...]
    """Board index of each window index."""
    window: int
    """Bits of the window's cells."""
    margin: int
    """Bits of the cells beside the window that AgentGym's walks may use too."""


def _board(direction: int) -> _Board:
    """Lay the window out on the board.

    AgentGym's walks may use one more column or row than the window, on the side of smaller coordinates where the window
    is traversed towards them: what can be reached depends on the compass.
    """
    far_left, near_left = OFFSETS[direction][0], OFFSETS[direction][SIZE * (SIZE - 1)]
    far_right = OFFSETS[direction][SIZE - 1]
    spans = []
    for axis in (0, 1):
        towards = (near_left[axis] - far_left[axis]) + (far_right[axis] - far_left[axis])
        start = far_left[axis]
        spans.append(range(start, start + SIZE) if towards > 0 else range(start - SIZE, start + 1))
    xs, ys = spans

    def at(dx: int, dy: int) -> int:
        return (dy - ys[0] + 1) * _STRIDE + dx - xs[0] + 1

    cells = tuple(at(dx, dy) for dx, dy in OFFSETS[direction])
    window = sum(1 << cell for cell in cells)
    return _Board(at(0, 0), cells, window, sum(1 << at(dx, dy) for dx in xs for dy in ys) & ~window)


_BOARDS = tuple(_board(direction) for direction in range(4))


class Window:
    """Where the agent can walk, judged by one view."""

    def __init__(self, view: list[int], direction: int, mended: bool) -> None:
        """Unless `mended`, ways lead through closed doors and over AgentGym's margin."""
        board = _BOARDS[direction]
        blocked = 0
        for index, code in enumerate(view):
            if code > EMPTY and (code == WALL or code in MOVABLE or (mended and code in OPAQUE)):
                blocked |= 1 << board.cells[index]
        start = 1 << board.agent
        inside = board.window if mended else board.window | board.margin
        free = inside & ~blocked | start
        reach, wave = 0, start
        while reach != wave:
            reach = wave
            wave = (reach | reach << 1 | reach >> 1 | reach << _STRIDE | reach >> _STRIDE) & free
        self._direction = direction
        self._board = board
        self._free = free
        self._reach = reach

    def can_face(self, index: int) -> bool:
        """Return whether some way ends in front of window cell `index`."""
        cell = 1 << self._board.cells[index]
        return bool((cell << 1 | cell >> 1 | cell << _STRIDE | cell >> _STRIDE) & self._reach)

    def can_enter(self, index: int) -> bool:
        """Return whether some way ends on window cell `index`."""
        return bool(1 << self._board.cells[index] & self._reach)

    def way(self, index: int, enter: bool) -> list[int]:
        """Return the low-level actions that lead in front of window cell `index`, or onto it when `enter`.

        The search and its choice among ways are AgentGym's: forward before left before right, and the last state that
        offers a step is its parent. Only for cells that `can_face` or `can_enter` allows.
        """
        goal, free = self._board.cells[index], self._free
        queue = deque([(self._board.agent, self._direction)])
        parents: dict[tuple[int, int], tuple[tuple[int, int], int]] = {}
        closed = set()
        while queue:
            state = queue.popleft()
            closed.add(state)
            cell, direction = state
            ahead = cell + _HOPS[direction]
            if goal == (cell if enter else ahead):
                return self._walk(parents, state)
            for following, action in (
                ((ahead, direction), _FORWARD),
                ((cell, (direction - 1) % 4), _LEFT),
                ((cell, (direction + 1) % 4), _RIGHT),
            ):
                if following not in closed and free >> following[0] & 1:
                    queue.append(following)
                    parents[following] = state, action
        raise ValueError(f"window cell {index} cannot be reached; ask can_face or can_enter first")

    def _walk(self, parents: dict[tuple[int, int], tuple[tuple[int, int], int]], state: tuple[int, int]) -> list[int]:
        actions = []
        while state != (self._board.agent, self._direction):
            state, action = parents[state]
            actions.append(action)
        return actions[::-1]
