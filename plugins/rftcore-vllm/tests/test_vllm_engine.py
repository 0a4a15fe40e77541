"""The sampler `vllm` over a stand-in for vLLM, whose engine dies: `real_engine.py` kills a real one."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from rftcore.errors import RunError
from rftcore.sampler import SamplerFailure
from rftcore_vllm.engine import Engine
from rftcore_vllm.inprocess import VllmSampler
from rftcore_vllm.protocol import Question


class EngineDeadError(Exception):
    """As vLLM's own."""


class AsyncLLM:
    """vLLM's, as far as a sync, `sleep` and `wake` ask it; `dies` says where."""

    model_config = SimpleNamespace(max_model_len=512)
    dies = ""
    errored = False
    spans: Any = None

    @classmethod
    def from_engine_args(cls, arguments: Any) -> AsyncLLM:
        return cls()

    async def _call(self, what: str) -> None:
        if self.errored:
            raise EngineDeadError("EngineCore encountered an issue")
        if what == self.dies:
            self.errored = True
            await asyncio.Event().wait()  # nobody answers what it died of

    async def pause_generation(self, mode: str) -> None:
        await self._call("pause")

    async def resume_generation(self) -> None:
        await self._call("resume")

    async def collective_rpc(self, method: str, **options: Any) -> None:
        await self._call(method)

    async def generate(self, prompt: Any, parameters: Any, name: str, **options: Any) -> AsyncIterator[Any]:
        logprobs = [{7: SimpleNamespace(logprob=-0.5)}]
        choice = SimpleNamespace(token_ids=[7], logprobs=logprobs, weight_versions=self.spans, finish_reason="length")
        yield SimpleNamespace(prompt_token_ids=prompt["prompt_token_ids"], outputs=[choice])

    async def sleep(self, level: int) -> None:
        await self._call("sleep")

    async def wake_up(self) -> None:
        await self._call("wake_up")

    def shutdown(self) -> None:
        pass


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    parts: dict[str, dict[str, Any]] = {
        "vllm": {"AsyncEngineArgs": dict, "SamplingParams": dict},
        "vllm.sampling_params": {"RequestOutputKind": SimpleNamespace(FINAL_ONLY=2)},
        "vllm.v1": {},
        "vllm.v1.engine": {},
        "vllm.v1.engine.async_llm": {"AsyncLLM": AsyncLLM},
        "vllm.v1.engine.exceptions": {"EngineDeadError": EngineDeadError},
        "vllm.lora": {},
        "vllm.lora.request": {"LoRARequest": object},
    }
    for name, content in parts.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize("last", ["pause", "reload_weights", "resume"])
def test_an_engine_that_dies_of_new_weights_stops_the_run(
    last: str, build: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AsyncLLM, "dies", last)
    with pytest.raises(RunError, match="vLLM's engine is dead; resume the run"):
        VllmSampler(model=build())


@pytest.mark.parametrize("verb", ["bring", "sleep", "wake"])
def test_an_engine_that_is_dead_stops_the_run_whatever_it_is_told(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine: Any = object.__new__(Engine)
    engine._llm = AsyncLLM()
    engine._llm.errored = True
    given = {"bring": (SimpleNamespace(base=None, folder="weights"), None), "sleep": (1,), "wake": ()}[verb]
    with pytest.raises(RunError, match="vLLM's engine is dead; resume the run: EngineCore encountered an issue"):
        asyncio.run(getattr(engine, verb)(*given))


def test_an_answer_has_the_weights_that_made_it_or_is_lost() -> None:
    engine: Any = object.__new__(Engine)
    engine._llm, engine._numbers, engine._adapter = AsyncLLM(), itertools.count(), None
    engine._config = SimpleNamespace(timeout=60.0)
    question = Question([5, 6], 1.0, 1, (), 0)
    engine._llm.spans = [SimpleNamespace(version="a", start=0, end=1)]
    assert asyncio.run(engine.ask(0, question)).tags == ["a"]
    engine._llm.spans = None
    with pytest.raises(SamplerFailure, match="does not tell which weights made its answer"):
        asyncio.run(engine.ask(0, question))
