"""Files in the official layout, written here: what is listed, what is read, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rftcore.errors import ConfigError
from rftcore_alfworld import official
from rftcore_alfworld.differential import text
from rftcore_alfworld.environment import ALFWorld
from rftcore_alfworld.generator import TYPES, draft
from rftcore_alfworld.tasks import layout_of


def game(task_type: str = TYPES[0], seed: int = 0) -> dict[str, Any]:
    invented = draft(task_type, layout_of("train", task_type, seed), seed)
    return {
        "pddl_domain": "(define (domain alfred))",
        "grammar": f'grammar :: "Your task is to: {invented.sentence}."',
        "pddl_problem": text(invented),
        "solvable": True,
        "walkthrough": [],
    }


MUG = f"{TYPES[0]}-Mug-None-Desk-1"


def put(folder: Path, content: str | dict[str, Any], trial: str = "trial_1", task: str = MUG) -> Path:
    trial_folder = folder / "json_2.1.1" / "train" / task / trial
    trial_folder.mkdir(parents=True)
    (trial_folder / "traj_data.json").write_text(json.dumps({"task_type": TYPES[1]}), encoding="utf-8")
    content = content if isinstance(content, str) else json.dumps(content)
    (trial_folder / "game.tw-pddl").write_text(content, encoding="utf-8")
    return trial_folder


def test_games_of_all_types_written_down_are_the_games_that_were_invented(tmp_path: Path) -> None:
    for number, task_type in enumerate(TYPES):
        put(tmp_path, game(task_type, number), task=f"{task_type}-X-None-Y-{number}")
    (tmp_path / "json_2.1.1" / "valid_unseen").mkdir()
    environment = ALFWorld(data=str(tmp_path))
    tasks = [task for difficulty in environment.difficulties for task in environment.tasks("train", difficulty)]
    assert [task.difficulty for task in tasks] == ["easy"] * 2 + ["hard"] * 4
    assert environment.tasks("test", "easy") == ()
    own = ALFWorld()
    for task in tasks:
        number = int(str(task.data["game"]).split("/")[1].split("-")[-1])
        layout = layout_of("train", TYPES[number], number)
        same = task.model_copy(update={"data": {"type": TYPES[number], "layout": layout}, "seed": number})
        assert environment.start(task).observation == own.start(same).observation
        assert list(environment.oracle(task)) == list(own.oracle(same))
    facts = environment.facts()
    assert facts["data_source"] == "official files of the user"
    turns = [len(list(environment.oracle(task))) for task in environment.tasks("train", "hard")]
    assert facts["expert_turns_hard"] == sum(turns) / 4


@pytest.mark.parametrize(
    ("task", "change", "reason"),
    [
        (MUG, {}, None),
        ("pick_and_place_with_movable_recep-Pen-Mug-Desk-1", {}, "movable receptacle task"),
        (f"{TYPES[2]}-AppleSliced-None-Desk-1", {}, "task with a sliced object"),
        (MUG, {"solvable": False}, "solvable is false"),
        (MUG, {"solvable": None}, 'no "solvable" key'),
        (MUG, {"grammar": '"solvable": true', "solvable": False}, "solvable is false"),
        (MUG, {"walkthrough": ["x" * 100_000]}, None),
        ("renamed", {}, None),
    ],
)
def test_what_is_not_listed_has_a_reason(tmp_path: Path, task: str, change: dict[str, Any], reason: str | None) -> None:
    content = {key: value for key, value in {**game(), **change}.items() if value is not None}
    folder = put(tmp_path, content, task=task)
    assert official.refusal(folder) == reason
    listed = official.listing(tmp_path / "json_2.1.1" / "train")
    assert [path for path, _ in listed] == ([f"{task}/trial_1"] if reason is None else [])


def test_thousands_of_games_are_listed_without_being_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        put(tmp_path, game(), trial=f"trial_{number:02}")

    def refuse(path: Path) -> dict[str, Any]:
        raise AssertionError(f"{path} was parsed to be listed")

    monkeypatch.setattr(official, "_parsed", refuse)
    tasks = ALFWorld(data=str(tmp_path)).tasks("train", "easy")
    assert [task.id[-8:] for task in tasks] == [f"trial_{number:02}" for number in range(40)]
    assert len({task.seed for task in tasks}) == 40


def test_a_grammar_with_code_in_it_is_not_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    marker = tmp_path / "run"
    code = f"{{__import__('pathlib').Path({str(marker)!r}).touch() or print('run')}}"
    hostile = {**game(), "grammar": f"Your task is to: put a mug in desk.\n{code}", "pddl_domain": code}
    put(tmp_path, hostile)
    environment = ALFWorld(data=str(tmp_path))
    (task,) = environment.tasks("train", "easy")
    episode = environment.start(task)
    assert episode.observation.endswith("Your task is to: put a mug in desk.")
    for action in environment.oracle(task):
        episode.step(action)
    assert not marker.exists()
    assert capfd.readouterr().out == ""


PROBLEM = game()["pddl_problem"]
CROWD = "".join(f"(objecttype x{number} y)" for number in range(999))
DAMAGED: dict[str, tuple[str | dict[str, Any], str]] = {
    "empty": ("", "cannot be read"),
    "truncated": (json.dumps(game())[:2000], "cannot be read"),
    "a list": ("[1, 2]", "found a list, expected a JSON object"),
    "deeply nested JSON": ('{"a": ' + "[" * 200_000, "cannot be read"),
    "no problem": ({"grammar": "Your task is to: x."}, "no text under pddl_problem"),
    "no grammar": ({"pddl_problem": PROBLEM, "grammar": 5}, "no text under grammar"),
    "no goal sentence": ({"pddl_problem": PROBLEM, "grammar": "nothing"}, "no plain sentence"),
    "goal with an escape": ({**game(), "grammar": "Your task is to: \x1b[2J."}, "no plain sentence"),
    "name with an escape": ({**game(), "pddl_problem": PROBLEM.replace("loc", "\x1b[2J")}, "expected printable ASCII"),
    "a crowd": ({**game(), "pddl_problem": PROBLEM.replace("(:init", f"(:init {CROWD}")}, "at most 1000 together"),
    "problem of 3 MB": ({**game(), "pddl_problem": PROBLEM + " " * 3_000_000}, "expected at most 2097152"),
    "problem cut": ({**game(), "pddl_problem": PROBLEM[:900]}, "truncated"),
    "too many ')'": ({**game(), "pddl_problem": PROBLEM + ")"}, "too many"),
    "deeply nested": ({**game(), "pddl_problem": "(" * 100_000 + ")" * 100_000}, "nested deeper"),
    "no text of PDDL": ({**game(), "pddl_problem": "hello"}, "not a PDDL problem"),
    "no init": ({**game(), "pddl_problem": "(define (:goal (and)))"}, "without :init"),
    "two goals": ({**game(), "pddl_problem": "(define (:init) (:goal (and) (and)))"}, "of 2 expressions"),
    "nested fact": ({**game(), "pddl_problem": PROBLEM.replace("(:init", "(:init (not (opened x))")}, "in :init"),
    "short fact": ({**game(), "pddl_problem": PROBLEM.replace("(:init", "(:init (inreceptacle x)")}, "2 arguments"),
    "unknown thing": ({**game(), "pddl_problem": PROBLEM.replace("(:init", "(:init (opened x)")}, "expected something"),
    "two agents": ({**game(), "pddl_problem": PROBLEM.replace("(:init", "(:init (atlocation b loc_bar_1)")}, "2 a"),
    "another goal": ({**game(), "pddl_problem": "(define (:init) (:goal (and (issliced ?x))))"}, "six task types"),
    "goal of a word": ({**game(), "pddl_problem": "(define (:init) (:goal win))"}, "expected an expression"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused_with_what_was_found(tmp_path: Path, name: str) -> None:
    content, message = DAMAGED[name]
    put(tmp_path, game(), trial="trial_0")
    path = put(tmp_path, content)
    environment = ALFWorld(data=str(tmp_path))
    (task,) = [task for task in official_tasks(tmp_path, environment) if task.id.endswith("trial_0")]
    broken = task.model_copy(update={"data": {"game": f"train/{path.parent.name}/{path.name}"}})
    with pytest.raises(ConfigError, match=message) as refused:
        environment.start(broken)
    assert "game.tw-pddl" in str(refused.value)
    assert len(str(refused.value)) < 1000


def official_tasks(folder: Path, environment: ALFWorld) -> list[Any]:
    """List what can be listed; a file that is not JSON at all is none of the loader's games."""
    for trial in (folder / "json_2.1.1" / "train").glob("*/trial_1"):
        (trial / "traj_data.json").unlink()
    return list(environment.tasks("train", "easy"))


