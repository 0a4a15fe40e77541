"""The sampler `vllm`: a real engine in this process; `make test-vllm` runs this, and needs vLLM.

The name is not one that pytest collects by itself: in an environment without vLLM there is nothing to be tested here.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Callable, Iterator
from typing import Any

import learner
import pytest
from across import answers_across, gaps

from rftcore.errors import RunError
from rftcore.sampler import Completion, Request
from rftcore.train.sampler import checksum
from rftcore_vllm.inprocess import VllmSampler

CLOSE = 1e-4
PROMPT = [5, 9, 13, 40, 2, 33, 21, 8]


@pytest.fixture(scope="module")
def sampler(build: Callable[..., Any]) -> Iterator[VllmSampler]:
    """One engine for all tests of this file; each begins with a sync."""
    made = VllmSampler(model=build(), max_context=512)
    yield made
    asyncio.run(made.close())


def ask(number: int, ids: list[int], *, keep: int = 0, tokens: int = 12, temperature: float = 1.0) -> Request:
    return Request(number, keep, tuple(ids), random.Random(number), temperature, tokens, frozenset())


def answers(sampler: VllmSampler, *requests: Request) -> list[Completion]:
    async def together() -> list[Completion]:
        return await asyncio.gather(*(sampler.sample(request) for request in requests))

    return asyncio.run(together())


@pytest.mark.parametrize("temperature", [1.0, 0.7, 0.0])
def test_logprobs_are_those_of_the_learner_after_each_sync(
    temperature: float, sampler: VllmSampler, build: Callable[..., Any]
) -> None:
    for seed in (1, 2):
        model = build(seed)
        sampler.sync(model, seed)
        for completion in answers(sampler, *(ask(n, PROMPT, temperature=temperature) for n in range(8))):
            assert completion.logprobs == pytest.approx(
                learner.logprobs(model, PROMPT, completion, temperature), abs=CLOSE
            )
            assert completion.checksum == checksum([*PROMPT, *completion.token_ids])
            assert (completion.version, completion.versions) == (seed, ())


def test_an_answer_across_a_sync_tells_the_version_of_each_token_and_its_logprob_under_that(
    sampler: VllmSampler, build: Callable[..., Any]
) -> None:
    models = build(), build(1)
    sampler.sync(models[0], 4)
    mixed = answers_across(sampler, lambda number, tokens: ask(number, PROMPT, tokens=tokens), models)
    assert mixed, "no answer was being sampled when the weights changed"
    for completion in mixed:
        kept, other = gaps(completion, [learner.logprobs(model, PROMPT, completion) for model in models])
        assert max(kept) < CLOSE < 0.1 < max(other)


def test_nothing_is_sampled_while_asleep(sampler: VllmSampler) -> None:
    engine: Any = sampler._answering
    before = answers(sampler, ask(0, PROMPT))[0]
    sampler.sleep()
    assert sampler._held.loop.wait(engine._llm.is_sleeping())
    with pytest.raises(RunError, match="asleep and cannot sample"):
        answers(sampler, ask(0, PROMPT))
    sampler.wake()
    assert not sampler._held.loop.wait(engine._llm.is_sleeping())
    assert answers(sampler, ask(0, PROMPT))[0].token_ids == before.token_ids


def test_an_answer_that_takes_too_long_is_a_timeout_and_leaves_the_engine_well(sampler: VllmSampler) -> None:
    engine: Any = sampler._answering
    usual = engine._config
    engine._config = usual.model_copy(update={"timeout": 0.02})
    with pytest.raises(TimeoutError, match="did not answer within"):
        answers(sampler, ask(1, PROMPT, tokens=480))
    engine._config = usual
    assert len(answers(sampler, ask(2, PROMPT))[0].token_ids) == 12


def test_an_engine_that_is_killed_as_it_takes_new_weights_stops_the_run(
    sampler: VllmSampler, build: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine: Any = sampler._answering
    reload = engine._llm.collective_rpc

    async def killed(*arguments: Any, **options: Any) -> Any:
        call = asyncio.ensure_future(reload(*arguments, **options))
        await asyncio.sleep(0)  # it is sent, and under way
        for process in engine._llm.engine_core.resources.engine_manager.processes:
            os.kill(process.pid, signal.SIGKILL)
        return await call

    monkeypatch.setattr(engine._llm, "collective_rpc", killed)
    with pytest.raises(RunError, match="vLLM's engine is dead; resume the run"):
        sampler.sync(build(1), 9)
