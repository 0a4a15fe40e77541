"""New weights on their way to replicas: each reads them from a folder, or is sent them.

A replica is paused meanwhile with its unfinished answers kept: they go on with the new weights, over keys and values
that are computed anew, because the prefix cache is emptied and running requests give up theirs. Adapters are loaded in
place of the ones before; the model under them stays as it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rftcore.errors import RunError
from rftcore.sampler import SamplerFailure
from rftcore_vllm.replica import Replica

ADAPTER = "rftcore"
"""What replicas call the adapters of a run."""

REFRESH = "rftcore_refresh_head"
"""Method of `rftcore_vllm.worker.Extension`, for replicas that have it."""


@dataclass(frozen=True, slots=True)
class Weights:
    """One version of them."""

    folder: Path
    tag: str
    """What replicas call the version: no other run has the same."""
    base: Path | None = None
    """Where the folder holds an adapter: the model under it."""

    @property
    def start(self) -> Path:
        """The model that a server can be started with."""
        return self.base or self.folder


async def load(
    replica: Replica, weights: Weights, *, timeout: float, send: Callable[[Replica], Awaitable[None]] | None = None
) -> None:
    """Bring weights into effect on one replica, by `send` or from their folder, and empty its prefix cache.

    Raises RunError when it refuses them, SamplerFailure or TimeoutError when it is not there, or asleep.
    """
    await replica.require_awake(timeout=timeout)
    replica.paused = True
    await replica.call("POST", "/pause", timeout=timeout, query={"mode": "keep"})
    try:
        if send is not None:
            await send(replica)
        elif weights.base is None:
            await _reload(replica, weights.folder, timeout)
        else:
            if replica.base == weights.base:
                await replica.present(timeout=timeout)  # or it is gone, and the model under the adapters with it
            else:
                await _reload(replica, weights.base, timeout)
                replica.base = weights.base
            await _load_adapter(replica, weights, timeout)
        await mark(replica, weights.tag, timeout=timeout)
    finally:
        await replica.call("POST", "/resume", timeout=timeout)
        replica.paused = False


async def mark(replica: Replica, tag: str, *, timeout: float) -> None:
    """Say which weights are in effect from here on, and empty the prefix cache of what others computed."""
    emptied = await replica.value(
        "POST",
        "/reset_prefix_cache",
        "success",
        timeout=timeout,
        query={"reset_running_requests": "true", "reset_external": "true"},
    )
    if not emptied:
        raise RunError(f"{replica.url} did not empty its prefix cache, which older weights computed; start it anew")
    replica.tags.add(tag)  # before: an answer may end meanwhile that asks which they are
    await replica.call("POST", "/update_weight_version", {"new_version": tag}, timeout=timeout)
    replica.tag = tag


async def _reload(replica: Replica, folder: Path, timeout: float) -> None:
    await rpc(replica, "reload_weights", {"weights_path": str(folder)}, timeout=timeout)
    # A server that was started without the extension has no such method; the probe tells whether it needed it.
    with contextlib.suppress(RunError, SamplerFailure):
        await rpc(replica, REFRESH, {}, timeout=timeout)


async def _load_adapter(replica: Replica, weights: Weights, timeout: float) -> None:
    content = {"lora_name": ADAPTER, "lora_path": str(weights.folder), "load_inplace": True}
    try:
        await replica.call("POST", "/v1/load_lora_adapter", content, timeout=timeout, text=True)
    except RunError as error:
        raise RunError(
            f"{error}. A server that is to take adapters is started with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and "
            "--enable-lora --max-lora-rank of at least learner.lora.rank"
        ) from error
    replica.model, replica.adapted = ADAPTER, True


async def rpc(replica: Replica, method: str, arguments: dict[str, str], *, timeout: float) -> Any:
    """Call a method of all workers of a replica."""
    content = {"method": method, "kwargs": arguments, "timeout": timeout}
    return await replica.call("POST", "/collective_rpc", content, timeout=timeout)
