"""What it costs to play an environment in another process: `remote` against the same environment in this one."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median

from rftcore import registry
from rftcore.environment import Environment
from rftcore.schemas.task import Task

ENVIRONMENT = "textcraft"
TASKS = 48
REPEATS = 7
AT_ONCE = 16

Script = tuple[Task, tuple[str, ...]]


@contextmanager
def serving() -> Iterator[str]:
    """Serve the environment in a process of its own; yield its address."""
    os.environ["RFTCORE_SERVE_TOKEN"] = secrets.token_urlsafe(32)
    command = [sys.executable, "-m", "rftcore.cli", "serve", ENVIRONMENT, "--with", "port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


def play(environment: Environment, script: Script) -> tuple[float, float]:
    """Return the seconds that the steps took, and those of the start and the close."""
    task, actions = script
    begin = time.perf_counter()
    episode = environment.start(task)
    begun = time.perf_counter()
    for action in actions:
        episode.step(action)
    played = time.perf_counter()
    episode.close()
    return played - begun, begun - begin + time.perf_counter() - played


def each(environment: Environment, scripts: list[Script]) -> tuple[float, float]:
    """Return the milliseconds of a step, and of a start with its close, one episode after the other."""
    times = [play(environment, script) for script in scripts]
    steps = sum(len(actions) for _, actions in scripts)
    return 1000 * sum(taken for taken, _ in times) / steps, 1000 * sum(other for _, other in times) / len(scripts)


def speed(environment: Environment, scripts: list[Script], at_once: int) -> float:
    """Return the steps a second of so many episodes at once, starts and closes included."""
    begin = time.perf_counter()
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(lambda script: play(environment, script), scripts))
    return sum(len(actions) for _, actions in scripts) / (time.perf_counter() - begin)


def main() -> None:
    """Measure and print the result."""
    local: Environment = registry.create("environment", ENVIRONMENT)
    with serving() as url:
        remote: Environment = registry.create("environment", "remote", {"url": url})
        tasks = remote.tasks("train", local.difficulties[0])[:TASKS]
        scripts = [(task, tuple(local.oracle(task))) for task in tasks]
        each(remote, scripts)  # builds what a process builds once
        here, there = zip(*((each(local, scripts), each(remote, scripts)) for _ in range(REPEATS)), strict=True)
        speeds = {count: [speed(remote, scripts, count) for _ in range(REPEATS)] for count in (1, AT_ONCE)}
    found = {
        key: {"local": median(row[place] for row in here), "remote": median(row[place] for row in there)}
        for place, key in enumerate(("step", "start"))
    }
    line = {
        "benchmark": "serving",
        "milliseconds": {key: {side: round(taken, 3) for side, taken in row.items()} for key, row in found.items()},
        "ratios": {key: round(row["remote"] / row["local"], 1) for key, row in found.items()},
        "steps_per_second": {f"{count} at once": round(median(row)) for count, row in speeds.items()},
        "detail": {
            "environment": ENVIRONMENT,
            "episodes": len(scripts),
            "steps": sum(len(actions) for _, actions in scripts),
            "repeats": REPEATS,
            "step_ms_fastest": round(min(row[0] for row in there), 3),
            "step_ms_slowest": round(max(row[0] for row in there), 3),
        },
    }
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
