"""Invented rooms and games: what may be where, and that what is stored about them is true."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from rftcore.schemas.task import Split
from rftcore_alfworld.game import build
from rftcore_alfworld.generator import STATES, TYPES, draft, rooms
from rftcore_alfworld.layouts import COUNTS, ROOMS, layouts, numbers
from rftcore_alfworld.practice import practice
from rftcore_alfworld.tasks import SYMBOLS, layout_of, stored
from rftcore_alfworld.things import FOUND, HOLDS, OPENABLE, THINGS, TRAITS
from rftcore_alfworld.verify import SEEDS, turns
from rftcore_alfworld.words import NUMBERS


def test_the_tables_name_only_what_exists() -> None:
    held = {thing for things in HOLDS.values() for thing in things.split()}
    found = {thing for things in FOUND.values() for thing in things}
    assert held == set(THINGS)
    assert found == set(THINGS)
    assert {letter for letters in THINGS.values() for letter in letters} <= TRAITS.keys()
    assert HOLDS.keys() > OPENABLE
    assert FOUND.keys() == set(ROOMS)


def test_everything_that_is_found_in_a_room_can_be_somewhere_in_it() -> None:
    for layout in layouts():
        holdable = {thing for kind, _ in layout.receptacles for thing in HOLDS[kind].split()}
        assert len(FOUND[layout.room] & holdable) >= 8
        assert {"sinkbasin", "microwave", "fridge"} <= dict(layout.receptacles).keys() or layout.room != "kitchen"


def test_layouts_are_all_different_and_have_8_to_20_receptacles() -> None:
    assert len(layouts()) == len(set(layouts())) == COUNTS["train"] + COUNTS["test"] == 160
    assert Counter(layout.room for layout in layouts()) == dict.fromkeys(ROOMS, 40)
    for layout in layouts():
        places = [place for _, place in layout.receptacles]
        assert 8 <= len(places) <= 20
        assert sorted(set(places)) == list(range(max(places) + 1))
    places = [[place for _, place in layout.receptacles] for layout in layouts()]
    assert sum(len(set(each)) < len(each) for each in places) > 80, "neighbours share locations in many rooms"


def test_a_split_has_its_own_layouts_of_every_room() -> None:
    assert numbers("train", ("kitchen",)) == list(range(0, 120, 4))
    assert numbers("test", ("bathroom", "bedroom")) == [n for n in range(120, 160) if n % 4 in (1, 3)]


@pytest.mark.parametrize("task_type", TYPES)
@pytest.mark.parametrize("split", ["train", "test"])
def test_games_keep_to_the_tables_and_begin_unsolved(split: Split, task_type: str) -> None:
    for seed in range(60):
        layout = layout_of(split, task_type, seed)
        invented = draft(task_type, layout, seed)
        game = build(invented.facts, invented.goal, invented.sentence, True)
        room = layouts()[layout]
        assert room.room in rooms(task_type)
        assert [r.kind for r in game.receptacles] == sorted(kind for kind, _ in room.receptacles)
        for receptacle, objects in zip(game.receptacles, game.start.contents, strict=True):
            assert all(game.things[thing].kind in HOLDS[receptacle.kind].split() for thing in objects)
            assert receptacle.openable == (receptacle.kind in OPENABLE)
        assert all(thing.kind in FOUND[room.room] for thing in game.things)
        assert not game.done(game.start)
        assert all(int(name) <= NUMBERS for thing in game.things for name in re.findall(r"\d+", thing.name))
        wanted = [thing for thing in game.things if thing.kind == invented.goal.target]
        assert len(wanted) in (invented.goal.count, invented.goal.count + 1)
        assert all(game.targets.isdisjoint(game.start.contents[receptacle]) for receptacle in game.destinations)
        assert invented.goal.states == ({STATES[task_type]} if task_type in STATES else set())


def test_every_table_row_is_used_and_targets_and_destinations_are_many() -> None:
    goals = [draft(t, layout_of("train", t, s), s).goal for t in TYPES for s in range(300)]
    assert len({goal.target for goal in goals}) > 45
    assert len({goal.destination for goal in goals}) > 20
    assert max(Counter(goal.target for goal in goals).values()) < 150


def test_the_same_seed_gives_the_same_game_and_another_another() -> None:
    one, same, other = (draft(TYPES[3], 0, seed) for seed in (4, 4, 5))
    assert one == same
    assert one.facts != other.facts


def test_numbers_do_not_tell_where_things_are() -> None:
    firsts = Counter()
    for seed in range(300):
        game = draft(TYPES[5], layout_of("train", TYPES[5], seed), seed)
        tables = build(game.facts, game.goal, game.sentence, True)
        where = {tables.things[t].name: r for r, box in enumerate(tables.start.contents) for t in box}
        ordered = sorted((r, name) for name, r in where.items() if name.startswith(f"{game.goal.target} "))
        firsts[ordered[0][1].endswith(" 1")] += 1
    assert 75 < firsts[True] < 225


def test_what_is_stored_is_what_the_expert_takes() -> None:
    for split, amounts in SEEDS.items():
        for task_type, amount in zip(TYPES, amounts, strict=True):
            symbols = stored()[split][task_type]
            assert len(symbols) == amount
            for seed in range(0, amount, 37):
                took = SYMBOLS.index(symbols[seed])
                assert took in (0, turns(draft(task_type, layout_of(split, task_type, seed), seed)))
            assert symbols.count("0") < amount / 20


def test_practice_follows_the_random_stream_alone() -> None:
    drawn = [practice(random.Random(9), difficulty, 30) for difficulty in ("easy", "hard", "easy")]
    assert drawn[0] == drawn[2] != drawn[1]
