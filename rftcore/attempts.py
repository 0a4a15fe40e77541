"""Whose failure an exception is, how often an episode that failed is tried again, and a look at one outside a rollout.

An environment may raise anything: it runs code of others, which exits, is cancelled, or panics. All of that is a
failure of the one episode. What is written for a person ends the run, and what interrupts this process is no failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from rftcore.environment import Environment, Episode
from rftcore.errors import EpisodeError, Interruption, RftError
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Status

T = TypeVar("T")

ATTEMPTS = 3
"""Fresh episodes that are tried before a failure of the machine masks the sample, or stops a run that only begins."""


def fails_episode(failure: BaseException) -> bool:
    """Whether it is a failure of an episode, so that whoever meets it is to go on without raising it.

    It is none when a person is to read it, when it interrupts this process, or when it cancels the present task of
    asyncio, which somebody asked for. A CancelledError that nobody asked for is another's, such as a connection's.
    """
    if isinstance(failure, RftError):
        return isinstance(failure, EpisodeError)
    if isinstance(failure, asyncio.CancelledError):
        return not _cancelled()
    return not isinstance(failure, KeyboardInterrupt | GeneratorExit | Interruption)


def _cancelled() -> bool:
    """Whether somebody cancels the task that this code runs in."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # there is no event loop
        return False
    return task is not None and task.cancelling() > 0


def described(failure: BaseException) -> str:
    """Return what a trajectory says of a failure."""
    return f"{type(failure).__name__}: {failure}"


def status_of(failure: BaseException, otherwise: Status) -> Status:
    """Return `timeout` when somebody waited too long, which is a `TimeoutError` or an error made of one."""
    return "timeout" if isinstance(failure, TimeoutError) or isinstance(failure.__cause__, TimeoutError) else otherwise


def closed(*held: Callable[[], None]) -> str | None:
    """Call every `close` of `held`; return what the first failure says, and None without any.

    What was played counts, whether it can be closed or not. What is no failure of an episode comes through.
    """
    said = None
    for close in held:
        try:
            close()
        except BaseException as failure:
            if not fails_episode(failure):
                raise
            said = said or described(failure)
    return said


def seen(environment: Environment, tasks: Sequence[Task], look: Callable[[Episode], T]) -> T:
    """Return what `look` returns of a fresh episode of the first of `tasks`; after a failure, of the next one's.

    After the last task comes the first again. Raises EpisodeError that names the environment when ATTEMPTS episodes
    failed, and at once whatever is no failure of an episode.
    """
    for attempt in range(ATTEMPTS):
        task = tasks[attempt % len(tasks)]
        try:
            episode = environment.start(task)
            try:
                return look(episode)
            finally:
                closed(episode.close)
        except BaseException as failure:
            if not fails_episode(failure):
                raise
            if attempt == ATTEMPTS - 1:
                raise EpisodeError(
                    f"{environment.name}: none of {ATTEMPTS} episodes could begin; the last, of {task.id}, ended with "
                    f"{described(failure)}"
                ) from failure
    raise AssertionError("every attempt returns or raises")
