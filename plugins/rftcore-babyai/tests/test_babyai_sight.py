from __future__ import annotations

import random

import pytest
from minigrid.core.constants import IDX_TO_COLOR, IDX_TO_OBJECT
from minigrid.minigrid_env import MiniGridEnv

from rftcore_babyai.levels import minigrid_id
from rftcore_babyai.sight import AHEAD, ASIDE, CODES, EMPTY, NEAREST, OFFSETS, SIZE, UNSEEN, WALL
from rftcore_babyai.world import World

STATES = ("open", "closed", "locked")


def drawn_by_minigrid(world: World) -> list[int]:
    image = MiniGridEnv.gen_obs(world.level)["image"]
    codes = []
    for row in range(SIZE):
        for column in range(SIZE):
            kind, color, state = (int(v) for v in image[column, row])
            name = IDX_TO_OBJECT[kind]
            plain = {"unseen": UNSEEN, "empty": EMPTY, "wall": WALL}
            if name in plain:
                codes.append(plain[name])
            else:
                door = f"{STATES[state]} door"
                codes.append(CODES[f"{IDX_TO_COLOR[color]} {door if name == 'door' else name}"])
    return codes


@pytest.mark.parametrize("level", ["GoToRedBall", "UnlockToUnlock", "BossLevel", "KeyInBox", "PutNextS7N4Carrying"])
def test_the_view_is_minigrids_own_cell_for_cell(level: str) -> None:
    rng = random.Random(level)
    for seed in range(3):
        world = World(minigrid_id(level, "fixed"), seed)
        assert world.view() == drawn_by_minigrid(world)
        for _ in range(60):
            world.act(rng.choice((0, 1, 2, 2, 2, 3, 4, 5, 5)))
            assert world.view() == drawn_by_minigrid(world)


def test_window_indices_lie_where_their_names_say() -> None:
    assert ASIDE[45] == (0, 0)
    assert ASIDE[AHEAD[0]] == (1, 0)
    assert ASIDE[0] == (6, -3)
    assert ASIDE[48] == (0, 3)
    # Facing down, three to the right is to the west.
    assert OFFSETS[1][48] == (-3, 0)
    assert OFFSETS[1][AHEAD[2]] == (0, 3)


def test_cells_are_ranked_by_walking_distance_then_far_row_first() -> None:
    assert NEAREST[:3] == (AHEAD[0], 44, 46)
    assert [sum(map(abs, ASIDE[index])) for index in NEAREST] == sorted(sum(map(abs, ASIDE[i])) for i in NEAREST)
    assert len(NEAREST) == 48
