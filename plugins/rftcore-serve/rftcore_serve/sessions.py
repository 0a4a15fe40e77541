"""Sessions: the episodes that are live on a server, each in a thread of its own.

There are at most so many at once, and one that nobody asks for is closed after a while. A step that takes too long
costs its session: nobody can interrupt it, so the session is given up, and counts until the step has returned.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from rftcore.environment import Episode
from rftcore.lane import Lane

T = TypeVar("T")


class Refusal(Exception):
    """A request that is not answered as it was asked: `kind` is a key of `wire.STATUS`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Session:
    """One live episode."""

    def __init__(self, name: str, owner: object) -> None:
        self.name, self.owner = name, owner
        self.lane = Lane(f"episode-{name[:6]}")
        self.episode: Episode | None = None
        self.used = time.monotonic()
        self.busy = False


class Sessions:
    """All of them. Its methods belong to one event loop."""

    def __init__(self, most: int, idle: float, deadline: float) -> None:
        """`most` at once; `idle` and `deadline` in seconds."""
        self._most, self._idle, self._deadline = most, idle, deadline
        self._live: dict[str, Session] = {}
        self._given_up: set[Session] = set()

    def __len__(self) -> int:
        return len(self._live) + len(self._given_up)

    def owners(self) -> set[object]:
        """Return what live episodes, and those given up that still run, were begun of."""
        return {session.owner for session in (*self._live.values(), *self._given_up)}

    async def begin(self, start: Callable[[], Episode], owner: object = None) -> tuple[str, Episode]:
        """Start an episode of `owner`; return its session's name. Raises Refusal, or what `start` raises."""
        if len(self) >= self._most:
            lost = f", {len(self._given_up)} of them busy beyond the deadline" if self._given_up else ""
            raise Refusal(
                "full",
                f"found {len(self)} live episodes{lost}, expected fewer than {self._most}, which is the limit; close "
                f"some, wait until idle ones are closed ({self._idle:g} s), or serve with a higher one: "
                f"--with sessions={2 * self._most}",
            )
        session = Session(secrets.token_urlsafe(16), owner)
        self._live[session.name] = session
        session.busy = True
        try:
            session.episode = await self._wait(session, session.lane.submit(start))
        except BaseException:
            if session.name in self._live:
                del self._live[session.name]
                session.lane.end()
            raise
        return session.name, session.episode

    async def ask(self, name: str, question: Callable[[Episode], T]) -> T:
        """Return what `question` finds in the episode of a session. Raises Refusal, or what `question` raises."""
        session = self._live.get(name)
        if session is None:
            raise Refusal(
                "unknown",
                f"found no episode {name[:40]!r}, expected a live one: it may have been closed, idle for "
                f"{self._idle:g} s, or begun before the server was started; start a new one",
            )
        if session.busy:
            raise Refusal("conflict", f"the episode {name!r} is busy with another request; ask again when it is done")
        session.busy = True
        return await self._wait(session, session.lane.submit(lambda: question(_of(session))))

    async def close(self, name: str) -> bool:
        """Close an episode; return whether there was one."""
        session = self._live.pop(name, None)
        if session is None:
            return False
        if session.busy:  # what is being asked is given up with it
            self._give_up(session, None)
            return True
        with contextlib.suppress(Exception):
            await asyncio.wait_for(asyncio.wrap_future(session.lane.submit(_of(session).close)), self._deadline)
        session.lane.end()
        return True

    async def sweep(self) -> None:
        """Close what is idle, for good."""
        while True:
            await asyncio.sleep(min(1.0, self._idle / 4))
            oldest = time.monotonic() - self._idle
            for session in list(self._live.values()):
                if not session.busy and session.used < oldest:
                    await self.close(session.name)

    async def end(self) -> None:
        """Close every episode."""
        await asyncio.gather(*(self.close(name) for name in list(self._live)))

    async def _wait(self, session: Session, future: Future[T]) -> T:
        """Wait for a session's work, until the deadline."""
        waiting = asyncio.wrap_future(future)
        done, _ = await asyncio.wait({waiting}, timeout=self._deadline)
        session.used, session.busy = time.monotonic(), False
        if done:
            return waiting.result()
        waiting.add_done_callback(lambda late: late.cancelled() or late.exception())  # nobody asks for it any more
        if self._live.pop(session.name, None) is not None:
            self._give_up(session, future)
        raise Refusal(
            "deadline",
            f"the environment took longer than {self._deadline:g} s, so the episode is given up; start a new one, or "
            f"serve with a later deadline: --with deadline={2 * self._deadline:g}",
        )

    def _give_up(self, session: Session, starting: Future[T] | None) -> None:
        """Close an episode as soon as its thread is free; until then it counts."""
        loop = asyncio.get_running_loop()
        self._given_up.add(session)

        def close() -> None:
            episode = session.episode
            if episode is None and starting is not None and starting.exception() is None:
                begun = starting.result()
                episode = begun if isinstance(begun, Episode) else None
            if episode is not None:
                episode.close()

        def forget(future: Future[None]) -> None:
            future.exception()
            with contextlib.suppress(RuntimeError):  # the loop may have ended before the thread was free
                loop.call_soon_threadsafe(self._given_up.discard, session)

        session.lane.submit(close).add_done_callback(forget)
        session.lane.end()


def _of(session: Session) -> Episode:
    assert session.episode is not None
    return session.episode
