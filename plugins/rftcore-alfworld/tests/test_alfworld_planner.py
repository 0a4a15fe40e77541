"""Plans on a game made by hand: the shortest way, from any state, and with what is known only."""

from __future__ import annotations

from rftcore_alfworld.commands import write
from rftcore_alfworld.engine import Engine
from rftcore_alfworld.game import build
from rftcore_alfworld.goal import Goal
from rftcore_alfworld.planner import Planner, exploration

ROOM = """
atlocation agent1 loc_bar_0 | receptacleatlocation desk_bar_1 loc_bar_1 | receptacletype desk_bar_1 desktype
receptacleatlocation drawer_bar_1 loc_bar_2 | receptacletype drawer_bar_1 drawertype | openable drawer_bar_1
receptacleatlocation shelf_bar_1 loc_bar_3 | receptacletype shelf_bar_1 shelftype
receptacleatlocation sofa_bar_1 loc_bar_4 | receptacletype sofa_bar_1 sofatype
objecttype pen_bar_1 pentype | pickupable pen_bar_1 | inreceptacle pen_bar_1 drawer_bar_1
objectatlocation pen_bar_1 loc_bar_2
objecttype pen_bar_2 pentype | pickupable pen_bar_2 | inreceptacle pen_bar_2 shelf_bar_1
objectatlocation pen_bar_2 loc_bar_3
objecttype book_bar_1 booktype | pickupable book_bar_1 | inreceptacle book_bar_1 shelf_bar_1
objectatlocation book_bar_1 loc_bar_3
objecttype desklamp_bar_1 desklamptype | toggleable desklamp_bar_1 | inreceptacle desklamp_bar_1 desk_bar_1
objectatlocation desklamp_bar_1 loc_bar_1
cancontain desktype pentype | cancontain drawertype pentype | cancontain shelftype pentype
cancontain shelftype booktype | cancontain sofatype booktype
"""


def room(goal: Goal) -> Engine:
    facts = [tuple(fact.split()) for line in ROOM.strip().splitlines() for fact in line.split("|")]
    return Engine(build(facts, goal, "do it", True), "0.4", True)


def plan(engine: Engine) -> list[str] | None:
    commands = Planner(engine.game, engine.state).plan()
    return None if commands is None else [write(engine.game, "0.4", command) for command in commands]


def test_of_two_objects_the_nearer_one_is_fetched() -> None:
    # pen 1 stands open on the shelf; pen 2 is in the closed drawer, one action further.
    assert plan(room(Goal("pen", destination="desk"))) == [
        "go to shelf 1", "take pen 1 from shelf 1", "go to desk 1", "move pen 1 to desk 1",
    ]  # fmt: skip


def test_both_are_brought_to_one_place_the_open_one_where_the_other_is_costs_fewest() -> None:
    # One is in the drawer already, so only the other has to be carried.
    assert plan(room(Goal("pen", destination="drawer", count=2))) == [
        "go to shelf 1", "take pen 1 from shelf 1", "go to drawer 1", "open drawer 1", "move pen 1 to drawer 1",
    ]  # fmt: skip


def test_what_is_held_for_nothing_is_put_away_first() -> None:
    engine = room(Goal("pen", destination="desk"))
    for action in ("go to shelf 1", "take book 1 from shelf 1", "go to drawer 1"):
        engine.act(action)
    assert plan(engine) == [
        "go to shelf 1", "move book 1 to shelf 1", "take pen 1 from shelf 1", "go to desk 1", "move pen 1 to desk 1",
    ]  # fmt: skip


def test_a_lamp_that_is_on_is_only_gone_to() -> None:
    engine = room(Goal("book", lamp="desklamp"))
    assert plan(engine) == ["go to shelf 1", "take book 1 from shelf 1", "go to desk 1", "use desklamp 1"]
    for action in ("go to desk 1", "use desklamp 1", "go to shelf 1", "take book 1 from shelf 1"):
        engine.act(action)
    assert plan(engine) == ["go to desk 1"]


def test_there_is_no_plan_without_the_object_or_a_place_for_what_is_held() -> None:
    assert plan(room(Goal("mug", destination="desk"))) is None
    assert plan(room(Goal("book", destination="drawer"))) is None
    engine = room(Goal("pen", destination="desk"))
    engine.state.held = engine.game.thing_named["desklamp 1"]
    assert plan(engine) is None


def test_an_explorer_looks_where_a_pen_may_be_open_places_first() -> None:
    engine = room(Goal("pen", destination="desk"))
    tried = []
    while not engine.won:
        (command, *_) = exploration(engine.game, engine.state) or []
        tried.append(write(engine.game, "0.4", command))
        assert engine.act(tried[-1])
    assert tried == ["go to desk 1", "go to shelf 1", "take pen 1 from shelf 1", "go to desk 1", "move pen 1 to desk 1"]


def test_an_explorer_gives_up_when_everything_was_seen() -> None:
    engine = room(Goal("mug", destination="desk"))
    tried = []
    while (commands := exploration(engine.game, engine.state)) is not None:
        tried.append(write(engine.game, "0.4", commands[0]))
        assert engine.act(tried[-1])
    assert tried == ["go to desk 1", "go to shelf 1", "go to sofa 1", "go to drawer 1", "open drawer 1"]
