"""Recordings of the original program: TextWorld's answers under `original`."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rftcore.errors import ConfigError
from rftcore_alfworld.environment import ALFWorld
from rftcore_alfworld.official import refusal

RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "fidelity"
"""Not part of the repository; where they are missing, the rules are tested by hand-made games only."""
GAMES = RECORDINGS / "alfworld.jsonl.gz"
LAYOUT = RECORDINGS / "alfworld-official-layout.tar.gz"


def recorded() -> Iterator[dict[str, Any]]:
    if GAMES.exists():
        with gzip.open(GAMES, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    if not LAYOUT.exists():
        return None
    folder = tmp_path_factory.mktemp("official")
    with tarfile.open(LAYOUT) as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_every_recorded_step_of_every_walk_is_reproduced() -> None:
    environment = ALFWorld(profile=ALFWorld.fidelity_profile)
    compared = [turn for record in recorded() for turn in environment.replay(record, RECORDINGS)]
    assert [turn for turn in compared if turn[1] != turn[2]] == []
    # 3,287 actions, a reset for each of 166 walks, and 60 lists of winning actions.
    assert len(compared) == (3287 + 166 + 60 if GAMES.exists() else 0)


def test_a_recording_with_one_letter_changed_differs() -> None:
    for record in recorded():
        record["oracle_walk"][0]["observation"] += " "
        environment = ALFWorld(profile="original")
        assert sum(expected != got for _, expected, got in environment.replay(record, RECORDINGS)) == 1
        break


def test_the_mended_rules_differ_from_the_recordings() -> None:
    environment = ALFWorld(profile="fixed")
    turns = (turn for record in recorded() for turn in environment.replay(record, RECORDINGS))
    differing = {where.split(", ")[1] for where, expected, got in turns if expected != got}
    assert "slice_walk" in differing if GAMES.exists() else not differing


@pytest.mark.parametrize("profile", ["original", "fixed"])
def test_the_expert_wins_every_recorded_game_within_the_recorded_length(profile: str, sample: Path | None) -> None:
    if sample is None:
        return
    environment = ALFWorld(profile=profile, data=str(sample))
    recorded_length = {
        f"alfworld/{entry['path'].removeprefix('json_2.1.1/')}": len(entry["oracle_actions"])
        for entry in json.loads((sample / "expected.json").read_text(encoding="utf-8"))
        if entry["expected"] == "loaded"
    }
    for difficulty in environment.difficulties:
        for task in environment.tasks("train", difficulty):
            episode = environment.start(task)
            actions = list(environment.oracle(task))
            assert [episode.step(action).success for action in actions][-1]
            assert len(actions) <= recorded_length[task.id.replace(f"{difficulty}/train/", "")]


def test_the_official_loader_and_ours_take_the_same_folders_and_give_the_same_reasons(sample: Path | None) -> None:
    if sample is None:
        return
    expected = json.loads((sample / "expected.json").read_text(encoding="utf-8"))
    assert len(expected) == 12
    for entry in expected:
        reason = refusal(sample / entry["path"])
        assert (f"skipped: {reason}" if reason else "loaded") == entry["expected"], entry["path"]
    for test_games, count in (("valid_seen", 1), ("valid_unseen", 1)):
        environment = ALFWorld(data=str(sample), test_games=test_games)
        listed = [task for difficulty in environment.difficulties for task in environment.tasks("train", difficulty)]
        assert len(listed) == 6
        assert sum(len(environment.tasks("test", difficulty)) for difficulty in environment.difficulties) == count


def test_official_games_begin_and_are_won_as_recorded(sample: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if sample is None:
        return
    monkeypatch.setenv("ALFWORLD_DATA", str(sample))
    known = {}
    for test_games in ("valid_seen", "valid_unseen"):
        environment = ALFWorld(profile="original", data="official", test_games=test_games)
        for split in ("train", "test"):
            for difficulty in environment.difficulties:
                for task in environment.tasks(split, difficulty):  # type: ignore[arg-type]
                    known[f"json_2.1.1/{task.data['game']}"] = environment.start(task)
    expected = json.loads((sample / "expected.json").read_text(encoding="utf-8"))
    loaded = [entry for entry in expected if entry["expected"] == "loaded"]
    assert sorted(known) == sorted(entry["path"] for entry in loaded)
    for entry in loaded:
        episode = known[entry["path"]]
        assert episode.observation == entry["first_observation"]
        steps = [episode.step(action) for action in entry["oracle_actions"]]
        assert [step.success for step in steps] == [False] * (len(steps) - 1) + [True]


def test_agentgym_says_the_same_in_the_older_dialect_without_the_welcome(sample: Path | None) -> None:
    if sample is None:
        return
    environment = ALFWorld(profile="agentgym", data=str(sample))
    assert environment.max_turns == 30
    (task,) = [t for t in environment.tasks("train", "easy") if "Newspaper" in t.id]
    episode = environment.start(task)
    assert episode.observation == (
        "You are in the middle of a room. Looking quickly around you, you see a armchair 1, a coffeetable 1, "
        "a drawer 1, a garbagecan 1, a shelf 4, a shelf 3, a shelf 2, a shelf 1, a sidetable 2, a sidetable 1, "
        "a sofa 1, and a tvstand 1.\nYour task is to: put some newspaper on garbagecan.\n"
        "AVAILABLE ACTIONS: go to armchair 1,"
        "go to coffeetable 1,go to drawer 1,go to garbagecan 1,go to shelf 1,go to shelf 2,go to shelf 3,go to shelf 4,"
        "go to sidetable 1,go to sidetable 2,go to sofa 1,go to tvstand 1,inventory,look"
    )
    assert episode.step("help").observation == "Nothing happens."
    arrived = episode.step("go to sidetable 1").observation
    assert arrived.startswith("On the sidetable 1, you see a newspaper 3, a newspaper 2,")
    episode.step("take newspaper 3 from sidetable 1")
    episode.step("go to garbagecan 1")
    assert episode.step("move newspaper 3 to garbagecan 1").observation == "Nothing happens."
    assert "put newspaper 3 in/on garbagecan 1" in episode.available_actions()
    last = episode.step("put newspaper 3 in/on garbagecan 1")
    assert last.observation == "You put the newspaper 3 in/on the garbagecan 1."
    assert (last.reward, last.terminated, last.success) == (1.0, True, True)


def test_agentgyms_numbers_lead_to_its_games(sample: Path | None, tmp_path: Path) -> None:
    if sample is None:
        return
    train = [("look_at_obj_in_light-KeyChain-None-FloorLamp-213", "trial_T20190902_174438_044238")]
    test = [("pick_and_place_simple-Newspaper-None-GarbageCan-211", "trial_T20190901_174127_043461")]
    for split, first, games in (("train", 7, train), ("test", 2420, test)):
        mapping = [
            {"item_id": number, "task_type": task, "task_id": trial}
            for number, (task, trial) in enumerate(games, start=first)
        ]
        (tmp_path / f"mappings_{split}.json").write_text(json.dumps(mapping), encoding="utf-8")
    environment = ALFWorld(profile="agentgym", data=str(sample), mappings=str(tmp_path))
    assert [task.id for task in environment.tasks("train", "easy")] == ["alfworld/easy/train/agentgym/7"]
    assert [task.id for task in environment.tasks("test", "easy")] == ["alfworld/easy/test/agentgym/2420"]
    assert environment.task(2420) == environment.tasks("test", "easy")[0]
    with pytest.raises(ConfigError, match="found item 8 of alfworld, expected one that AgentGym's files list"):
        environment.task(8)
    assert environment.tasks("train", "hard") == ()
    (task,) = environment.tasks("test", "easy")
    assert "put some newspaper on garbagecan" in environment.start(task).observation


def test_records_of_something_else_are_refused() -> None:
    with pytest.raises(ConfigError, match="without pddl_problem, goal"):
        list(ALFWorld(profile="original").replay({"turns": []}, RECORDINGS))
