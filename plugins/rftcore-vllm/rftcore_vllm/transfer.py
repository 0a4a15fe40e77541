"""New weights from the learner's GPU to those of a replica, by vLLM's NCCL transfer.

vLLM brings both sides of the broadcast. Its trainer's side asks the replica over HTTP to receive, and broadcasts
meanwhile, in a thread: the broadcast returns only when the replica has taken part. What the replica refuses therefore
ends the wait from here, and the connection is not used again.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from rftcore.errors import ConfigError, RunError
from rftcore.sampler import SamplerFailure
from rftcore_vllm.replica import Failed, Replica
from rftcore_vllm.server import free_port

Value = TypeVar("Value")


class Control:
    """What vLLM's trainer side asks of a replica: its `VLLMWeightSyncClient`, in other threads than the loop's."""

    def __init__(self, replica: Replica, *, timeout: float) -> None:
        self._replica, self._timeout = replica, timeout
        self._loop = asyncio.get_running_loop()
        self.failed: asyncio.Future[Exception] = self._loop.create_future()
        """The first failure, as soon as it is known."""

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        self._post("/init_weight_transfer_engine", {"init_info": init_info})

    def start_weight_update(self) -> None:
        self._post("/start_weight_update")

    def update_weights(self, update_info: dict[str, Any]) -> None:
        self._post("/update_weights", {"update_info": update_info})

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        self._post("/finish_weight_update", None if weight_version is None else {"weight_version": weight_version})

    def _post(self, path: str, content: Any = None) -> None:
        call = self._replica.call("POST", path, content, timeout=self._timeout)
        try:
            asyncio.run_coroutine_threadsafe(call, self._loop).result()
        except Exception as error:
            self._loop.call_soon_threadsafe(self._fail, error)
            raise

    def _fail(self, error: Exception) -> None:
        if not self.failed.done():
            self.failed.set_result(error)


class Sender(Protocol):
    """The trainer's side of one connection; used from one thread at a time."""

    def send(self, model: Any) -> None:
        """Return when the replica has the weights of `model`."""


class NcclSender:
    """vLLM's own, of release 0.28 or later."""

    def __init__(self, control: Control, model: Any, *, address: str, port: int, world_size: int) -> None:
        """Meet the replica's workers; `world_size` counts them and the learner."""
        from vllm.distributed.weight_transfer import ModuleSource
        from vllm.distributed.weight_transfer.nccl_engine import NCCLTrainerInitInfo, NCCLTrainerWeightTransferEngine

        self._source = ModuleSource
        _on_device_of(model)
        info = NCCLTrainerInitInfo(address, port, world_size, rank=0)
        self._engine = NCCLTrainerWeightTransferEngine.trainer_init(info, client=control, source=ModuleSource(model))

    def send(self, model: Any) -> None:
        _on_device_of(model)
        self._engine.source = self._source(model)
        self._engine.send_weights()


class Transfer:
    """A connection to each replica, made at the first weights and again after a failure. Used from one event loop."""

    def __init__(self, sender: Callable[..., Sender] = NcclSender) -> None:
        """`sender` has the arguments of `NcclSender`."""
        self._sender = sender
        self._links: dict[str, tuple[Control, Sender]] = {}
        self._one = asyncio.Lock()  # two broadcasts at once on one GPU may wait for each other

    async def send(self, replica: Replica, model: Any, *, timeout: float) -> None:
        """Give a replica the weights of `model`.

        Raises ConfigError when it was not started for this, RunError when it refuses or NCCL fails, SamplerFailure or
        TimeoutError when it is not there.
        """
        async with self._one:
            known = replica.url in self._links
            control, sender = self._links.pop(replica.url) if known else await self._link(replica, model, timeout)
            await _finished(control, lambda: sender.send(model), timeout)
            self._links[replica.url] = control, sender

    async def _link(self, replica: Replica, model: Any, timeout: float) -> tuple[Control, Sender]:
        workers = await replica.value("GET", "/get_world_size", "world_size", timeout=timeout)
        control = Control(replica, timeout=timeout)
        address = _address(replica.url)

        def meet() -> Sender:
            return self._sender(control, model, address=address, port=free_port(), world_size=workers + 1)

        try:
            return control, await _finished(control, meet, timeout)
        except Failed as error:
            raise ConfigError(
                f"{error}. A replica that takes weights by NCCL is started with "
                """--weight-transfer-config '{"backend": "nccl"}'; or take sampler.transfer: folder"""
            ) from error


def require_gpu(model: Any) -> None:
    """Raise ConfigError unless the weights of `model` can be sent from here."""
    advice = "; take sampler.transfer: folder"
    device = next(model.parameters()).device
    if device.type != "cuda":
        raise ConfigError(
            f"sampler.transfer: nccl moves weights between GPUs, and found the learner's on {str(device)!r}; expected "
            f"one on CUDA{advice}"
        )
    if hasattr(model, "peft_config"):
        raise ConfigError(f"sampler.transfer: nccl moves whole models, and found adapters (learner.lora){advice}")
    if find_spec("vllm") is None:
        raise ConfigError(
            f"sampler.transfer: nccl needs vLLM beside the learner, too, and found none; pip install vllm{advice}"
        )


async def _finished(control: Control, work: Callable[[], Value], timeout: float) -> Value:
    """Return what `work` returns, done in a thread; raises the first failure of `control` without waiting for it."""
    done = _in_thread(work)
    either: list[asyncio.Future[Any]] = [done, control.failed]
    await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    if control.failed.done():
        raise control.failed.result()
    if not done.done():
        raise RunError(f"weights were not sent by NCCL within {timeout:g} s; take sampler.transfer: folder")
    try:
        return done.result()
    except (RunError, SamplerFailure, TimeoutError):
        raise
    except Exception as error:
        raise RunError(
            f"weights could not be sent by NCCL: {type(error).__name__}: {error}. Learner and replicas need GPUs of "
            "their own that reach each other (NCCL_DEBUG=INFO tells more), or take sampler.transfer: folder"
        ) from error


def _in_thread(work: Callable[[], Value]) -> asyncio.Future[Value]:
    """Start `work` in a thread that holds no interpreter up: a broadcast without its replica never returns."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Value] = loop.create_future()

    def settle(set_it: Callable[[Any], None], found: Any) -> None:
        if not done.done():
            set_it(found)

    def run() -> None:
        try:
            outcome: tuple[Callable[[Any], None], Any] = (done.set_result, work())
        except Exception as error:
            outcome = (done.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, *outcome)

    done.add_done_callback(lambda future: future.cancelled() or future.exception())
    threading.Thread(target=run, name="rftcore-nccl", daemon=True).start()
    return done


def _on_device_of(model: Any) -> None:
    """Make the model's GPU the current one of this thread: vLLM opens its connection and its streams there."""
    import torch

    torch.cuda.set_device(next(model.parameters()).device)


def _address(url: str) -> str:
    """Return the address of this machine under which the host of `url` reaches it."""
    parts = urlsplit(url)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((parts.hostname or "", parts.port or 80))
        return str(probe.getsockname()[0])
