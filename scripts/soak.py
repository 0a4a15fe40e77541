"""Soaks the rollouts: 2,000 episodes at once in one process, again and again. `make soak` calls it.

    python scripts/soak.py [--minutes 60] [--episodes 2000] [--environment textcraft] [--seconds 1.0]

The policy plays at random and takes its time, as a model behind a server does. A line tells of each round: episodes,
the most that were live at once, threads, open files, memory. The exit code is 1 when a sample is lost or doubled, when
episodes take threads or files, or when memory grew.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import psutil

from rftcore import registry
from rftcore.environment import Environment, Episode
from rftcore.policy import Policy
from rftcore.rollout import Answer, PolicyActor, Voice, collect
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group

GROWTH = 0.03
"""Of its memory that the process may have more in the last quarter of the rounds than in the second."""


class Hesitant(Policy):
    """Plays at random, and waits before each answer: `seconds` on average, exponentially distributed."""

    name = "hesitant"

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def act(self, task: Task, episode: Episode, turn: int, sample: int, rng: random.Random) -> str:
        await asyncio.sleep(rng.expovariate(1 / self._seconds))
        return episode.random_action(rng)


class Crowd(PolicyActor):
    """Plays `lanes` episodes at once, and knows the most that were live."""

    def __init__(self, seconds: float, lanes: int) -> None:
        super().__init__(Hesitant(seconds))
        self.lanes = lanes
        self._live = 0
        self.most = 0

    def begin(self, environment: Environment, task: Task, episode: Episode, sample: int, rng: random.Random) -> Voice:
        self._live += 1
        self.most = max(self.most, self._live)
        return _Counted(self, super().begin(environment, task, episode, sample, rng))

    def ended(self) -> None:
        self._live -= 1


class _Counted(Voice):
    def __init__(self, crowd: Crowd, voice: Voice) -> None:
        self._crowd, self._voice = crowd, voice

    async def answer(self, episode: Episode, turn: int) -> Answer | None:
        return await self._voice.answer(episode, turn)

    def close(self) -> None:
        self._crowd.ended()


@dataclass(frozen=True, slots=True)
class Round:
    """What a round took."""

    episodes: int
    at_once: int
    threads: int
    files: int
    memory: int
    """Bytes of the process that are in memory."""
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.episodes:,} episodes, {self.at_once:,} at once, {self.threads} threads, {self.files} open files, "
            f"{self.memory / 2**20:.0f} MiB" + "".join(f"\n  {problem}" for problem in self.problems)
        )


def play(environment: Environment, episodes: int, seconds: float, seed: int) -> Round:
    """Play twice as many episodes as run at once, and say what that took while it ran and what was wrong."""
    tasks = environment.tasks("train", environment.difficulties[0])
    tasks = tasks[: max(1, min(len(tasks), episodes // 10))]
    samples = -(-2 * episodes // len(tasks))
    crowd, process = Crowd(seconds, episodes), psutil.Process()
    most = {"threads": 0, "files": 0}

    def look(trajectory: object) -> None:
        most["threads"] = max(most["threads"], threading.active_count())
        most["files"] = max(most["files"], process.num_fds())

    groups = asyncio.run(collect({environment.name: environment}, crowd, tasks, samples, seed=seed, on_episode=look))
    memory = process.memory_info().rss
    problems = tuple(wrong(tasks, samples, groups))
    return Round(len(tasks) * samples, crowd.most, most["threads"], most["files"], memory, problems)


def wrong(tasks: Sequence[Task], samples: int, groups: Sequence[Group]) -> list[str]:
    """Return what is wrong with the groups that were played of `tasks`."""
    expected = [(task.id, list(range(samples))) for task in tasks]
    found = [(group.task.id, [t.sample for t in group.trajectories]) for group in groups]
    lost = [t for group in groups for t in group.trajectories if t.masked]
    problems = [] if found == expected else ["a sample is lost, doubled or in another's place"]
    if lost:
        problems.append(f"{len(lost)} samples failed; the first: {lost[0].error}")
    return problems


def judged(rounds: Sequence[Round], episodes: int, threads: int, files: int) -> list[str]:
    """Return what is wrong with all rounds; `threads` and `files` are those from before the first one."""
    problems = [problem for one in rounds for problem in one.problems]
    if (fewest := min(one.at_once for one in rounds)) < episodes:
        problems.append(f"only {fewest:,} episodes ran at once, expected {episodes:,}")
    if (most := max(one.threads for one in rounds)) > threads:
        problems.append(f"{most} threads, expected the {threads} from before: an episode takes none")
    if (most := max(one.files for one in rounds)) > files + 8:  # of the event loop
        problems.append(f"{most} open files, expected about the {files} from before: an episode takes none")
    quarter = len(rounds) // 4
    if quarter:
        early, late = (median(one.memory for one in rounds[i : i + quarter]) for i in (quarter, len(rounds) - quarter))
        if late > early * (1 + GROWTH):
            problems.append(f"memory grew from {early / 2**20:.0f} to {late / 2**20:.0f} MiB")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--episodes", type=int, default=2000, help="episodes at once")
    parser.add_argument("--environment", default="textcraft")
    parser.add_argument("--seconds", type=float, default=1.0, help="what the policy takes for an answer, on average")
    given = parser.parse_args()
    environment: Environment = registry.create("environment", given.environment)
    threads, files = threading.active_count(), psutil.Process().num_fds()
    began, rounds = time.monotonic(), list[Round]()
    while not rounds or time.monotonic() - began < 60 * given.minutes:
        rounds.append(play(environment, given.episodes, given.seconds, seed=len(rounds)))
        sys.stdout.write(f"{(time.monotonic() - began) / 60:6.1f} min  {rounds[-1]}\n")
        sys.stdout.flush()
    problems = judged(rounds, given.episodes, threads, files)
    sys.stdout.write("".join(f"{problem}\n" for problem in problems) or "nothing lost, nothing grew\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
