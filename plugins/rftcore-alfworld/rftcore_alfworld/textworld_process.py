"""Our side of the process in which TextWorld runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rftcore.errors import EpisodeError
from rftcore_alfworld.commands import Dialect

_WORKER = Path(__file__).with_name("textworld_worker.py")


class TextWorld:
    """TextWorld, in a subprocess that lives as long as the `with` block; one game at a time."""

    def __init__(self, python: str = sys.executable) -> None:
        self._process = subprocess.Popen(
            [python, str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )

    def start(self, problem: str, goal: str, dialect: Dialect = "0.4") -> dict[str, Any]:
        """Begin a game; returns `observation`, `admissible` and `won`."""
        return self._ask({"problem": problem, "goal": goal, "dialect": dialect})

    def again(self) -> dict[str, Any]:
        """Begin the same game once more; returns what `start` does."""
        return self._ask({"again": "yes"})

    def step(self, action: str) -> dict[str, Any]:
        """Take a step; returns `observation`, `admissible`, `won`, `reward` and `done`."""
        return self._ask({"action": action})

    def _ask(self, request: dict[str, str]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError as error:
            raise EpisodeError(f"TextWorld's process ended: {error}") from error
        if not line:
            raise EpisodeError(f"TextWorld's process ended with code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise EpisodeError(f"TextWorld: {answer['error']}")
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
