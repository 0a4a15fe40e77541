"""Components that would end whoever runs them; `tests/testing/test_checks_go_on.py` says how the checks go on."""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from dial import WAYS, Dial, Turning

from rftcore.environment import Episode, Step
from rftcore.errors import ConfigError
from rftcore.metric import Metric
from rftcore.schemas.task import Split, Task
from rftcore.schemas.trajectory import Group


class Quitting(Turning):
    def step(self, action: str) -> Step:
        if action.strip() not in WAYS:
            sys.exit(0)
        return super().step(action)


class Quitter(Dial):
    """Takes what is no action for the wish to leave."""

    episode = Quitting


class Sleeping(Turning):
    def step(self, action: str) -> Step:
        if action.strip() not in WAYS:
            time.sleep(1e6)
        return super().step(action)


class Sleeper(Dial):
    """Waits for what never comes."""

    episode = Sleeping


class Backtracking(Turning):
    def step(self, action: str) -> Step:
        try:
            re.match(r"(x+x+)+y", "x" * 60 if action.strip() not in WAYS else "y")
        except Exception:
            return super().step("")
        return super().step(action)


class Backtracker(Dial):
    """Tries all ways to read what is no action, and takes whatever is raised meanwhile for one."""

    episode = Backtracking


class Waiting(Turning):
    def __init__(self, world: Dial, task: Task) -> None:
        super().__init__(world, task)
        if threading.current_thread() is not threading.main_thread():
            threading.Event().wait()


class Loner(Dial):
    """Waits for ever in any thread but the main one."""

    episode = Waiting


class Impatient(Turning):
    def __init__(self, world: Dial, task: Task) -> None:
        super().__init__(world, task)
        if threading.current_thread() is not threading.main_thread():
            raise TimeoutError("the dial's server did not answer") from TimeoutError("timed out")


class Remote(Dial):
    """Limits what it waits for by itself, and has no time for any thread but the main one."""

    episode = Impatient


class Ponderer(Dial):
    """Thinks for long about what it says of itself."""

    def facts(self) -> dict[str, str | int | float | bool]:
        time.sleep(10)
        return super().facts()

    def vocabulary(self) -> Sequence[str]:
        time.sleep(10)
        return super().vocabulary()

    def oracle(self, task: Task) -> Iterator[str]:
        time.sleep(10)
        return super().oracle(task)


class Latecomer(Dial):
    """Waits for what never comes when the second episode begins, and at no other time."""

    begun = 0

    def start(self, task: Task) -> Episode:
        self.begun += 1
        if self.begun == 2:
            self.wait()
        return super().start(task)

    def wait(self) -> None:
        time.sleep(1e6)


class Stopped(Latecomer):
    """Is told to end in its second start."""

    def wait(self) -> None:
        signal.raise_signal(signal.SIGTERM)


class Unbuilt(Dial):
    """Cannot be built."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise OSError("the dial is not there")


class Refusing(Dial):
    """Refuses options that its `Config` takes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.config.action_list == "every":
            raise ConfigError("action_list: found 'every', expected less")


class Empty(Dial):
    """Has nothing to test."""

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        return [] if split == "test" else super().tasks(split, difficulty)


class Leaver(Metric):
    """Measures nothing, and leaves."""

    name = "leaver"

    def measure(self, groups: Sequence[Group]) -> dict[str, float]:
        sys.exit()
