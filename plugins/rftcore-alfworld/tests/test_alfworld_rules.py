"""The rules and the sentences, on a small kitchen made by hand; and what the mended rules do differently."""

from __future__ import annotations

import pytest

from rftcore_alfworld.commands import Dialect
from rftcore_alfworld.engine import Engine
from rftcore_alfworld.game import build
from rftcore_alfworld.goal import Goal

KITCHEN = """
atlocation agent1 loc_bar_0
receptacleatlocation fridge_bar_1 loc_bar_1 | receptacleatlocation microwave_bar_1 loc_bar_2
receptacleatlocation sinkbasin_bar_1 loc_bar_3 | receptacleatlocation drawer_bar_1 loc_bar_4
receptacleatlocation drawer_bar_2 loc_bar_4 | receptacleatlocation countertop_bar_1 loc_bar_5
receptacletype fridge_bar_1 fridgetype | receptacletype microwave_bar_1 microwavetype
receptacletype sinkbasin_bar_1 sinkbasintype | receptacletype drawer_bar_1 drawertype
receptacletype drawer_bar_2 drawertype | receptacletype countertop_bar_1 countertoptype
openable fridge_bar_1 | openable microwave_bar_1 | openable drawer_bar_1 | openable drawer_bar_2
objecttype apple_bar_1 appletype | inreceptacle apple_bar_1 countertop_bar_1 | objectatlocation apple_bar_1 loc_bar_5
pickupable apple_bar_1 | cleanable apple_bar_1 | heatable apple_bar_1 | coolable apple_bar_1 | sliceable apple_bar_1
objecttype apple_bar_2 appletype | inreceptacle apple_bar_2 drawer_bar_1 | objectatlocation apple_bar_2 loc_bar_4
pickupable apple_bar_2 | sliceable apple_bar_2 | heatable apple_bar_2
objecttype knife_bar_1 knifetype | inreceptacle knife_bar_1 countertop_bar_1 | objectatlocation knife_bar_1 loc_bar_5
pickupable knife_bar_1
objecttype bowl_bar_1 bowltype | inreceptacle bowl_bar_1 countertop_bar_1 | objectatlocation bowl_bar_1 loc_bar_5
pickupable bowl_bar_1 | isreceptacleobject bowl_bar_1 | inreceptacleobject apple_bar_1 bowl_bar_1
objecttype desklamp_bar_1 desklamptype | inreceptacle desklamp_bar_1 drawer_bar_2
objectatlocation desklamp_bar_1 loc_bar_4 | toggleable desklamp_bar_1
objecttype egg_bar_1 eggtype | objectatlocation egg_bar_1 loc_bar_5 | pickupable egg_bar_1
cancontain fridgetype appletype | cancontain countertoptype appletype | cancontain countertoptype knifetype
cancontain countertoptype bowltype | cancontain drawertype knifetype | cancontain drawertype appletype
"""
GOAL = Goal("apple", destination="fridge", states=frozenset({"cool"}), abilities=frozenset({"coolable"}))
NOTHING = "Nothing happens."


def kitchen(mended: bool = False, goal: Goal = GOAL, dialect: Dialect = "0.4", facts: str = KITCHEN) -> Engine:
    words = [tuple(fact.split()) for line in facts.strip().splitlines() for fact in line.split("|")]
    return Engine(build(words, goal, "cool some apple and put it in fridge", mended), dialect, mended)


def told(engine: Engine, *actions: str) -> list[str]:
    answers = []
    for action in actions:
        engine.act(action)
        answers.append(engine.observation)
    return answers


def test_a_game_is_told_in_the_sentences_of_the_original() -> None:
    engine = kitchen()
    assert engine.observation == (
        "-= Welcome to TextWorld, ALFRED! =-\n\nYou are in the middle of a room. Looking quickly around you, you see a "
        "countertop 1, a drawer 2, a drawer 1, a fridge 1, a microwave 1, and a sinkbasinbasin 1.\n\n"
        "Your task is to: cool some apple and put it in fridge."
    )
    assert told(
        engine, "inventory", "go to countertop 1", "take apple 2 from countertop 1", "inventory", "examine apple 2",
        "look", "go to sinkbasinbasin 1", "clean apple 2 with sinkbasinbasin 1", "go to microwave 1",
        "heat apple 2 with microwave 1", "examine apple 2", "go to fridge 1", "cool apple 2 with fridge 1",
        "examine apple 2", "move apple 2 to fridge 1", "open fridge 1",
    ) == [
        "You are not carrying anything.",
        "You arrive at countertop 1. On the countertop 1, you see a apple 2, a bowl 1, and a knife 1.",
        "You pick up the apple 2 from the countertop 1.",
        "You are carrying: a apple 2.",
        "There's nothing special about apple 2.",
        "You are facing the countertop 1. Next to it, you see nothing.",
        "You arrive at sinkbasinbasin 1. On the sinkbasinbasin 1, you see nothing.",
        "You clean the apple 2 using the sinkbasinbasin 1.",
        "You arrive at microwave 1. The microwave 1 is closed.",
        "You heat the apple 2 using the microwave 1.",
        "This is a hot and clean apple 2.",
        "You arrive at fridge 1. The fridge 1 is closed.",
        "You cool the apple 2 using the fridge 1.",
        "This is a cool and clean apple 2.",
        NOTHING,
        "You open the fridge 1. The fridge 1 is open. In it, you see nothing.",
    ]  # fmt: skip
    assert not engine.won
    assert told(engine, "move apple 2 to fridge 1") == ["You move the apple 2 to the fridge 1."]
    assert engine.won


