from __future__ import annotations

from rftcore_babyai.scene import Scene, compose
from rftcore_babyai.sight import CODES, EMPTY, UNSEEN, WALL

AGENT_ROW = 6
NORTH = 3
"""Where AgentGym's margin is empty."""


def scene(*things: tuple[str, int, int], carried: str = "", wall: int | None = 5, mended: bool = True) -> Scene:
    """Compose a room that is empty but for `things` (name, steps ahead, steps to the right) and a wall ahead."""
    view = [EMPTY] * 49
    if wall is not None:
        for column in range(7):
            for row in range(AGENT_ROW - wall + 1):
                view[row * 7 + column] = WALL if row == AGENT_ROW - wall else UNSEEN
    for name, ahead, right in things:
        view[(AGENT_ROW - ahead) * 7 + 3 + right] = CODES[name]
    view[45] = CODES[carried] if carried else EMPTY
    return compose(view, NORTH, mended)


def test_a_view_is_told_in_agentgyms_words_nearest_first() -> None:
    told = scene(("red ball", 3, -1), ("blue closed door", 2, 1), ("red ball", 1, 0), carried="grey key")
    assert told.description == (
        "In front of you in this room, you can see several objects: "
        "There is a red ball 1 right in front of you 1 steps away.  "
        "There is a blue closed door 1 2 steps in front of you and 1 steps to your right.  "
        "There is a red ball 2 3 steps in front of you and 1 steps to your left.  "
        "The room has walls around you. You are facing a wall 5 steps away. You are carrying a grey key."
    )


def test_actions_come_in_agentgyms_order() -> None:
    told = scene(("red ball", 3, -1), ("blue closed door", 2, 1))
    assert list(told.actions) == [
        "turn left",
        "turn right",
        "move forward",
        "pickup red ball 1",
        "toggle and go through blue closed door 1",
        "go to blue closed door 1",
        "go to red ball 1",
        "check available actions",
    ]


def test_an_empty_view_is_told_as_one() -> None:
    assert scene().description.startswith("You cannot see any objects within sight. The room")
    assert scene(mended=False).description.startswith("In front of you in this room, you can see several objects: The")
    assert scene(wall=None, mended=False).description.startswith("You cannot see any objects within sight.The room")


CORNERED = (("blue ball", 0, 3), ("grey box", 0, 2), ("grey box", 1, 3), ("blue ball", 3, -3))


def test_a_number_means_the_thing_that_the_description_gives_it_to() -> None:
    told = scene(*CORNERED)
    assert "blue ball 1 0 steps in front of you and 3 steps to your right" in told.description
    assert told.refusals["go to blue ball 1"] == "You cannot go to blue ball 1, as there is no path leading to it."
    assert "go to blue ball 1" not in told.actions
    assert told.actions["go to blue ball 2"].target == 3 * 7
    assert told.actions["pickup blue ball 2"].target == 3 * 7


def test_agentgym_numbers_only_what_it_can_reach() -> None:
    told = scene(*CORNERED, mended=False)
    assert "blue ball 1 0 steps in front of you and 3 steps to your right" in told.description
    assert told.actions["go to blue ball 1"].target == 3 * 7
    assert "go to blue ball 2" not in told.actions


def test_only_what_is_possible_is_offered() -> None:
    ahead = scene(("red key", 1, 0))
    assert "move forward" not in ahead.actions
    assert ahead.refusals["move forward"] == "There is a barrier in front of you, you can't move forward."
    assert "drop" not in scene(("red closed door", 1, 0), carried="blue ball").actions
    assert "drop" in scene(carried="blue ball").actions
    assert "drop" not in scene().actions


def test_agentgym_offers_steps_and_drops_that_do_nothing() -> None:
    assert "move forward" in scene(("red key", 1, 0), mended=False).actions
    assert "drop" in scene(("red closed door", 1, 0), carried="blue ball", mended=False).actions


def test_toggle_is_for_whatever_opens_or_closes_ahead() -> None:
    assert "toggle" in scene(("red box", 1, 0)).actions
    assert "toggle" in scene(("red open door", 1, 0)).actions
    assert "toggle" in scene(("red closed door", 1, 0)).actions
    assert "toggle" not in scene(("red locked door", 1, 0)).actions
    assert "toggle" not in scene(("red ball", 1, 0)).actions
    assert "toggle" not in scene(("red box", 1, 0), mended=False).actions
    assert "toggle" not in scene(("red open door", 1, 0), mended=False).actions


def test_a_locked_door_needs_the_key_of_its_color() -> None:
    action = "toggle and go through red locked door 1"
    door = ("red locked door", 2, 0)
    assert scene(door).refusals[action] == f"You cannot {action}, as you are not carrying a key."
    assert scene(door, carried="red ball").refusals[action] == f"You cannot {action}, as you are not carrying a key."
    mismatch = "as the color of the key you are carrying does not match the color of door."
    assert scene(door, carried="blue key").refusals[action] == f"You cannot {action}, {mismatch}"
    assert action in scene(door, carried="red key").actions


def test_full_hands_are_the_reason_why_nothing_more_is_picked_up() -> None:
    told = scene(("red ball", 2, 0), carried="blue key")
    message = "You cannot pickup red ball 1, as you are already carrying a blue key."
    assert told.refusals["pickup red ball 1"] == message


def test_a_box_is_a_barrier_in_the_text_and_a_ball_is_not() -> None:
    assert "You are facing a box 2 steps away. " in scene(("red box", 2, 0)).description
    assert "You are facing a wall 5 steps away. " in scene(("red ball", 2, 0)).description