def test_a_damaged_file_is_named_when_games_are_listed(tmp_path: Path) -> None:
    put(tmp_path, json.dumps(game())[:2000])
    with pytest.raises(ConfigError, match=r"trial_1/game\.tw-pddl cannot be read .*remove its folder"):
        ALFWorld(data=str(tmp_path)).tasks("train", "easy")


def test_files_over_16_mebibytes_and_missing_ones_are_refused_unread(tmp_path: Path) -> None:
    large = put(tmp_path, game())
    with (large / "game.tw-pddl").open("r+b") as file:
        file.truncate(17 * 2**20)
    assert official.refusal(large) == "game.tw-pddl is over 16 MiB"
    with pytest.raises(ConfigError, match="over 16 MiB"):
        official.load(large, True)
    with pytest.raises(ConfigError, match="FileNotFoundError"):
        official.load(large / "nothing", True)


def test_a_task_leads_to_no_file_outside_the_folder(tmp_path: Path) -> None:
    put(tmp_path, game())
    environment = ALFWorld(data=str(tmp_path))
    (task,) = environment.tasks("train", "easy")
    for path in ("../elsewhere", "/etc", "train/../../x"):
        with pytest.raises(ConfigError, match="a path within"):
            environment.start(task.model_copy(update={"data": {"game": path}}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be used"),
        ('{"a": 1}', "cannot be used"),
        ('[{"item_id": 1}]', "cannot be used"),
        ('[{"item_id": 1, "task_type": "..", "task_id": "x"}]', "two names of folders"),
        ('[{"item_id": 1, "task_type": "a/b", "task_id": "x"}]', "two names of folders"),
        ('[{"item_id": 1, "task_type": "nothing", "task_id": "x"}]', "no game nothing/x"),
    ],
)
def test_damaged_mappings_are_refused(tmp_path: Path, content: str, message: str) -> None:
    put(tmp_path, game())
    (tmp_path / "mappings_train.json").write_text(content, encoding="utf-8")
    environment = ALFWorld(data=str(tmp_path), mappings=str(tmp_path))
    with pytest.raises(ConfigError, match=message):
        environment.tasks("train", "easy")
    with pytest.raises(ConfigError, match=r"mappings_test\.json cannot be used"):
        environment.tasks("test", "easy")


def test_without_a_folder_the_message_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALFWORLD_DATA", raising=False)
    with pytest.raises(ConfigError, match="ALFWORLD_DATA"):
        ALFWorld(data="official")
