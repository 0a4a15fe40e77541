"""Several replicas as one: an episode keeps to the replica that has its context cached, until that one fails.

A replica that fails is left out at once, and asked for its health until it is well again; then it gets the present
weights before the first question. A question that failed goes to another replica. When none is there it waits for one,
for as long as an answer may take. One that each replica answers with nonsense is lost at once, and the last of them
stays: it may be the question. `stop` ends all of that.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from rftcore.errors import RunError
from rftcore.sampler import SamplerFailure
from rftcore_vllm.protocol import Answer, Question
from rftcore_vllm.replica import Gone, Nonsense, Replica

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
"""Seconds between two questions for the health of a replica that failed: doubled each time."""


class Fleet:
    """Chooses a replica for each question. Used from one event loop."""

    def __init__(self, replicas: Sequence[Replica], ready: Callable[[Replica], Awaitable[bool]]) -> None:
        """`ready` says whether a replica that had failed is well again and has the present weights."""
        self.replicas = list(replicas)
        self._ready = ready
        self._up = asyncio.Condition()
        self._down: dict[Replica, asyncio.Task[None]] = {}
        self._homes: dict[int, Replica] = {}
        self.failed = 0
        """Questions that a replica failed to answer."""
        self.reasons: dict[str, str] = {}
        """By URL, why a replica was left out, the last time."""
        self._stopped = ""
        """Why nobody is asked any more."""

    @property
    def up(self) -> list[Replica]:
        """Those that can be asked."""
        return [replica for replica in self.replicas if replica not in self._down]

    async def ask(self, conversation: int, question: Question, *, timeout: float) -> Answer:
        """Return the answer of some replica.

        Raises SamplerFailure or TimeoutError when none has answered in time, or one with nonsense and no other can be
        asked; RunError when one refused the question or the fleet was stopped.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        asked = set[Replica]()
        while True:
            replica = await self._home(conversation, deadline)
            try:
                answer = await replica.ask(question, timeout=timeout, conversation=conversation)
            except (Gone, TimeoutError) as error:
                self.failed += 1
                asked.add(replica)
                if isinstance(error, Nonsense) and asked.issuperset(self.up):
                    raise  # and the last one stays: it may be the question, and others are answered well
                self.leave(replica, str(error))
                if not self.up and asyncio.get_running_loop().time() >= deadline:
                    raise
            else:
                replica.deaths = 0
                return answer

    def release(self, conversation: int) -> None:
        """Forget where a conversation was."""
        self._homes.pop(conversation, None)

    def leave(self, replica: Replica, reason: str) -> None:
        """Ask no more of a replica until it is well again."""
        self.reasons[replica.url] = reason
        if replica not in self._down:
            self._down[replica] = asyncio.get_running_loop().create_task(self._wait_for(replica))
            self._homes = {number: home for number, home in self._homes.items() if home is not replica}

    async def stop(self, reason: str) -> None:
        """Let every question from now on, and all that wait for a replica, raise RunError with that message."""
        self._stopped = reason
        async with self._up:
            self._up.notify_all()

    async def somebody(self, deadline: float) -> None:
        """Wait until a replica can be asked.

        Raises SamplerFailure at `deadline`, in the loop's time, and RunError when the fleet was stopped.
        """
        try:
            if not self._stopped and not self.up:
                async with asyncio.timeout_at(deadline), self._up:
                    await self._up.wait_for(lambda: bool(self._stopped or self.up))
        except TimeoutError:
            # Without a cause: nobody was asked who might have been slow.
            reasons = "; ".join(self.reasons[replica.url] for replica in self._down)
            raise SamplerFailure(f"none of {len(self.replicas)} replicas can be asked: {reasons}") from None
        if self._stopped:
            raise RunError(self._stopped)

    async def _home(self, conversation: int, deadline: float) -> Replica:
        """Return the replica of a conversation; of a new one, that with the fewest."""
        await self.somebody(deadline)
        if conversation not in self._homes:
            loads = Counter(self._homes.values())
            self._homes[conversation] = min(self.up, key=lambda replica: loads[replica])
        return self._homes[conversation]

    async def _wait_for(self, replica: Replica) -> None:
        pause = FIRST_PAUSE
        while not self._stopped:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                if await self._ready(replica):
                    break
            except Exception as error:  # whatever is wrong with it, it stays out and is asked again
                self.reasons[replica.url] = str(error)
        else:
            return
        del self._down[replica]
        async with self._up:
            self._up.notify_all()
