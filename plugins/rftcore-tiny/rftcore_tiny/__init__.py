"""The weights of the embedded policy `rftcore/tiny`, and the one command that makes them again."""

from __future__ import annotations

from pathlib import Path

SHA256 = "a40e45b9bdc2402c8dbd43468d3d0bdf5d156cd43e015c43dccfd39ff1091812"
"""sha256 of `model.safetensors`, as `python -m rftcore_tiny.build` made it."""


def folder() -> Path:
    """Return the Hugging Face folder of the model: configuration, tokenizer and float16 weights."""
    return Path(__file__).parent / "model"
