"""Task lists of one's own: what a file may hold, what a run makes of it, and what is refused, with the line."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rftcore import ConfigError, RunError
from rftcore.errors import SplitError
from rftcore.records import read_groups
from rftcore.study import Evaluation, Experiment
from rftcore.tasklist import Listed, read_tasks
from tests.specimens.chance import Answering, Even
from tests.study.conftest import report_of, small

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Return a function that writes values as JSON Lines."""

    def write(*values: Any) -> Path:
        file = tmp_path / "tasks.jsonl"
        file.write_text("".join(f"{json.dumps(value, ensure_ascii=False)}\n" for value in values), encoding="utf-8")
        return file

    return write


def whole(key: str = "mine", **changes: Any) -> dict[str, Any]:
    given = {"environment": "even", "split": "test", "difficulty": "easy", "seed": 300, **changes}
    return {"id": f"even/{given['difficulty']}/{given['split']}/{key}", **given}


def test_ids_and_whole_tasks_replace_the_lists_that_they_are_of_in_their_order(written: Written) -> None:
    file = written("even/easy/test/5", whole("a\u2028b"), "even/easy/test/0", "even/hard/train/1")
    listed, own = Listed(Even(), file), Even()
    ids = [task.id for task in listed.tasks("test", "easy")]
    assert ids == ["even/easy/test/5", "even/easy/test/a\u2028b", "even/easy/test/0"]
    assert [task.id for task in listed.tasks("train", "hard")] == ["even/hard/train/1"]
    assert listed.tasks("train", "easy") == own.tasks("train", "easy")
    assert listed.tasks("test", "hard") == own.tasks("test", "hard")
    assert listed.facts() == {"own_tasks": "easy/test (3), hard/train (1)"}
    assert listed.start(listed.tasks("test", "easy")[1]).observation == "even 6\u2028"
    assert pickle.loads(pickle.dumps(listed)).tasks("test", "easy") == listed.tasks("test", "easy")


def test_a_run_plays_the_tasks_of_the_file_and_says_so(written: Written, tmp_path: Path) -> None:
    file = written("even/easy/test/5", whole(), "even/easy/test/0")
    fields = small(policy="oracle", tasks={"even": str(file)}, evaluation={"tasks": 3, "samples": 1})
    evaluation, plain = Evaluation(fields), Evaluation({**fields, "tasks": {}})
    assert evaluation.id != plain.id
    evaluation.run(tmp_path)
    groups = {
        group.task.id
        for file in (tmp_path / "small" / "cells").glob("*.jsonl")
        for group in read_groups(file)
        if group.task.difficulty == "easy"
    }
    assert groups == {"even/easy/test/5", "even/easy/test/mine", "even/easy/test/0"}
    assert report_of(tmp_path / "small")["facts"]["even"]["own_tasks"] == "easy/test (3)"
    moved = tmp_path / "elsewhere.jsonl"
    file.rename(moved)
    assert Evaluation({**fields, "tasks": {"even": str(moved)}}).id == evaluation.id


def test_a_run_without_files_of_tasks_is_what_it_was(model: Path) -> None:
    experiment = Experiment(small(model, train="even:easy"))
    assert "tasks" not in experiment.blueprint.record()["config"]


def test_a_run_does_not_go_on_when_its_file_has_changed(written: Written, tmp_path: Path) -> None:
    fields = small(policy="oracle", tasks={"even": str(written("even/easy/test/5", "even/easy/test/0"))})
    Evaluation(fields).create(tmp_path)
    evaluation = Evaluation(fields)
    written("even/easy/test/5", "even/easy/test/1")
    with pytest.raises(RunError, match=r"cannot go on: .*changed since it was made\n.*even/easy/test"):
        evaluation.run(tmp_path)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("even/easy/test/55", r"line 2: even lists no task 'even/easy/test/55'; did you mean 'even/easy/test/5'\?"),
        ("nothing", r"line 2: even lists no task 'nothing'; its ids look like 'even/easy/train/0'"),
        ("even/easy/test/0", "line 2: found 'even/easy/test/0' again, expected each task once"),
        (whole(environment="odd"), "line 2: found a task of 'odd', expected one of 'even'"),
        (whole(difficulty="mad"), "line 2: found difficulty 'mad', expected one of easy, hard"),
        ({**whole(), "id": "mine"}, "line 2: found the id 'mine', expected one that begins with 'even/easy/test/'"),
        (whole("1", seed=7), "line 2: 'even/easy/test/1' is the id of another task that even lists"),
        ({**whole(), "sed": 7}, r"line 2\.sed: unknown key; did you mean 'seed'\?"),
        (17, "line 2: found 17, expected a mapping"),
    ],
)
def test_what_is_no_task_of_the_environment_is_refused_with_its_line(value: Any, told: str, written: Written) -> None:
    with pytest.raises(ConfigError, match=told):
        Listed(Even(), written("even/easy/test/0", value))


def test_a_file_that_is_missing_empty_or_no_json_is_refused(written: Written, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tasks '.*nowhere' cannot be read: .*No such file"):
        read_tasks(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="found no task, expected at least one"):
        read_tasks(written())
    written().write_text('"even/easy/test/0"\neven/easy/test/1\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"line 2: .*expected a task's id in quotes, or a whole task as JSON"):
        read_tasks(tmp_path / "tasks.jsonl")


def test_what_is_wrong_with_a_file_is_said_before_the_run(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = small(policy="oracle", tasks={"even": str(written(whole()))})
    with pytest.raises(ConfigError, match=r"tasks\.evn: this run has no such environment; expected even"):
        Evaluation({**fields, "tasks": {"evn": fields["tasks"]["even"]}})
    with pytest.raises(ConfigError, match=r"tasks\.even: found it in calibration too, expected one of the two"):
        Evaluation({**fields, "calibration": {"even": "split.json"}})
    with pytest.raises(SplitError, match="'even/easy/test/mine' of even has the content of the train task"):
        Evaluation({**fields, "tasks": {"even": str(written(whole(seed=3)))}})

    def fails(world: Even, task: Any) -> Answering:
        raise KeyError("goal")

    monkeypatch.setattr("chance.Even.start", fails)
    with pytest.raises(ConfigError, match="even cannot start 'even/easy/test/mine': KeyError: 'goal'; expected `data`"):
        Evaluation({**fields, "tasks": {"even": str(written(whole(seed=500)))}})
