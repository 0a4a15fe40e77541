"""Dials that keep every promise but one; `tests/testing/test_environment_checks.py` says which."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dial import WAYS, Dial, Turning
from pydantic import ConfigDict

from rftcore.environment import ActionList, Environment, Episode, Step
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task


class Named(Dial):
    name = "knob"


class Half(Environment):
    name = "dial"

    def start(self, task: Task) -> Episode:
        raise NotImplementedError


class Loose(Dial):
    class Config(Frozen):
        model_config = ConfigDict(extra="allow")
        action_list: ActionList = "never"


class Levels(Dial):
    difficulties = ("easy", "Very Hard", "easy")


class Overlapping(Dial):
    def task(self, split: Split, difficulty: str, number: int) -> Task:
        task = super().task("train", difficulty, number)
        return task.model_copy(update={"split": split, "id": f"dial/{difficulty}/{split}/{number}"})


class Mislabelled(Dial):
    def task(self, split: Split, difficulty: str, number: int) -> Task:
        return super().task(split, difficulty, number).model_copy(update={"environment": "safe"})


class Unordered(Dial):
    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        listed = {task.id: task for task in super().tasks(split, difficulty)}
        return [listed[name] for name in {*listed}]


class Hashing(Turning):
    """Begins with a number that another process does not have."""

    def __init__(self, world: Dial, task: Task) -> None:
        super().__init__(world, task)
        self.observation = f"Dial number {hash(task.id)}."


class Elsewhere(Dial):
    episode = Hashing


class Drawing(Turning):
    """Begins in one of a million ways."""

    def __init__(self, world: Dial, task: Task) -> None:
        super().__init__(world, task)
        self.observation = f"Dial number {random.random()}."


class Begun(Dial):
    episode = Drawing


class Silent(Turning):
    def answer(self, text: str, reward: float = 0.0, terminated: bool = False, **rest: bool) -> Step:
        return Step(text, reward, terminated, **rest)


class Unshown(Dial):
    episode = Silent


class Undefined(Turning):
    def answer(self, text: str, reward: float = 0.0, terminated: bool = False, **rest: bool) -> Step:
        return super().answer(text, reward if terminated else float("nan"), terminated, **rest)


class NotANumber(Dial):
    episode = Undefined


class Noisy(Turning):
    def answer(self, text: str, reward: float = 0.0, terminated: bool = False, **rest: bool) -> Step:
        return super().answer(f"{text} {random.random()}", reward, terminated, **rest)


class Unrepeatable(Dial):
    episode = Noisy


class Shuffled(Turning):
    def available_actions(self) -> tuple[str, ...]:
        return tuple(random.sample([f"{way} {random.random()}" for way in WAYS], 2))

    def random_action(self, rng: random.Random) -> str:
        return rng.choice(WAYS)


class Listing(Dial):
    episode = Shuffled


class Sharing(Turning):
    """Counts its turns in the environment."""

    def __init__(self, world: Dial, task: Task) -> None:
        super().__init__(world, task)
        world.count = 0

    def answer(self, text: str, reward: float = 0.0, terminated: bool = False, **rest: bool) -> Step:
        self.world.count += 1
        return super().answer(f"{text} Turn {self.world.count}.", reward, terminated, **rest)


class Shared(Dial):
    episode = Sharing


class Raising(Turning):
    def step(self, action: str) -> Step:
        if action and not action.isascii():
            raise KeyError(action)
        return super().step(action)


class Fragile(Dial):
    episode = Raising


class Obliging(Turning):
    def step(self, action: str) -> Step:
        return super().step(action.strip("\0 \n") or "left")


class Lenient(Dial):
    episode = Obliging


class Going(Turning):
    def step(self, action: str) -> Step:
        self.end = None
        self.place %= len(self.code)
        return super().step(action)


class Endless(Dial):
    episode = Going


class Limited(Turning):
    def step(self, action: str) -> Step:
        step = super().step(action)
        if self.end is None and self.turns == self.world.max_turns:
            self.end = step = self.answer("Too late.", terminated=True)
        return step


class OutOfTurns(Dial):
    episode = Limited


class Both(Turning):
    def answer(self, text: str, reward: float = 0.0, terminated: bool = False, **rest: bool) -> Step:
        return super().answer(text, reward, terminated, **rest, truncated=terminated)


class Cut(Dial):
    episode = Both


class ClosedOnce(Turning):
    def close(self) -> None:
        del self.code


class Brittle(Dial):
    episode = ClosedOnce


class Rich(Turning):
    def answer(self, text: str, reward: float = 0.0, terminated: bool = False, **rest: bool) -> Step:
        return super().answer(text, reward * 100, terminated, **rest)


class Generous(Dial):
    episode = Rich


class Poor(Turning):
    def answer(self, text: str, reward: float = 0.0, terminated: bool = False, **rest: bool) -> Step:
        return super().answer(text, 0.5, terminated, **rest)


class Constant(Dial):
    episode = Poor


class Lost(Turning):
    def expert_action(self) -> str:
        return "left"


class Unsolved(Dial):
    episode = Lost


class Telling(Turning):
    def __init__(self, world: Dial, task: Task) -> None:
        super().__init__(world, task)
        self.observation = f"A dial. Do not try {', '.join(self.code)}."


class Leaking(Dial):
    episode = Telling


class Wordy(Dial):
    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "vocabulary_words": 7, "feedback": True, "expert_turns_absurd": 2.0, "more": [1]}


class Misspelt(Dial):
    def start(self, task: Task) -> Episode:
        return task.dificulty  # surfaces in pydantic


class Undeclared(Dial):
    action_templates = WAYS[:1]


class Doubled(Dial):
    action_templates = (*WAYS, "turn {way} {way}")


class Unlisted(Dial):
    def start(self, task: Task) -> Episode:
        return self.episode(Dial(), task)


_playing: list[object] = []
_lock = threading.Lock()


class Crowded(Turning):
    """Goes another way while a second one is played."""

    def __init__(self, world: Dial, task: Task) -> None:
        super().__init__(world, task)
        with _lock:
            _playing.append(self)
        threading.Event().wait(0.02)

    def answer(self, text: str, reward: float = 0.0, terminated: bool = False, **rest: bool) -> Step:
        return super().answer(f"{text} {len(_playing)} dials.", reward, terminated, **rest)

    def close(self) -> None:
        with _lock:
            if self in _playing:
                _playing.remove(self)


class Threaded(Dial):
    episode = Crowded


class Locked(Dial):
    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.lock = threading.Lock()


class Forgetful(Dial):
    """A copy has no code."""

    count = 0

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.config, "count": 1}

    def start(self, task: Task) -> Episode:
        episode = super().start(task)
        episode.observation += f" {self.count}"
        return episode


_kept: list[object] = []


class Lingering(Turning):
    """Leaves a thread and a file."""

    def __init__(self, world: Dial, task: Task) -> None:
        super().__init__(world, task)
        threading.Thread(target=threading.Event().wait, args=(60,), daemon=True, name="lingering").start()
        with tempfile.NamedTemporaryFile(delete=False) as file:
            Path(file.name).write_text("left here", encoding="utf-8")


class Untidy(Dial):
    episode = Lingering


class Connecting(Turning):
    """Leaves a pair of sockets and a process, which ends by itself a while after the interpreter."""

    def __init__(self, world: Dial, task: Task) -> None:
        super().__init__(world, task)
        _kept.append(socket.socketpair())
        _kept.append(subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"]))


class Connected(Dial):
    episode = Connecting


class Kept(Turning):
    def __init__(self, world: Dial, task: Task) -> None:
        super().__init__(world, task)
        _kept.append(self)


class Hoarding(Dial):
    episode = Kept


class Remembering(Turning):
    """Keeps what is played to the end."""

    def close(self) -> None:
        if self.turns > 2:
            _kept.append(self)


class Recording(Dial):
    episode = Remembering


_film = bytearray()


class Filming(Turning):
    """Lets one thing grow, in which Python sees a single block."""

    def close(self) -> None:
        _film.extend(b"frame" * 500_000)


class Swelling(Dial):
    episode = Filming
