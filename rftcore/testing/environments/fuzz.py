"""Plays an environment with thousands of actions that nobody should send, and keeps what they brought about."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from rftcore.environment import Environment
from rftcore.schemas.task import SPLITS, Task
from rftcore.testing.environments.adversary import Adversary
from rftcore.testing.environments.episodes import LONGEST, flaw
from rftcore.testing.environments.traces import memory
from rftcore.testing.environments.walk import shown
from rftcore.testing.environments.watched import Watched
from rftcore.testing.limit import Hung
from rftcore.testing.origin import THEIRS, place

SLOW = 20.0
"""Seconds after which a step counts as hanging."""
JUDGED = 20_000
"""Actions from which on memory is judged: before that, it may be caches that fill."""
BLOCKS = 0.5
"""Blocks of Python's memory that an action of the second half may leave behind on average."""
BYTES = 32 * 2**20
"""By which the process may grow in the second half: allocators keep what long actions took."""
TASKS = 3
"""Tasks of each list that are played."""
AFTER = 2
"""Actions that are sent after the end of an episode."""


@dataclass
class Fuzzed:
    """What became of it."""

    actions: int = 0
    episodes: int = 0
    understood: int = 0
    """Actions that were valid."""
    seconds: float = 0.0
    slowest: float = 0.0
    """Seconds of the slowest step."""
    before: tuple[int, int] = (0, 0)
    """Blocks of Python's memory and bytes of the process after the first half."""
    after: tuple[int, int] = (0, 0)
    """The same at the end."""
    problems: list[str] = field(default_factory=list)
    """Sentences, each said once: the first 20."""


def fuzz(environment: Environment, actions: int, *, seed: int = 0, told: Callable[[int], None] | None = None) -> Fuzzed:
    """Send `actions` actions in whole episodes; `told` hears now and then how many there have been.

    An exception, a step that is none, an observation beyond 100,000 characters, a reward out of range and a step of
    more than 20 seconds are problems, and so is memory that grows over the second half. A call that does not return
    within a minute is interrupted, and the last one.
    """
    found, begin = Fuzzed(), time.monotonic()
    try:
        _play(Watched(environment), actions, seed, found, told)
    except Hung as error:
        where = place(error, f"{type(environment).__module__}:{type(environment).__name__}")
        _note(found, f"{error}{where}, expected an answer whatever is asked; nothing was sent after it")
    found.seconds = time.monotonic() - begin
    return found


def _play(environment: Environment, actions: int, seed: int, found: Fuzzed, told: Callable[[int], None] | None) -> None:
    """Play until there have been enough actions, and look at what they left. Raises Hung."""
    rng = random.Random(f"fuzz/{environment.name}/{seed}")
    tasks = [
        task
        for difficulty in environment.difficulties
        for split in SPLITS
        for task in environment.tasks(split, difficulty)[:TASKS]
    ]
    known = [action for task in tasks for action in islice(environment.oracle(task), environment.max_turns)]
    adversary = Adversary(environment, known, rng)
    while found.actions < actions:
        if found.actions >= actions // 2 and not found.before[0]:
            found.before = memory()
        _episode(environment, rng.choice(tasks), adversary, found)
        if told is not None:
            told(min(found.actions, actions))
    found.after = memory()
    if actions >= JUDGED:
        _judge(found, actions - actions // 2)


def _episode(environment: Environment, task: Task, adversary: Adversary, found: Fuzzed) -> None:
    """Play one episode, and a little beyond its end."""
    episode, over = environment.start(task), 0
    found.episodes += 1
    low, high = environment.reward_range
    action = ""
    try:
        for _ in range(environment.max_turns + AFTER):
            action = adversary.action(episode)
            begin = time.monotonic()
            step = episode.step(action)
            taken = time.monotonic() - begin
            found.actions += 1
            found.slowest = max(found.slowest, taken)
            problem = flaw(episode, step)
            if problem is None and not low <= step.reward <= high:
                problem = f"the reward {step.reward}, expected {low:g} to {high:g}"
            if problem is None and len(step.observation) > LONGEST:
                problem = f"{len(step.observation)} characters, expected {LONGEST} at most"
            if problem is None and taken > SLOW:
                problem = f"an answer after {taken:.1f} s, expected {SLOW:g} s at most"
            if problem is not None:
                _note(found, f"task {task.id!r}: {shown(action)} gave {problem}")
                return
            found.understood += step.valid
            over += over > 0 or step.terminated or step.truncated
            if over > AFTER:
                return
    except THEIRS as error:
        found.actions += 1
        _note(found, f"task {task.id!r}: {shown(action)} raised {type(error).__name__}: {error}")
    finally:
        episode.close()


def _judge(found: Fuzzed, counted: int) -> None:
    blocks, size = (after - before for after, before in zip(found.after, found.before, strict=True))
    if blocks > BLOCKS * counted:
        _note(found, f"each action left {blocks / counted:.1f} blocks of memory behind, expected less than {BLOCKS}")
    elif size > BYTES:
        _note(found, f"the process grew by {size / 2**20:.0f} MiB, expected {BYTES >> 20} MiB at most")


def _note(found: Fuzzed, problem: str) -> None:
    if len(found.problems) < 20 and problem not in found.problems:
        found.problems.append(problem)
