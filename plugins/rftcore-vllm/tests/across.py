"""Answers that are being sampled when new weights come, for the tests of both samplers.

Whether one is under way just then is the clock's. With a model this small a real server on busy cores samples faster
than it talks: it hands over all answers in one breath, and takes the order to pause in the next, when the engine has
nothing left to do. So the order is given shortly after answers came, and weights come again and again, those of two
models in turn, until some came in the middle of an answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from unittest.mock import patch

from rftcore.sampler import Completion, Request

LANES, SYNCS = 4, 24


def answers_across(sampler: Any, ask: Callable[[int, int], Request], models: Sequence[Any]) -> list[Completion]:
    """Return answers with tokens of several versions, none after 24 syncs; an even version is of the first model.

    `ask` makes a question of its number and the length of its answer. The sampler begins with an even version.
    """
    found: list[Completion] = []
    over = False

    async def lane(first: int) -> None:
        for number in count(first, LANES):
            found.append(await sampler.sample(ask(number, 480 - 60 * first)))
            if over:
                return

    async def lanes() -> None:
        await asyncio.gather(*map(lane, range(LANES)))

    with ThreadPoolExecutor(1) as pool:
        rollout = pool.submit(lambda: asyncio.run(lanes()))

        def mixed() -> list[Completion]:
            return [completion for completion in found if completion.versions]

        def wait(answers: int) -> None:
            end = len(found) + answers
            while len(found) < end and not rollout.done() and not mixed():
                time.sleep(0.01)

        write = sampler._write

        def written(model: Any, version: int) -> Any:
            """Write the weights, and return when there are new questions."""
            weights = write(model, version)
            wait(1)
            time.sleep(0.02 * (version % 5))
            return weights

        try:
            for version in range(sampler.version + 1, sampler.version + 1 + SYNCS):
                with patch.object(sampler, "_write", written):
                    sampler.sync(models[version % 2], version)
                wait(2 * LANES)
                if rollout.done() or mixed():
                    break
        finally:
            over = True
        rollout.result()
    return mixed()


def gaps(completion: Completion, own: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Return how far each token's logprob is from that of the model of its version, and from the other's.

    `own` is what each model says of the tokens.
    """
    assert list(completion.versions) == sorted(completion.versions)
    assert completion.version == completion.versions[-1]
    told = list(zip(completion.versions, completion.logprobs, *own, strict=True))
    kept = [abs(pair[version % 2] - logprob) for version, logprob, *pair in told]
    return kept, [abs(pair[1 - version % 2] - logprob) for version, logprob, *pair in told]
