"""The replicas of one run: connected, given weights, compared with the learner, and brought back when they fail.

New weights and a replica's return exclude each other: no replica is asked before it has the present weights and was
compared with the learner.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from rftcore.errors import ConfigError, RunError
from rftcore.sampler import SamplerFailure
from rftcore_vllm.config import ServerConfig
from rftcore_vllm.fleet import Fleet
from rftcore_vllm.probe import Probe
from rftcore_vllm.protocol import Answer, Question
from rftcore_vllm.replica import POLL, Failed, Gone, Replica
from rftcore_vllm.server import Server
from rftcore_vllm.transfer import Transfer
from rftcore_vllm.waiting import told
from rftcore_vllm.weights import Weights, load

DEATHS = 3
"""How often a server that this process started may end without an answer to an episode in between; each start takes
minutes, and the next one would end as the others did."""

ADVICE = (
    "Mend what it names (memory: fewer sampler.lanes, a shorter sampler.max_context, another --gpu-memory-utilization "
    "in sampler.arguments; a signal: see the machine's log), then resume the run"
)

IDLE = 2.0
"""Seconds after which a connection is not used again: `vllm serve` closes those that were idle for 5, and a question
that meets the close looks like a replica that died."""


class Replicas:
    """Used from one event loop."""

    def __init__(
        self,
        urls: Sequence[str],
        servers: Sequence[Server],
        probe: Probe,
        config: ServerConfig,
        start: Path,
        transfer: Transfer | None = None,
    ) -> None:
        """`servers` are those of `urls` that this process started, in their order, or none; `start` is the model that
        one can be started with.

        `transfer` sends new weights; None: replicas read them. One that comes back reads them always, because the
        learner may be changing its own.
        """
        self._transfer = transfer
        self._urls, self._config, self._probe, self._start = urls, config, probe, start
        self._servers = dict(zip(urls, servers, strict=False))
        self._weights: Weights | None = None
        self._lock = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        self.gap = 0.0
        """Largest difference between the logprobs of a replica and of the learner at the last comparison."""

    async def connect(self) -> int:
        """Wait for all of them; return the longest context that all can take.

        Raises as `Replica.connect` does, and RunError when a server of ours ends by itself, or was killed DEATHS times.
        """
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE)
        session = self._session = aiohttp.ClientSession(connector=connector)
        self._fleet = Fleet([Replica(url, session) for url in self._urls], self._ready)
        meetings = {replica: asyncio.ensure_future(self._meet(replica)) for replica in self._fleet.replicas}
        connecting = asyncio.gather(*meetings.values())

        def waited_for() -> Iterator[tuple[str, str]]:
            yield from (self._known(replica) for replica, meeting in meetings.items() if not meeting.done())

        try:
            async with told(waited_for):
                while not connecting.done():
                    for replica in self._fleet.replicas:
                        self._start_again(replica)
                    await asyncio.wait([connecting], timeout=POLL)
        except BaseException:
            connecting.cancel()
            raise
        await connecting
        for server in self._servers.values():  # one may have been lent while it started again
            server.settle()
        return min(replica.max_context or self._config.max_context for replica in self._fleet.replicas)

    async def ask(self, conversation: int, question: Question) -> Answer:
        """Return the answer of some replica; raises as `Fleet.ask` does, RunError when a server died for good."""
        return await self._fleet.ask(conversation, question, timeout=self._config.timeout)

    def release(self, conversation: int) -> None:
        """Forget where a conversation was."""
        self._fleet.release(conversation)

    async def bring(self, weights: Weights, model: Any) -> None:
        """Bring new weights into effect on every replica that is there, and compare each with `model`, which has them.

        Raises RunError when one refuses them or differs, when none is there in time, or when a server died for good.
        """
        deadline = asyncio.get_running_loop().time() + self._config.start_timeout
        self._probe.forget()
        while True:
            async with self._lock:
                self._weights = weights
                await asyncio.gather(*(self._bring_one(replica, weights, model) for replica in self._fleet.up))
                for replica in self._fleet.up:
                    await self._compare(replica, model)
            if self._fleet.up:
                return
            try:
                async with told(lambda: map(self._known, self._fleet.replicas)):
                    await self._fleet.somebody(deadline)
            except SamplerFailure as error:
                raise RunError(
                    f"no replica has taken the new weights: {error}. Mend that or start the servers again, then resume"
                ) from error

    async def sleep(self, level: int) -> None:
        """Let every replica free memory of its GPU. Raises RunError when one is not there."""
        await self._everywhere("/sleep", {"level": str(level)})

    async def wake(self) -> None:
        """Let every replica take it again. Raises RunError when one is not there."""
        await self._everywhere("/wake_up")

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()

    async def _everywhere(self, path: str, query: Mapping[str, str] | None = None) -> None:
        for replica in self._fleet.replicas:
            try:
                await replica.call("POST", path, timeout=self._config.start_timeout, query=query)
            except (SamplerFailure, TimeoutError) as error:
                raise RunError(f"{replica.url}{path} failed: {error}") from error

    async def _meet(self, replica: Replica) -> None:
        try:
            await replica.connect(timeout=self._config.start_timeout)
        except ConfigError as error:
            server = self._servers.get(replica.url)
            if server is None:
                raise
            raise ConfigError(f"{error}. The last that it printed:\n{server.said()}") from error

    def _known(self, replica: Replica) -> tuple[str, str]:
        """Return the URL of a replica that is waited for, and what is known of it."""
        server = self._servers.get(replica.url)
        if server is None:
            return replica.url, self._fleet.reasons.get(replica.url) or replica.trouble or "it does not answer"
        return replica.url, f"its last line: {server.last() or 'nothing yet'}"

    async def _bring_one(self, replica: Replica, weights: Weights, model: Any) -> None:
        if weights.tag == replica.tag:
            return
        timeout, transfer = self._config.start_timeout, self._transfer
        send = None if transfer is None else partial(transfer.send, model=model, timeout=timeout)
        try:
            await load(replica, weights, timeout=timeout, send=send)
        except Failed as error:
            raise RunError(f"{error}. This replica cannot take the weights of this run; see its own log") from error
        except (Gone, TimeoutError) as error:
            self._fleet.leave(replica, str(error))

    async def _compare(self, replica: Replica, model: Any) -> None:
        try:
            answers = await self._probe.ask(replica, timeout=self._config.timeout)
        except Failed as error:
            raise RunError(
                f"{error}. This replica cannot sample with the weights of this run; see its own log"
            ) from error
        except (Gone, TimeoutError) as error:
            self._fleet.leave(replica, str(error))
            return
        self.gap = await asyncio.to_thread(self._probe.compare, model, replica.url, answers)

    def _start_again(self, replica: Replica) -> None:
        """Start a server that a signal has ended while it was waited for; what ends by itself would do so again."""
        server = self._servers.get(replica.url)
        if server is None or server.alive:
            return
        replica.deaths += 1
        if replica.deaths == DEATHS or not server.killed:
            raise RunError(server.death())
        server.start(self._start)

    async def _ready(self, replica: Replica) -> bool:
        """Whether a replica is well; start it again if it is ours and died, and give it the present weights."""
        server = self._servers.get(replica.url)
        if server is not None and not server.alive and self._weights is not None:
            replica.deaths += server.died  # a start that could not be made is none
            if replica.deaths == DEATHS:
                await self._fleet.stop(
                    f"a server died {DEATHS} times, and answered no episode in between; it is not started again. "
                    f"{server.death()}\n{ADVICE}"
                )
                return False
            async with self._lock:  # the weights stay while it gets names of its own for them
                await _through(server.start, self._weights.start, passing=self._weights.base is None)
        if not await replica.healthy(timeout=5.0):
            return False
        if server is not None:
            server.settle()
        async with self._lock:
            if self._weights is not None:
                replica.base = None
                await load(replica, self._weights, timeout=self._config.start_timeout)
                await self._probe.again(replica, timeout=self._config.timeout)
        return True


async def _through(function: Callable[..., object], *arguments: object, **options: object) -> None:
    """Run `function` in a thread, to its end even when this is cancelled: nobody else knows what it makes."""
    running = asyncio.get_running_loop().run_in_executor(None, partial(function, *arguments, **options))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.gather(running, return_exceptions=True)
        raise
