"""A model that consists of nothing but a configuration and the header of its weights, small enough to count by hand."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from rftcore.shape import Shape, read_shape

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "vocab_size": 100,
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 4,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
}
LAYER = 64 + 32 + 32 + 64 + 3 * 128 + 2 * 8
"""Queries, keys, values, output; gate, up, down; two norms."""
WEIGHTS = 100 * 8 + 2 * LAYER + 8
BYTES = 4 * WEIGHTS


def write(folder: Path, tensors: dict[str, tuple[int, ...]], config: dict[str, Any] | None = None) -> Path:
    """Write a model without numbers: nobody reads them before it is loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    header = {name: {"dtype": "F32", "shape": extents, "data_offsets": [0, 0]} for name, extents in tensors.items()}
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    (folder / "config.json").write_text(json.dumps(CONFIG if config is None else config))
    return folder


def tensors() -> dict[str, tuple[int, ...]]:
    """The weights of `CONFIG`."""
    found: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (100, 8), "model.norm.weight": (8,)}
    for layer in range(2):
        parts = {
            "self_attn.q_proj": (8, 8),
            "self_attn.k_proj": (4, 8),
            "self_attn.v_proj": (4, 8),
            "self_attn.o_proj": (8, 8),
            "mlp.gate_proj": (16, 8),
            "mlp.up_proj": (16, 8),
            "mlp.down_proj": (8, 16),
            "input_layernorm": (8,),
            "post_attention_layernorm": (8,),
        }
        found |= {f"model.layers.{layer}.{name}.weight": extents for name, extents in parts.items()}
    return found


def shape(folder: Path) -> Shape:
    """The shape of `CONFIG`."""
    found = read_shape(str(write(folder, tensors())))
    assert found is not None
    return found
