"""minigrid's own bot, made quick, and able to begin in the middle of an episode.

The bot plans from what has been seen. Upstream it must watch the episode from its first step, and spends most of its
time on drawing views; here it is given the cells that were seen and the part of the mission that is still open. Its
plans are unchanged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from minigrid.envs.babyai.core.verifier import AfterInstr, PutNextInstr, SeqInstr
from minigrid.utils.baby_ai_bot import BabyAIBot, DropSubgoal, GoNextToSubgoal

from rftcore_babyai.world import World

_Cell = tuple[int, int]

SEARCHES = 60
"""Searches that the bot may make for one step; it needs about ten, but can plan in circles without ever moving."""


class _Seen(set[_Cell]):
    """The cells that were seen, read as the bot reads its mask."""

    def __getitem__(self, cell: _Cell) -> bool:
        return cell in self


class MidwayBot(BabyAIBot):
    """A bot for the rest of an episode."""

    vis_mask: Any

    def __init__(self, world: World, seen: Iterable[_Cell], empty_hands: bool) -> None:
        """`empty_hands`: put down first what is carried."""
        self._world = world
        super().__init__(world.level)  # type: ignore[no-untyped-call]
        self.vis_mask = _Seen(seen)
        carried = world.level.carrying
        self._process_obs()
        self._remember_current_state()  # type: ignore[no-untyped-call]
        if carried is not None and empty_hands:
            self.stack.append(DropSubgoal(self))
            place = self._find_drop_pos()  # type: ignore[no-untyped-call]
            self.stack.append(GoNextToSubgoal(self, place))

    def _process_instr(self, instr: Any) -> None:
        """Plan the parts of `instr` that are not done; begin a `put` in the middle when its object is in hand."""
        if isinstance(instr, SeqInstr):
            both: Any = instr
            parts = [(both.instr_a, both.a_done), (both.instr_b, both.b_done)]
            if isinstance(instr, AfterInstr):
                parts.reverse()
            for part, done in reversed(parts):
                if done != "success":
                    self._process_instr(part)
            return
        super()._process_instr(instr)  # type: ignore[no-untyped-call]
        carried = self._world.level.carrying
        if isinstance(instr, PutNextInstr) and any(carried is obj for obj in instr.desc_move.obj_set):
            del self.stack[-2:]

    def _process_obs(self) -> None:
        self.bfs_counter = 0
        self.vis_mask.update(self._world.visible(self._world.view()))

    def _breadth_first_search(
        self,
        initial_states: Iterable[tuple[int, int, int, int]],
        accept_fn: Callable[[_Cell, Any], bool],
        ignore_blockers: bool,
    ) -> tuple[list[_Cell] | None, _Cell | None, dict[_Cell, _Cell | None]]:
        """Search as the original does, the same cells in the same order, on a queue that pops in constant time."""
        self.bfs_counter += 1
        if self.bfs_counter > SEARCHES:
            raise AssertionError(f"the bot made {SEARCHES} searches for one step: it goes in circles")
        cells, width = self._world.level.grid.grid, self._world.level.grid.width
        queue: deque[tuple[int, int, int, int, _Cell | None]] = deque(
            (int(i), int(j), int(di), int(dj), None) for i, j, di, dj in initial_states
        )
        previous: dict[_Cell, _Cell | None] = {}
        while queue:
            i, j, di, dj, origin = queue.popleft()
            here = (i, j)
            if here in previous:
                continue
            cell = cells[j * width + i]
            previous[here] = origin
            if accept_fn(here, cell):
                path: list[_Cell] = []
                back: _Cell | None = here
                while back:
                    path.append(back)
                    back = previous[back]
                return path, here, previous
            if here not in self.vis_mask:
                continue
            if cell and (
                cell.type == "wall"
                or (cell.type == "door" and not cell.is_open)
                or (cell.type != "door" and not ignore_blockers)
            ):
                continue
            for dx, dy in ((di, dj), (dj, di), (-dj, -di), (-di, -dj)):
                if (i + dx, j + dy) not in previous:
                    queue.append((i + dx, j + dy, dx, dy, here))
        return None, None, previous
