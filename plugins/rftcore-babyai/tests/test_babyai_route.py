from __future__ import annotations

import pytest

from rftcore_babyai.route import Window
from rftcore_babyai.sight import CODES, EMPTY, UNSEEN, WALL

LEFT, RIGHT, FORWARD = range(3)

KEY = {
    ".": EMPTY,
    "#": WALL,
    "?": UNSEEN,
    "@": EMPTY,
    "b": CODES["red ball"],
    "d": CODES["blue closed door"],
    "o": CODES["blue open door"],
}


def seen(drawing: str) -> list[int]:
    """Read a window as the agent sees it: far row first, the agent `@` in the middle of the last."""
    rows = drawing.split()
    assert len(rows) == 7
    assert rows[6][3] == "@"
    return [KEY[cell] for row in rows for cell in row]


OPEN_ROOM = """
.......
.......
.......
..b....
.......
.......
...@...
"""


@pytest.mark.parametrize("direction", range(4))
def test_a_walk_ends_in_front_of_its_goal_by_the_fewest_steps(direction: int) -> None:
    window = Window(seen(OPEN_ROOM), direction, mended=True)
    index = 3 * 7 + 2
    assert window.can_face(index)
    assert window.way(index, enter=False) == [FORWARD, FORWARD, FORWARD, LEFT]


def test_a_thing_straight_ahead_is_faced_without_a_step() -> None:
    view = seen(OPEN_ROOM)
    view[5 * 7 + 3] = CODES["red ball"]
    assert Window(view, 0, mended=True).way(5 * 7 + 3, enter=False) == []


WALLED = """
???????
???????
???b???
???????
???????
#######
###@###
"""


def test_what_lies_behind_a_wall_is_not_reached() -> None:
    window = Window(seen(WALLED), 2, mended=True)
    assert not window.can_face(2 * 7 + 3)
    with pytest.raises(ValueError, match="cannot be reached"):
        window.way(2 * 7 + 3, enter=False)


DOOR = """
???????
???????
???b???
???????
???????
###d###
###@###
"""


def test_a_closed_door_blocks_the_way_unless_agentgym_walks_through_it() -> None:
    index = 2 * 7 + 3
    assert not Window(seen(DOOR), 0, mended=True).can_face(index)
    assert Window(seen(DOOR), 0, mended=False).way(index, enter=False) == [FORWARD] * 3


CORNER = """
.......
.......
.......
.......
.......
......b
...@.bb
"""


@pytest.mark.parametrize("direction", range(4))
def test_what_can_be_reached_does_not_depend_on_the_compass(direction: int) -> None:
    assert not Window(seen(CORNER), direction, mended=True).can_face(48)


def test_agentgym_may_walk_behind_itself_or_beside_its_window() -> None:
    reached = [Window(seen(CORNER), direction, mended=False).can_face(48) for direction in range(4)]
    assert reached == [True, True, True, False]


def test_an_open_door_is_walked_onto_and_through() -> None:
    view = seen(DOOR.replace("d", "o"))
    window = Window(view, 0, mended=True)
    assert window.can_enter(5 * 7 + 3)
    assert window.way(5 * 7 + 3, enter=True) == [FORWARD]
    assert window.way(2 * 7 + 3, enter=False) == [FORWARD] * 3


def test_closed_doors_can_be_faced_but_not_entered() -> None:
    window = Window(seen(DOOR), 0, mended=True)
    assert window.can_face(5 * 7 + 3)
    assert not window.can_enter(5 * 7 + 3)