@pytest.mark.parametrize("mended", [False, True])
def test_the_goal_needs_the_state_the_kind_and_the_place(mended: bool) -> None:
    engine = kitchen(mended)
    told(engine, "go to countertop 1", "take apple 2 from countertop 1", "go to fridge 1", "open fridge 1")
    told(engine, "move apple 2 to fridge 1")
    assert not engine.won
    told(engine, "take apple 2 from fridge 1", "cool apple 2 with fridge 1")
    assert not engine.won
    told(engine, "move apple 2 to fridge 1")
    assert engine.won


def test_commands_are_listed_as_they_are_understood() -> None:
    engine = kitchen()
    told(engine, "go to countertop 1", "take knife 1 from countertop 1")
    assert engine.admissible() == (
        "examine countertop 1", "examine knife 1", "go to drawer 1", "go to drawer 2", "go to fridge 1",
        "go to microwave 1", "go to sinkbasinbasin 1", "help", "inventory", "look", "move knife 1 to countertop 1",
        "slice apple 2 with knife 1",
    )  # fmt: skip


def test_the_older_dialect_puts_names_locations_and_has_no_help() -> None:
    engine = kitchen(dialect="0.3")
    take, move = "take apple 2 from countertop 1", "move apple 2 to countertop 1"
    # Numbers are dealt from the last down over the sorted names: loc_bar_0 is loc 6, and loc_bar_5, the last, is loc 1.
    assert told(engine, "go to countertop 1", "help", take, move) == [
        "You arrive at loc 1. On the countertop 1, you see a apple 2, a bowl 1, and a knife 1.",
        NOTHING,
        "You pick up the apple 2 from the countertop 1.",
        NOTHING,
    ]
    assert "put apple 2 in/on countertop 1" in engine.admissible()
    assert "help" not in engine.admissible()
    assert told(engine, "put apple 2 in/on countertop 1") == ["You put the apple 2 in/on the countertop 1."]


def test_visible_objects_can_be_examined_once_mended() -> None:
    assert told(kitchen(), "go to countertop 1", "examine apple 2")[1] == NOTHING
    engine = kitchen(mended=True)
    assert told(engine, "go to countertop 1", "examine apple 2", "examine egg 1", "examine apple 1") == [
        "You arrive at countertop 1. On the countertop 1, you see a apple 2, a bowl 1, and a knife 1.",
        "There's nothing special about apple 2.",
        NOTHING,
        NOTHING,
    ]


def test_a_knife_does_not_reach_into_closed_drawers_once_mended() -> None:
    way = ("go to countertop 1", "take knife 1 from countertop 1", "go to drawer 2", "slice apple 1 with knife 1")
    assert told(kitchen(), *way)[-1] == "You sliced the apple 1 with the knife 1."
    engine = kitchen(mended=True)
    assert told(engine, *way)[-1] == NOTHING
    assert told(engine, "open drawer 2", "slice apple 1 with knife 1")[-1] == "You sliced the apple 1 with the knife 1."
    assert told(engine, "examine apple 1") == ["This is a sliced apple 1."]


def test_a_lamp_in_a_closed_drawer_cannot_be_used_once_mended_and_tells_whether_it_is_on() -> None:
    assert told(kitchen(), "go to drawer 1", "use desklamp 1")[-1] == "You turn on the desklamp 1."
    engine = kitchen(mended=True)
    assert told(engine, "go to drawer 1", "use desklamp 1", "open drawer 1", "examine desklamp 1", "use desklamp 1",
                "examine desklamp 1")[1:] == [
        NOTHING,
        "You open the drawer 1. The drawer 1 is open. In it, you see a desklamp 1.",
        "This desklamp 1 is off.",
        "You turn on the desklamp 1.",
        "This desklamp 1 is on.",
    ]  # fmt: skip


