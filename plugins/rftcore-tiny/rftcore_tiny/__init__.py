"""The weights of the embedded policy `rftcore/tiny`, and the one command that makes them again."""

from __future__ import annotations

from pathlib import Path

SHA256 = "352203c47aa9a59e40dc9aa75784a2105c31d7f429394e9380ae975d563f8006"
"""sha256 of `model.safetensors`, as `python -m rftcore_tiny.build` made it."""


def folder() -> Path:
    """Return the Hugging Face folder of the model: configuration, tokenizer and float16 weights."""
    return Path(__file__).parent / "model"
