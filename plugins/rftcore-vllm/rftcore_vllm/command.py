"""With which arguments a `vllm serve` is started that rftcore is to sample from."""

from __future__ import annotations

from typing import Any

LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Those that vLLM knows."""


def arguments(model: Any, *, max_context: int) -> tuple[str, ...]:
    """Return the arguments after `vllm serve MODEL` for a model like `model`, a Hugging Face one."""
    parameter = next(model.parameters())
    chosen = [
        "--served-model-name=policy",
        f"--dtype={str(parameter.dtype).removeprefix('torch.')}",
        f"--max-model-len={max_context}",
        "--enable-scale-out",  # tokens in and out, with the version of the weights for each
        "--skip-tokenizer-init",
        "--logprobs-mode=processed_logprobs",  # at the sampling temperature
        "--generation-config=vllm",
        "--enable-prefix-caching",
        "--enable-prompt-tokens-details",  # how many were cached
        "--worker-extension-cls=rftcore_vllm.worker.Extension",
        "--disable-uvicorn-access-log",
    ]
    if parameter.device.type == "cpu":
        # The generator of a request with a seed cannot go back on a CPU, which ends vLLM 0.32 where it splits a prompt.
        chosen += ["--enforce-eager", "--no-enable-chunked-prefill"]
    else:
        chosen += ["--enable-sleep-mode"]  # without it `sleep` frees nothing; a server on a CPU refuses it
    if hasattr(model, "peft_config"):
        chosen += ["--enable-lora", f"--max-lora-rank={lora_rank(model)}", "--max-loras=1"]
    return tuple(chosen)


def lora_rank(model: Any) -> int:
    """Return the least rank that vLLM knows and the adapters of `model` fit in."""
    rank = max(config.r for config in model.peft_config.values())
    return next((known for known in LORA_RANKS if known >= rank), rank)