def test_a_bowl_no_longer_lists_what_was_taken_out_once_mended() -> None:
    take, back = "take apple 2 from countertop 1", "move apple 2 to countertop 1"
    bowl = ("take bowl 1 from countertop 1", "examine bowl 1")
    full, empty = (f"This is a normal bowl 1. In it, you see {content}." for content in ("a apple 2", "nothing"))
    assert told(kitchen(), "go to countertop 1", take, back, *bowl)[-1] == full
    assert told(kitchen(mended=True), "go to countertop 1", "examine bowl 1")[-1] == full
    assert told(kitchen(mended=True), "go to countertop 1", take, back, "examine bowl 1")[-1] == empty
    # Taken away, the bowl leaves on the countertop what was in it.
    engine = kitchen(mended=True)
    assert told(engine, "go to countertop 1", *bowl)[-1] == empty
    assert told(engine, "examine countertop 1") == ["On the countertop 1, you see a apple 2, and a knife 1."]


def test_look_sees_the_room_and_nothing_beside_a_receptacle_once_mended() -> None:
    assert told(kitchen(), "look") == [
        "You are in the middle of a room. Looking quickly around you, you see nothing."
    ]
    engine = kitchen(mended=True)
    assert told(engine, "look")[0] in engine.observation
    assert "a countertop 1, a drawer 2" in engine.observation
    opened = ("go to drawer 2", "open drawer 2", "open drawer 1")
    moved = (*opened, "take apple 1 from drawer 2", "move apple 1 to drawer 1")
    for mended, beside in ((False, "a apple 1"), (True, "nothing")):
        engine = kitchen(mended)
        facing = "You are facing the drawer 2, and drawer 1."
        assert told(engine, *moved, "look")[-1] == f"{facing} Next to it, you see {beside}."


def test_a_receptacle_beside_the_one_faced_can_be_gone_to_once_mended() -> None:
    assert told(kitchen(), "go to drawer 1", "go to drawer 2", "go to drawer 1")[1:] == [NOTHING, NOTHING]
    assert told(kitchen(mended=True), "go to drawer 1", "go to drawer 1", "go to drawer 2")[1:] == [
        NOTHING,
        "You arrive at drawer 2. The drawer 2 is closed.",
    ]


def test_a_sinks_basin_is_called_as_in_the_goal_once_mended() -> None:
    assert [r.name for r in kitchen(mended=True).game.receptacles if "basin" in r.name] == ["sinkbasin 1"]
    official = KITCHEN.replace("sinkbasin_bar_1", "sink_bar_1_bar_sinkbasin")
    for mended in (False, True):
        assert "a sinkbasin 1." in kitchen(mended, facts=official).observation


def test_only_white_space_around_is_forgiven_and_once_mended_more() -> None:
    assert told(kitchen(), " go to drawer 1\n")[0] == "You arrive at drawer 1. The drawer 1 is closed."
    for action in ("Go to drawer 1", "go  to drawer 1"):
        assert told(kitchen(), action) == [NOTHING]
        assert told(kitchen(mended=True), action) == ["You arrive at drawer 1. The drawer 1 is closed."]


def test_two_objects_have_to_be_in_one_receptacle() -> None:
    goal = Goal("apple", destination="drawer", count=2)
    engine = kitchen(goal=goal)
    told(engine, "go to countertop 1", "take apple 2 from countertop 1", "go to drawer 1", "open drawer 1")
    told(engine, "move apple 2 to drawer 1")
    assert not engine.won
    told(engine, "take apple 2 from drawer 1", "open drawer 2", "move apple 2 to drawer 2")
    assert engine.won


def test_looking_under_a_lamp_needs_the_lamp_on_the_object_held_and_the_place() -> None:
    engine = kitchen(goal=Goal("apple", lamp="desklamp"))
    told(engine, "go to drawer 1", "use desklamp 1", "go to countertop 1", "take apple 2 from countertop 1")
    assert not engine.won
    told(engine, "go to drawer 2")
    assert engine.won


def test_nothing_is_won_by_what_happens_elsewhere_and_states_end_each_other() -> None:
    engine = kitchen()
    told(engine, "go to countertop 1", "take apple 2 from countertop 1", "go to fridge 1", "cool apple 2 with fridge 1")
    told(engine, "go to microwave 1", "heat apple 2 with microwave 1")
    assert told(engine, "examine apple 2") == ["This is a hot apple 2."]
    told(engine, "go to fridge 1", "cool apple 2 with fridge 1")
    assert told(engine, "examine apple 2") == ["This is a cold apple 2."]
