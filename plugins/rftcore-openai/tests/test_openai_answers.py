"""Paid answers survive whatever happens to the process that paid for them."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from pathlib import Path

import pytest

from rftcore.errors import RunError
from rftcore_openai.answers import Answers, Paid


def test_an_answer_is_found_again_by_another_reader(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "answers.sqlite"
    first = Answers(file)
    assert (first.get("a"), first.tokens()) == (None, (0, 0))
    first.put("a", Paid("go east\u2028\x00 'quoted'", "stop", 10, 2))
    first.put("b", Paid("", "length", 5, 7))
    again = Answers(file)
    assert again.get("a") == Paid("go east\u2028\x00 'quoted'", "stop", 10, 2)
    assert again.tokens() == (15, 9)
    assert [path.name for path in file.parent.iterdir()] == ["answers.sqlite"]


def test_what_was_put_before_a_kill_is_there_and_whole(tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    Answers(file)
    child = os.fork()
    if child == 0:
        answers = Answers(file)
        for number in range(10_000):
            answers.put(f"{number}", Paid("x" * 5000, "stop", 1, 1))
            if number == 20:
                os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = Answers(file)
    assert left.tokens() == (21, 21)
    assert left.get("20") == Paid("x" * 5000, "stop", 1, 1)


def test_several_writers_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"

    def write(name: str) -> None:
        answers = Answers(file)
        for number in range(20):
            answers.put(f"{name}{number}", Paid("x", "stop", 1, 2))

    writers = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert Answers(file).tokens() == (60, 120)


def test_a_damaged_file_is_named_and_never_replaced(tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    file.write_bytes(b"no database at all, but long enough to be read as a header " * 20)
    with pytest.raises(RunError, match=r"answers.sqlite' cannot be used: file is not a database.*delete it"):
        Answers(file)
    assert file.read_bytes().startswith(b"no database")


def test_a_file_of_another_form_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    with sqlite3.connect(file) as base:
        base.execute("PRAGMA user_version = 9")
    base.close()
    with pytest.raises(RunError, match="has form 9, expected 1"):
        Answers(file)
