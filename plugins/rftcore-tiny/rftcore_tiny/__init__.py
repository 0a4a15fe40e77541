"""The weights of the embedded policy `rftcore/tiny`, and the one command that makes them again."""

from __future__ import annotations

from pathlib import Path

SHA256 = "26d5db7ea57b99d23f7f9df9c68ef2a15fe535c8ad6cf78b66f506d155a87bf4"
"""sha256 of `model.safetensors`, as `python -m rftcore_tiny.build` made it."""


def folder() -> Path:
    """Return the Hugging Face folder of the model: configuration, tokenizer and float16 weights."""
    return Path(__file__).parent / "model"
