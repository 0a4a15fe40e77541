"""The answers that a run has paid for, in one file, so that no process that goes on with it pays for them again.

A file of SQLite: an answer is there whole or not at all, however a process dies, and several processes may share it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rftcore.errors import RunError

_FORM = 1
"""Version of the file's form, in SQLite's `user_version`."""

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    request TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    finish TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Paid:
    """An answer and the tokens that it was paid for with."""

    text: str
    finish: str
    """The endpoint's `finish_reason`, such as `stop` or `length`."""
    prompt_tokens: int
    completion_tokens: int


class Answers:
    """Answers by request: sha256 of everything that determines one."""

    def __init__(self, file: Path) -> None:
        """Make the file if there is none. Raises RunError when it cannot be used."""
        self._file = file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"the folder {str(file.parent)!r} cannot be made: {error.strerror or error}") from error
        with self._open() as base:
            (found,) = base.execute("PRAGMA user_version").fetchone()
            if found not in (0, _FORM):
                raise RunError(
                    f"{str(file)!r} has form {found}, expected {_FORM}: another version of rftcore-openai made it"
                )
            base.execute(_TABLE)
            base.execute(f"PRAGMA user_version = {_FORM}")

    def get(self, request: str) -> Paid | None:
        """Return what was answered, or None when it was not yet."""
        with self._open() as base:
            query = "SELECT text, finish, prompt_tokens, completion_tokens FROM answers WHERE request = ?"
            row = base.execute(query, (request,)).fetchone()
        return None if row is None else Paid(*row)

    def put(self, request: str, paid: Paid) -> None:
        """Keep an answer; it is on the disk when this returns."""
        row = (request, paid.text, paid.finish, paid.prompt_tokens, paid.completion_tokens)
        with self._open() as base:
            base.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", row)

    def tokens(self) -> tuple[int, int]:
        """Return the tokens of all prompts and of all answers."""
        with self._open() as base:
            query = "SELECT COALESCE(SUM(prompt_tokens), 0), COALESCE(SUM(completion_tokens), 0) FROM answers"
            prompts, answers = base.execute(query).fetchone()
        return prompts, answers

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """One transaction. Nothing stays open, so that no process holds what another needs."""
        try:
            with closing(sqlite3.connect(self._file, timeout=60)) as base, base:
                yield base
        except sqlite3.Error as error:
            raise RunError(
                f"the paid answers {str(self._file)!r} cannot be used: {error}. Make room or mend the permissions; if "
                "the file is damaged, delete it, and its answers are paid for again"
            ) from error
