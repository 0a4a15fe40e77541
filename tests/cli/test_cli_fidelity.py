"""`rftcore fidelity`: exit codes and counts, by recordings that are right, wrong, foreign and damaged."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rftcore import registry
from rftcore.specs import EnvironmentSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Done

RIGHT = {"goal": 2, "turns": [{"action": "add", "observation": "1"}, {"action": "add", "observation": "2"}]}
WRONG = {"goal": 2, "turns": [{"action": "add", "observation": "1"}, {"action": "stop", "observation": "Stopped"}]}
EMPTY: dict[str, Any] = {"goal": 2, "turns": []}


def recordings(folder: Path, *records: object, zipped: bool = True) -> str:
    text = "\n".join(json.dumps(record) for record in records).encode()
    path = folder / "recorded.jsonl.gz"
    path.write_bytes(gzip.compress(text) if zipped else text)
    return str(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_no_difference_is_exit_code_0(rftcore: Callable[..., Done], tmp_path: Path, zipped: bool) -> None:
    done = rftcore("fidelity", "counting", recordings(tmp_path, RIGHT, EMPTY, RIGHT, zipped=zipped), "--json")
    code, found = done.code, json.loads(done.out)
    assert code == 0
    assert found == {"episodes": 2, "steps": 4, "differences": 0, "first": None}


def test_differences_are_counted_and_the_first_is_shown_in_full(rftcore: Callable[..., Done], tmp_path: Path) -> None:
    done = rftcore("fidelity", "counting", recordings(tmp_path, RIGHT, WRONG, WRONG), "--json")
    code, found = done.code, json.loads(done.out)
    assert code == 1
    assert found == {
        "episodes": 3,
        "steps": 6,
        "differences": 2,
        "first": {"line": 2, "where": "turn 1", "expected": "Stopped", "got": "You gave up"},
    }


def test_the_profile_is_the_bug_compatible_one_unless_another_is_named(
    rftcore: Callable[..., Done], tmp_path: Path
) -> None:
    done = rftcore("fidelity", "counting", recordings(tmp_path, RIGHT), "--profile", "fixed", "--json")
    code, found = done.code, json.loads(done.out)
    assert (code, found["differences"], found["first"]["got"]) == (1, 2, "1.")


def test_the_text_shows_both_sides(rftcore: Callable[..., Done], tmp_path: Path) -> None:
    done = rftcore("fidelity", "counting", recordings(tmp_path, WRONG))
    assert done.code == 1
    assert done.out.splitlines() == [
        "episodes     1",
        "steps        2",
        "differences  1",
        "first difference",
        "  line      1",
        "  where     turn 1",
        "  expected  'Stopped'",
        "  got       'You gave up'",
    ]


def complaint(rftcore: Callable[..., Done], *arguments: str) -> str:
    done = rftcore("fidelity", *arguments)
    assert done.code == 2, done.out
    return done.err.removeprefix("error: ").removesuffix("\n")


def test_nothing_compared_is_not_a_success(rftcore: Callable[..., Done], tmp_path: Path) -> None:
    assert "holds nothing that counting could compare" in complaint(rftcore, "counting", recordings(tmp_path, EMPTY))


def test_a_foreign_recording_names_its_line(rftcore: Callable[..., Done], tmp_path: Path) -> None:
    text = complaint(rftcore, "counting", recordings(tmp_path, RIGHT, {"level": 3}))
    assert "line 2: counting cannot replay it (KeyError: 'goal'); expected a recording of counting, and what" in text


def test_a_damaged_file_is_unreadable_from_a_line_on(rftcore: Callable[..., Done], tmp_path: Path) -> None:
    path = Path(recordings(tmp_path, RIGHT, *[WRONG] * 2000))
    path.write_bytes(path.read_bytes()[:-40])
    assert "recorded.jsonl.gz cannot be read after line" in complaint(rftcore, "counting", str(path))
    path.write_text('{"goal": 2, "turns": []}\n[1, 2]\n')
    assert "line 2: found [1, 2], expected a JSON object" in complaint(rftcore, "counting", str(path))
    path.write_text("{]")
    assert "JSONDecodeError" in complaint(rftcore, "counting", str(path))
    path.unlink()
    assert "FileNotFoundError" in complaint(rftcore, "counting", str(path))


def test_an_environment_without_recordings_says_so(rftcore: Callable[..., Done], tmp_path: Path) -> None:
    registry.add(EnvironmentSpec(name="unrecorded", target="rftcore.environment:Environment", summary=""))
    assert "environment 'unrecorded' has no replay(record, folder)" in complaint(
        rftcore, "unrecorded", recordings(tmp_path, RIGHT)
    )


SUM = {"sum": 5, "numbers": "numbers.txt"}


def test_kinds_of_recordings_mix_and_companion_files_lie_beside_them(
    rftcore: Callable[..., Done], tmp_path: Path
) -> None:
    (tmp_path / "numbers.txt").write_text("2 3")
    done = rftcore("fidelity", "counting", recordings(tmp_path, RIGHT, SUM), "--json")
    assert (done.code, json.loads(done.out)["steps"]) == (0, 3)


def test_companion_files_can_lie_elsewhere(rftcore: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "numbers.txt").write_text("2 2")
    done = rftcore("fidelity", "counting", recordings(tmp_path, SUM), "--data", str(tmp_path / "other"), "--json")
    assert (done.code, json.loads(done.out)["first"]["got"]) == (1, 4)


def test_missing_companions_name_the_folder(rftcore: Callable[..., Done], tmp_path: Path) -> None:
    text = complaint(rftcore, "counting", recordings(tmp_path, SUM))
    assert "numbers.txt'); expected a recording of counting, and what it was recorded with in" in text
    nowhere = str(tmp_path / "nowhere")
    text = complaint(rftcore, "counting", recordings(tmp_path, SUM), "--data", nowhere)
    assert text.startswith(f"--data: found no folder {nowhere}, expected the one with the files recorded with recorded")


def test_an_unknown_profile_is_a_wrong_option(rftcore: Callable[..., Done], tmp_path: Path) -> None:
    text = complaint(rftcore, "counting", recordings(tmp_path, RIGHT), "--profile", "best")
    assert text == "profile: found 'best', expected 'fixed' or 'original'"
