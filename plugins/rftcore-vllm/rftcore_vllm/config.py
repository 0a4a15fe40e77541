"""Options of the samplers on vLLM. Free of torch and of vLLM: they are checked before anything heavy is imported."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator, model_validator

from rftcore.errors import ConfigError
from rftcore.sampler import Sampler
from rftcore_vllm.program import find_program


class EngineConfig(Sampler.Config):
    """Options of the sampler `vllm`."""

    arguments: dict[str, JsonValue] = Field(default={})
    """Further ones of vLLM's `AsyncEngineArgs`, such as `{gpu_memory_utilization: 0.4}`."""
    lanes: int = Field(default=256, ge=1)
    """Episodes that are played at once."""
    max_context: int = Field(default=2048, ge=16)
    """Longest context in tokens, answer included; a shorter limit of the model holds."""
    timeout: float = Field(default=300.0, gt=0)
    """Seconds that an answer may take."""
    folder: str | None = None
    """Where weights are written for the engine; None: a temporary folder."""
    tolerance: float | None = Field(default=None, gt=0)
    """Largest difference of logprobs between the engine and the learner after new weights; None: 0.001 for a model in
    float32, 0.5 for one in half precision."""


class ServerConfig(Sampler.Config):
    """Options of the sampler `vllm-server`."""

    urls: tuple[str, ...] = ()
    """Replicas that run already, such as `http://node1:8000`, for this run alone; none: replicas are started here."""
    replicas: int = Field(default=1, ge=1)
    """How many are started here, when no `urls` are given."""
    arguments: tuple[str, ...] = ()
    """Further arguments of `vllm serve` for those, such as `--tensor-parallel-size=2`."""
    lanes: int = Field(default=256, ge=1)
    """Episodes that are played at once."""
    max_context: int = Field(default=2048, ge=16)
    """Longest context in tokens, answer included; a shorter limit of the model or of a replica holds."""
    timeout: float = Field(default=300.0, gt=0)
    """Seconds that an answer may take on one replica, and that an answer waits while no replica is there."""
    start_timeout: float = Field(default=1800.0, gt=0)
    """Seconds until a replica has to be ready, and new weights in effect."""
    folder: str | None = None
    """Where weights are written for the replicas, on a file system that they see under the same path; None: a temporary
    folder of this machine."""
    transfer: Literal["folder", "nccl"] = "folder"
    """How replicas get new weights: they read them from the folder, or the learner's GPU sends them."""
    tolerance: float | None = Field(default=None, gt=0)
    """Largest difference of logprobs between a replica and the learner after new weights; None: 0.001 for a model in
    float32, 0.5 for one in half precision."""

    @field_validator("urls")
    @classmethod
    def _plain(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for url in value:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in parts.netloc:
                raise ValueError("each as http://HOST:PORT or https://HOST:PORT, without user, password or query")
        return value

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if self.urls and (self.replicas != 1 or self.arguments):
            raise ValueError("either urls of replicas that run, or replicas and arguments of those to start")
        if self.transfer == "nccl" and not self.urls:
            raise ValueError("transfer nccl needs urls of replicas on GPUs of their own; those started here share ours")
        return self

    def check_here(self) -> None:
        """Raise ConfigError when servers are to be started and there is no program to start."""
        if not self.urls:
            find_program()

    def check_side_by_side(self, jobs: int) -> None:
        """Raise ConfigError when several would put their weights into the same replicas."""
        if self.urls and jobs > 1:
            raise ConfigError(
                f"sampler.urls: found replicas for {jobs} jobs or processes at once, expected one: each puts its own "
                "weights into them. Do one job at a time (executor=inline, or --jobs 1), in one process; several runs, "
                "each with replicas of its own, go side by side"
            )
