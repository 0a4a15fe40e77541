"""The contract server: the HTTP of `vllm serve` as far as rftcore speaks to it, over core's own decoder.

It answers with the JSON that a real server was seen to answer with. As a program it stands in for `vllm`:

    contract_server.py serve MODEL --port PORT ...

and with VLLM_BATCH_INVARIANT=1, as there, an answer depends on nothing but the question and the weights.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from aiohttp import web
from contract_engine import CONTEXT, Engine, Running
from transformers import Qwen2ForCausalLM

from rftcore.eventloop import LoopThread
from rftcore.train.checkpoint import load_model

GUARDED = ("/v1", "/v2", "/inference", "/cohere")
"""Routes that ask for the key begin with one of these; the others are open."""

LOADING = threading.Lock()
"""transformers cannot load two models in two threads at once."""


class ContractServer:
    """`vllm serve` as far as rftcore speaks to it, with the ways to fail that a test needs."""

    def __init__(
        self, model: Any, *, key: str = "", generates: bool = True, stale_head: bool = False, invariant: bool = False
    ) -> None:
        self.engines = {"policy": Engine(model, invariant=invariant)}
        self.base, self.key, self.generates, self.stale_head = model, key, generates, stale_head
        self.tag, self.paused, self.asleep, self.hangs, self.fails = "default", False, False, False, 0
        self.dev = True
        """Whether it was started with VLLM_SERVER_DEV_MODE=1."""
        self.mute = ""
        """A path whose answers tell nothing, as those of a proxy that knows it not."""
        self.waits = False
        """Whether it samples nothing until it is resumed, and does not say so."""
        self.extended = True
        """Whether its workers have the extension."""
        self.transfers: Any = None
        """What it was started with to take weights by."""
        self.calls: list[tuple[str, Any]] = []
        """Every request but those for health: its path and its JSON."""
        self.idle = float("inf")
        """Seconds after which a connection that nobody used is broken off when it is used again: what a client sees
        whose question meets the close."""
        self.garbles: Callable[[Any], Any] = lambda found: found
        """What becomes of the JSON of an answer on its way."""
        self.answered: list[Running] = []
        self.last = 0
        """How many answers it gives before it dies; 0: any number."""
        self.port = 0
        self._loop = LoopThread("contract-server")
        self._runner: web.AppRunner | None = None
        self._pump: asyncio.Task[None] | None = None
        self._used: dict[int, float] = {}
        self._news = asyncio.Event()  # set where there may be something to sample again

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._loop.wait(self._start())

    def kill(self) -> None:
        """Break off all connections and stop listening, in the middle of whatever is being answered."""
        self._loop.wait(self._kill())

    def close(self) -> None:
        self.kill()
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application(middlewares=[self._guard])
        routes: dict[str, Callable[[web.Request, Any], Any]] = {
            "GET /v1/models": self._models,
            "POST /v1/completions": self._completions,
            "POST /pause": self._pause,
            "POST /resume": self._resume,
            "GET /is_paused": lambda request, body: {"is_paused": self.paused or self.asleep},
            "POST /abort_requests": self._abort,
            "POST /collective_rpc": self._rpc,
            "POST /update_weight_version": self._mark,
            "GET /weight_info": lambda request, body: {"weight_version": self.tag},
            "POST /reset_prefix_cache": self._empty,
            "POST /sleep": self._sleep,
            "POST /wake_up": self._wake,
            "GET /is_sleeping": lambda request, body: {"is_sleeping": self.asleep or self.paused},
            "POST /v1/load_lora_adapter": self._load_adapter,
            "GET /get_world_size": lambda request, body: {"world_size": 2},
            "POST /init_weight_transfer_engine": self._meet,
            "POST /start_weight_update": lambda request, body: {"message": "Weight update started"},
            "POST /update_weights": lambda request, body: {"message": "Weights updated"},
            "POST /finish_weight_update": lambda request, body: {"message": "Weight update finished"},
        }
        if self.generates:
            routes["POST /inference/v1/generate"] = self._generate
        app.router.add_get("/health", self._health)
        for route, answer in routes.items():
            method, path = route.split()
            app.router.add_route(method, path, self._answering(answer))
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._pump = asyncio.get_running_loop().create_task(self._steps())

    async def _kill(self) -> None:
        if self._runner is None or self._pump is None:
            return
        runner, self._runner = self._runner, None
        self._pump.cancel()
        assert runner.server is not None
        for connection in list(runner.server.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await runner.cleanup()
        for engine in self.engines.values():
            engine.running = []

    async def _steps(self) -> None:
        while True:
            self._news.clear()
            ready = not (self.paused or self.asleep or self.hangs or self.waits)
            busy = [engine for engine in self.engines.values() if ready and engine.running]
            for engine in busy:
                engine.step(self.tag)
            await (asyncio.sleep(0) if busy else self._news.wait())

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.hangs:
            await asyncio.sleep(60)
        assert request.transport is not None
        port = request.transport.get_extra_info("peername")[1]
        if time.monotonic() > self._used.get(port, float("inf")) + self.idle:
            request.transport.abort()
        known = request.headers.get("Authorization") == f"Bearer {self.key}"
        if self.key and request.path.startswith(GUARDED) and not known:
            return web.json_response({"error": "Unauthorized"}, status=401)
        if not self.dev and not request.path.startswith((*GUARDED, "/health")):
            return web.json_response({"detail": "Not Found"}, status=404)
        try:
            return await handler(request)  # type: ignore[no-any-return]
        finally:
            self._used[port] = time.monotonic()

    def _answering(self, answer: Callable[[web.Request, Any], Any]) -> Any:
        async def handle(request: web.Request) -> web.Response:
            body = await request.json() if request.can_read_body else None
            self.calls.append((request.path, body))
            found = {} if request.path == self.mute else answer(request, body)
            found = await found if asyncio.iscoroutine(found) else found
            if isinstance(found, dict) and "choices" in found:
                found = self.garbles(found)
            return found if isinstance(found, web.Response) else web.json_response(found)

        return handle

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response()

    def _models(self, request: web.Request, body: Any) -> Any:
        listed = [{"id": name, "object": "model", "max_model_len": CONTEXT} for name in self.engines]
        return {"object": "list", "data": listed}

    async def _generate(self, request: web.Request, body: Any) -> Any:
        if "token_ids" not in body or "sampling_params" not in body:
            return _error(
                400, "BadRequestError", "1 validation error: {'type': 'missing', 'loc': ('body', 'token_ids')}"
            )
        found = await self._answer(body["model"], body["token_ids"], body["sampling_params"])
        if isinstance(found, web.Response):
            return found
        content = [
            {
                "token_id": token,
                "logprob": logprob,
                "rank": 1,
                "top_logprobs": [{"token_id": token, "logprob": logprob}],
            }
            for token, logprob in zip(found.token_ids, found.logprobs, strict=True)
        ]
        choice = {**_choice(found), "logprobs": {"content": content}, "weight_versions": _spans(found.tags)}
        prompt = found.context[: -len(found.token_ids) or None]
        return {
            "request_id": "generate-tokens-0",
            "model": body["model"],
            "created": 0,
            "usage": _usage(found, len(prompt)),
            "output_mode": "tokens",
            "choices": [choice],
            "prompt_token_ids": prompt if body.get("return_token_ids") else None,
        }

    async def _completions(self, request: web.Request, body: Any) -> Any:
        (prompt,) = body["prompt"]
        found = await self._answer(body["model"], prompt, body)
        if isinstance(found, web.Response):
            return found
        logprobs = {
            "text_offset": [0] * len(found.token_ids),
            "token_logprobs": found.logprobs,
            "tokens": [f"token_id:{token}" for token in found.token_ids],
            "top_logprobs": [{f"token_id:{t}": p} for t, p in zip(found.token_ids, found.logprobs, strict=True)],
        }
        choice = {
            **_choice(found),
            "text": "",
            "logprobs": logprobs,
            "prompt_logprobs": None,
            "prompt_token_ids": prompt,
        }
        return {
            "id": "cmpl-0",
            "object": "text_completion",
            "created": 0,
            "model": body["model"],
            "choices": [choice],
            "usage": _usage(found, len(prompt)),
        }

    async def _answer(self, model: str, prompt: list[int], parameters: dict[str, Any]) -> Running | web.Response:
        if self.fails:
            self.fails -= 1
            return _error(500, "InternalServerError", "EngineCore encountered an issue")
        if model not in self.engines:
            return _error(404, "NotFoundError", f"The model `{model}` does not exist.")
        if len(prompt) >= CONTEXT:
            return _error(400, "BadRequestError", f"This model's maximum context length is {CONTEXT} tokens.")
        engine = self.engines[model]
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        async with engine.room:
            found = engine.start(prompt, parameters, done)
            self._news.set()
            try:
                await done
            finally:
                if not found.reason:  # the client is gone
                    engine.finish(found, "abort")
        self.answered.append(found)
        if len(self.answered) == self.last:
            self._dying = asyncio.get_running_loop().create_task(self._kill())
        return found

    async def _pause(self, request: web.Request, body: Any) -> Any:
        mode = request.query.get("mode", "abort")
        for engine in self.engines.values():
            while mode == "wait" and engine.running:
                await asyncio.sleep(0.001)
            for running in engine.running if mode == "abort" else []:
                engine.finish(running, "abort")
        self.paused = True
        return {"status": "paused"}

    def _resume(self, request: web.Request, body: Any) -> Any:
        self.paused = self.waits = False
        self._news.set()
        return {"status": "resumed"}

    def _abort(self, request: web.Request, body: Any) -> Any:
        running = [(engine, request) for engine in self.engines.values() for request in engine.running]
        for engine, found in running:
            engine.finish(found, "abort")
        return {"status": "aborted", "aborted": len(running)}

    def _rpc(self, request: web.Request, body: Any) -> Any:
        if body["method"] == "rftcore_refresh_head" and self.extended:
            self.engines["policy"].decoder.load(self.base)
            return {"results": ["True"]}
        if body["method"] != "reload_weights":
            return _error(500, "InternalServerError", f"'Worker' object has no attribute '{body['method']}'")
        try:
            with LOADING:
                loaded = load_model(Path(body["kwargs"]["weights_path"]))
        except Exception as error:
            return _error(500, "InternalServerError", f"Call to collective_rpc method failed: {error}")
        if self.stale_head:
            old = self.base.lm_head.weight
            self.base = loaded
            with LOADING:
                mixed = load_model(Path(body["kwargs"]["weights_path"]))
            mixed.lm_head.weight = torch.nn.Parameter(old.detach().clone())
            loaded = mixed
        else:
            self.base = loaded
        self.engines["policy"].decoder.load(loaded)
        return {"results": [None]}

    def _meet(self, request: web.Request, body: Any) -> Any:
        if self.transfers is None:
            why = "Weight transfer not configured. Please set weight_transfer_config to enable weight transfer."
            return _error(500, "InternalServerError", f"Call to collective_rpc method failed: {why}")
        return {"message": "Weight transfer initialized"}

    def _mark(self, request: web.Request, body: Any) -> Any:
        self.tag = body["new_version"]
        return {"success": True, "new_version": self.tag}

    def _empty(self, request: web.Request, body: Any) -> Any:
        running_too = request.query.get("reset_running_requests") == "true"
        emptied = [engine.empty(running_too) for engine in self.engines.values()]
        return {"success": all(emptied)}

    def _sleep(self, request: web.Request, body: Any) -> Any:
        self.asleep = True
        return {"status": "sleeping", "level": int(request.query.get("level", "1"))}

    def _wake(self, request: web.Request, body: Any) -> Any:
        self.asleep = self.paused = False
        self._news.set()
        return {"status": "awake", "tags": None}

    def _load_adapter(self, request: web.Request, body: Any) -> Any:
        from peft import PeftModel

        plain = Qwen2ForCausalLM(self.base.config).eval()
        plain.load_state_dict(self.base.state_dict())
        merged = PeftModel.from_pretrained(plain, body["lora_path"]).merge_and_unload()
        name = body["lora_name"]
        if name not in self.engines:
            self.engines[name] = Engine(merged)
        elif body["load_inplace"]:
            self.engines[name].decoder.load(merged)
        else:
            return _error(400, "InvalidUserInput", f"The lora adapter '{name}' has already been loaded.")
        return web.Response(body=f"Success: LoRA adapter '{name}' added successfully.".encode())


def _choice(found: Running) -> dict[str, Any]:
    return {"index": 0, "finish_reason": found.reason, "stop_reason": None, "token_ids": found.token_ids}


def _spans(tags: list[str]) -> list[dict[str, Any]]:
    """Return runs of equal tags, as vLLM's `WeightVersionSpan`."""
    starts = [index for index, tag in enumerate(tags) if index == 0 or tags[index - 1] != tag]
    ends = [*starts[1:], len(tags)]
    return [{"version": tags[start], "start": start, "end": end} for start, end in zip(starts, ends, strict=True)]


def _usage(found: Running, prompt: int) -> dict[str, Any]:
    count = len(found.token_ids)
    cached = {"cached_tokens": found.reused}
    return {
        "prompt_tokens": prompt,
        "total_tokens": prompt + count,
        "completion_tokens": count,
        "prompt_tokens_details": cached,
    }


def _error(status: int, kind: str, message: str) -> web.Response:
    content = {"error": {"message": message, "type": kind, "param": None, "code": status}}
    return web.json_response(content, status=status)


def main(arguments: list[str]) -> None:
    """Serve the model that the second argument names, until a signal ends it."""
    torch.set_num_threads(1)
    invariant = os.environ.get("VLLM_BATCH_INVARIANT") == "1"
    server = ContractServer(load_model(Path(arguments[1])), key=os.environ.get("VLLM_API_KEY", ""), invariant=invariant)
    server.port = int(arguments[arguments.index("--port") + 1])
    server.start()
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
