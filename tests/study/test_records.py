"""A run on disk: whole files or none, names that are found again, and sentences when the disk does not play along."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rftcore import RunError, Task
from rftcore.records import (
    RunFolder,
    all_runs,
    append_line,
    find_run,
    read_groups,
    read_json,
    read_lines,
    write_groups,
    write_json,
    write_text,
)
from rftcore.schemas.trajectory import Group, Trajectory, Turn


def record(identity: str = "abc", **config: Any) -> dict[str, Any]:
    return {"id": identity, "kind": "study", "config": config, "plan": {}}


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "deep" / "a.json"
    write_json(file, {"a": "\u00fc"})
    assert file.read_text(encoding="utf-8") == '{\n "a": "\u00fc"\n}\n'

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError) as error:
        write_text(file, "new")
    assert str(error.value) == (
        f"'{file}' cannot be written: No space left on device. Nothing that was complete is lost; "
        "make room or change the permissions, then resume the run"
    )
    assert read_json(file) == {"a": "\u00fc"}
    assert [path.name for path in file.parent.iterdir()] == ["a.json"]


def test_a_file_has_the_permissions_that_the_user_wants_for_new_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a", "")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_number_that_json_does_not_have_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert not (tmp_path / "a.json").exists()


def test_a_line_that_a_killed_writer_left_unfinished_is_forgotten(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    append_line(log, {"n": 1, "text": "a\u2028b\nc"})
    append_line(log, {"n": 2})
    whole = log.read_bytes()
    for cut in range(1, 10):
        log.write_bytes(whole + b'{"n": 3}\n'[:cut])
        assert [value["n"] for value in read_lines(log)] == ([1, 2, 3] if cut == 9 else [1, 2])
        append_line(log, {"n": 4})
        assert [value["n"] for value in read_lines(log)][-2:] == ([3, 4] if cut == 9 else [2, 4])
    log.write_bytes(b'{"n"')
    append_line(log, {"n": 5})
    assert read_lines(log) == [{"n": 5}]
    assert read_lines(tmp_path / "none.jsonl") == []


def test_a_damaged_line_is_an_error(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"n": 1}\n{"n"\n{"n": 3}\n')
    with pytest.raises(
        RunError, match=r"log\.jsonl' cannot be read: .*\nResume the run: what is missing is made again"
    ):
        read_lines(log)


@pytest.mark.parametrize(("text", "said"), [("{", "cannot be read"), ("[1]", "holds list, expected a JSON object")])
def test_a_damaged_json_file_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(RunError, match=said):
        read_json(tmp_path / "a.json")
    with pytest.raises(RunError, match="is missing"):
        read_json(tmp_path / "b.json")


def trajectory(task: str, sample: int, observation: str = "o") -> Trajectory:
    return Trajectory(
        task=Task(environment="e", id=task, split="test", difficulty="easy", seed=1),
        sample=sample,
        turns=(Turn(observation=observation, text="t", action="t", reward=0.1, valid=True, logprobs=(-0.1, -1e-9)),),
        status="completed",
        ret=0.1,
        success=False,
    )


def test_trajectories_come_back_as_they_were_whatever_lines_their_text_has(tmp_path: Path) -> None:
    strange = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\r\nh\ti\x00"
    groups = [
        Group(task=trajectory(task, 0).task, trajectories=tuple(trajectory(task, n, strange) for n in range(3)))
        for task in ("e/easy/test/b", "e/easy/test/a")
    ]
    write_groups(tmp_path / "cell.jsonl", groups)
    assert read_groups(tmp_path / "cell.jsonl") == groups


def test_missing_and_damaged_trajectories_are_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cell\.jsonl' are missing\nResume the run: what is missing is made again"):
        read_groups(tmp_path / "cell.jsonl")
    (tmp_path / "cell.jsonl").write_text('{"schema_version": 1}\n')
    with pytest.raises(RunError, match=r"cell\.jsonl' are damaged"):
        read_groups(tmp_path / "cell.jsonl")
    (tmp_path / "cell.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(RunError, match=r"cell\.jsonl' are damaged"):
        read_groups(tmp_path / "cell.jsonl")


def test_a_folder_that_holds_another_run_is_refused_and_untouched(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "demo")
    assert folder.create(record("abc" * 10)) is False
    assert folder.create(record("abc" * 10)) is True
    with pytest.raises(RunError) as error:
        folder.create(record("xyz" * 10))
    assert str(error.value) == (
        f"'{folder.path}' holds the run abcabcabcabc, this one is xyzxyzxyzxyz: its configuration differs. "
        "Give this run another name, or delete that folder (--fresh does)"
    )
    assert folder.record()["id"] == "abc" * 10


def test_the_same_run_again_may_have_another_name_and_executor(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "demo")
    folder.create(record("abc", executor="inline"))
    assert folder.create(record("abc", executor="processes")) is True
    assert folder.record()["config"] == {"executor": "processes"}


def test_a_place_that_cannot_hold_a_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"the run folder '.*file/demo' cannot be made: Not a directory"):
        RunFolder(tmp_path / "file" / "demo").create(record())


def test_a_folder_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, *arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    folder = RunFolder(tmp_path / "demo")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refused)
        with pytest.raises(RunError, match=r"cannot be made: Permission denied. Choose another place"):
            folder.create(record())
    folder.create(record())
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refused)
        with pytest.raises(RunError, match=r"\.lock' cannot be written: Permission denied"), folder.lock():
            pass


@pytest.mark.parametrize("text", ["{}", '{"id": "a", "kind": "study"}'])
def test_a_record_that_is_none_is_named_and_no_id_finds_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run\.json' is no record of a run: .*config, .*plan missing"):
        RunFolder(tmp_path / "odd").record()
    assert [folder.path.name for folder in all_runs(tmp_path)] == ["odd"]
    with pytest.raises(RunError, match=r"no run is called 'a' .*: none yet"):
        find_run("a", tmp_path)


def test_a_record_that_is_no_json_any_more_is_set_aside_by_the_command_that_made_it(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "demo")
    folder.create(record("aaa"))
    file = folder.path / "run.json"
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole[:-9])
    with pytest.raises(RunError, match=r"run\.json' cannot be read: .*\. Give the command that made this run again"):
        folder.record()
    with pytest.warns(RuntimeWarning, match=r"run\.json' cannot be read: .* it is now run\.json\.damaged"):
        assert not folder.create(record("aaa"))
    assert file.read_text(encoding="utf-8") == whole
    assert (folder.path / "run.json.damaged").read_text(encoding="utf-8") == whole[:-9]


def test_a_run_is_found_by_its_name_its_folder_and_the_start_of_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, identity in (("one", "aaa111"), ("two", "aaa222"), ("three", "bbb333")):
        RunFolder(tmp_path / "runs" / name).create(record(identity))
    monkeypatch.chdir(tmp_path)
    root = Path("runs")
    assert find_run("two", root).path == root / "two"
    assert find_run("runs/two", root).path == Path("runs/two")
    assert find_run(str(tmp_path / "runs" / "two"), root).path == tmp_path / "runs" / "two"
    assert find_run("b", root).path == root / "three"
    assert find_run("aaa2", root).path == root / "two"
    known = r"Runs in 'runs': one \(aaa111\), three \(bbb333\), two \(aaa222\)"
    with pytest.raises(RunError, match=f"more than one run is called 'aaa' or has an id that begins so. {known}"):
        find_run("aaa", root)
    with pytest.raises(RunError, match=f"no run is called 'four' or has an id that begins so. {known}"):
        find_run("four", root)
    with pytest.raises(RunError, match="none yet"):
        find_run("four", tmp_path / "nowhere")
    (tmp_path / "two").mkdir()  # something else of that name where the command is typed
    write_json(tmp_path / "two" / "run.json", record("ccc"))
    assert find_run("two", root).path == root / "two"


def test_a_run_that_another_process_works_on_is_neither_deleted_nor_written_anew(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "demo")
    folder.create(record("abc", executor="inline"))
    hold = "import sys; from rftcore.records import *\nwith RunFolder(Path(sys.argv[1])).lock(): print(); input()"
    command = [sys.executable, "-u", "-c", hold, str(folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        works = rf"another process works on the run in '.*demo': process {holder.pid} on .*\. Wait for it, or stop it"
        with pytest.raises(RunError, match=works):
            folder.delete()
        for same in ("abc", "xyz"):
            with pytest.raises(RunError, match=works):
                folder.create(record(same, executor="processes"))
        (folder.path / "run.json").write_text("{")
        with pytest.raises(RunError, match=works):
            folder.create(record("abc"))
        assert sorted(path.name for path in folder.path.iterdir()) == [".lock", "run.json"]
        holder.communicate(b"\n", timeout=60)
    folder.delete()
    assert list(tmp_path.iterdir()) == []


def test_what_a_process_leaves_that_dies_before_it_wrote_the_record_is_deleted(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "demo")
    folder.path.mkdir()
    (folder.path / ".lock").touch()
    folder.delete()
    assert list(tmp_path.iterdir()) == []


def test_deleting_takes_a_run_and_nothing_else(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "demo")
    folder.delete()
    folder.create(record())
    (folder.path / "cells").mkdir()
    folder.delete()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match=r"is not deleted: it holds no run.json, so it is no run"):
        folder.delete()
    assert (tmp_path / "demo" / "thesis.tex").read_text() == "years of work"
