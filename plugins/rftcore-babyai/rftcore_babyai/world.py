"""A running minigrid level with a mirror of its cells, so that looking around costs microseconds.

The level's own code generates the world, moves the agent, and decides success. This file adds only what minigrid lacks
for our use: silence while a level is sampled, no images, and snapshots (the expert thinks in the real world and then
puts everything back).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import gymnasium
import minigrid  # noqa: F401  (registers the levels)
from gymnasium.envs.registration import load_env_creator
from minigrid.core.roomgrid import RoomGrid
from minigrid.core.world_object import Door, WorldObj
from minigrid.envs.babyai.core import verifier
from minigrid.envs.babyai.core.roomgrid_level import RejectSampling, RoomGridLevel
from minigrid.envs.babyai.core.verifier import Instr, ObjDesc

from rftcore.errors import ConfigError
from rftcore_babyai.sight import CODES, DOORS, EMPTY, OFFSETS, OPAQUE, PAD, STEPS, UNSEEN, WALL, look

LEFT, RIGHT, FORWARD, PICKUP, DROP, TOGGLE, DONE = range(7)
"""minigrid's low-level actions."""


class _Quiet(RoomGridLevel):
    """A level that samples in silence and draws no images."""

    instrs: Any

    def _gen_grid(self, width: int, height: int) -> None:
        """Sample as `RoomGridLevel` does, the same draws in the same order, without printing each rejection."""
        while True:
            try:
                RoomGrid._gen_grid(self, width, height)  # type: ignore[no-untyped-call]
                self.gen_mission()  # type: ignore[no-untyped-call]
                self.validate_instrs(self.instrs)  # type: ignore[no-untyped-call]
            except (RecursionError, RejectSampling):
                continue
            break
        self.surface = self.instrs.surface(self)
        self.mission = self.surface

    def gen_obs(self) -> dict[str, Any]:
        """Return nothing: the text is made from the mirror."""
        return {}


@cache
def _quiet_class(entry_point: str) -> Any:
    original: Any = load_env_creator(entry_point)
    return type(f"Quiet{original.__name__}", (_Quiet, original), {})


def _code(obj: WorldObj | None) -> int:
    if obj is None:
        return EMPTY
    if isinstance(obj, Door):
        state = "open" if obj.is_open else "locked" if obj.is_locked else "closed"
        return CODES[f"{obj.color} {state} door"]
    return WALL if obj.type == "wall" else CODES[f"{obj.color} {obj.type}"]


class World:
    """One level with one seed, at some moment of an episode."""

    def __init__(self, minigrid_id: str, seed: int) -> None:
        """Raise ConfigError where minigrid is told to wait for its action `done`, which the text does not have."""
        if verifier.use_done_actions:
            raise ConfigError(
                "BABYAI_DONE_ACTIONS is set, so no BabyAI mission would ever succeed; unset it and restart"
            )
        spec = gymnasium.spec(minigrid_id)
        self.level: Any = _quiet_class(str(spec.entry_point))(**spec.kwargs)
        self.level.reset(seed=seed)
        grid = self.level.grid
        self.width = int(grid.width) + 2 * PAD
        self.cells = bytearray([WALL]) * (self.width * (grid.height + 2 * PAD))
        for y in range(grid.height):
            for x in range(grid.width):
                self.cells[self._index(x, y)] = _code(grid.get(x, y))
        self.x, self.y = (int(v) for v in self.level.agent_pos)
        self.carried = _code(self.level.carrying)

    def _index(self, x: int, y: int) -> int:
        return (y + PAD) * self.width + x + PAD

    @property
    def mission(self) -> str:
        return str(self.level.mission)

    @property
    def direction(self) -> int:
        """0 right, 1 down, 2 left, 3 up."""
        return int(self.level.agent_dir)

    @property
    def front(self) -> tuple[int, int]:
        dx, dy = STEPS[self.level.agent_dir]
        return self.x + dx, self.y + dy

    @property
    def pose(self) -> tuple[int, int, int]:
        return self.x, self.y, int(self.level.agent_dir)

    def empty(self, x: int, y: int) -> bool:
        """Return whether nothing is at these coordinates."""
        return bool(self.cells[self._index(x, y)] == EMPTY)

    def free(self, x: int, y: int) -> bool:
        """Return whether the agent can stand there."""
        code = self.cells[self._index(x, y)]
        return code == EMPTY or (code in DOORS and code not in OPAQUE)

    def mission_parts(self) -> list[Instr | ObjDesc]:
        """Return the mission's instruction, those inside it, and the descriptions of objects that they hold."""
        return _parts(self.level.instrs)

    def view(self) -> list[int]:
        """Return what the agent sees; see `look`."""
        return look(self.cells, self.width, self._index(self.x, self.y), self.level.agent_dir, self.carried)

    def first_view(self) -> list[int]:
        """Return the view as minigrid draws it while resetting.

        Where the agent starts with something in its hands, minigrid takes it from its place only after that.
        """
        if self.level.carrying is None:
            return self.view()
        at = self._index(*self.level.carrying.init_pos)
        self.cells[at] = self.carried
        view = self.view()
        self.cells[at] = EMPTY
        return view

    def visible(self, view: list[int]) -> list[tuple[int, int]]:
        """Return the coordinates of the cells that `view` shows."""
        offsets = OFFSETS[self.level.agent_dir]
        return [(self.x + dx, self.y + dy) for (dx, dy), code in zip(offsets, view, strict=True) if code != UNSEEN]

    def act(self, primitive: int) -> tuple[float, bool, bool, bool]:
        """Let the level make one low-level step; return reward, terminated, truncated, and whether anything changed."""
        before = self.level.agent_dir
        _, reward, terminated, truncated, _ = self.level.step(primitive)
        changed = before != self.level.agent_dir
        if primitive == FORWARD:
            x, y = self.level.agent_pos
            changed = x != self.x or y != self.y
            self.x, self.y = int(x), int(y)
        elif primitive >= PICKUP:
            x, y = self.front
            at, code = self._index(x, y), _code(self.level.grid.get(x, y))
            changed = code != self.cells[at]
            self.cells[at] = code
            self.carried = _code(self.level.carrying)
        return float(reward), bool(terminated), bool(truncated), changed

    def save(self) -> tuple[Any, ...]:
        """Return everything that a step can change, to be given to `restore`."""
        level = self.level
        objects = [cell for cell in level.grid.grid if cell is not None and cell.type != "wall"]
        if level.carrying is not None:
            objects.append(level.carrying)
        return (
            {name: getattr(level, name) for name in ("agent_pos", "agent_dir", "carrying", "step_count")},
            list(level.grid.grid),
            [(part, dict(vars(part))) for part in (*objects, *_parts(level.instrs))],
            (self.x, self.y, self.carried, bytearray(self.cells)),
        )

    def restore(self, saved: tuple[Any, ...]) -> None:
        """Put back what `save` returned; it can be used once, as the lists move back into the world."""
        level, grid, parts, (self.x, self.y, self.carried, self.cells) = saved
        vars(self.level).update(level)
        self.level.grid.grid = grid
        for part, attributes in parts:
            vars(part).clear()
            vars(part).update(attributes)


def _parts(instr: Instr) -> list[Instr | ObjDesc]:
    """Return an instruction, those inside it, and the descriptions of objects that they hold."""
    parts: list[Instr | ObjDesc] = [instr]
    for value in vars(instr).values():
        if isinstance(value, Instr):
            parts.extend(_parts(value))
        elif isinstance(value, ObjDesc):
            parts.append(value)
    return parts
