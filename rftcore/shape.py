"""How large a model is, before it is loaded: from the headers of its weights, or from its configuration.

Free of torch. What cannot be told without loading is not guessed: a model of the hub that is neither in the local cache
nor of the Llama family has no shape, only, perhaps, a size in its name.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rftcore.errors import ConfigError
from rftcore.models import find_model
from rftcore.schemas.config import LoRA

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Of a number, by `dtype`."""

FAMILY = ("llama", "qwen2", "mistral")
"""Types whose configuration tells every weight, and that core computes with a forward of its own."""

ROPES = ("default", "linear", "llama3", "yarn")
"""Of those, the rotary embeddings that it knows."""

ADAPTER = "adapter_config.json"

BESIDE = (".json", ".jinja", ".txt", ".model")
"""Suffixes of what a checkpoint has beside its weights: configuration, tokenizer and chat template."""

UNREADABLE = (OSError, ValueError, TypeError, KeyError, AttributeError, struct.error)
"""What reading raises where a file is not what its name says. The engine says it when it loads the model."""

Tensors = Mapping[str, tuple[int, ...]]
"""The shape of each stored weight, by its name."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the memory of a model follows from."""

    tensors: Tensors
    vocabulary: int
    width: int
    """Of hidden states."""
    mlp: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    context: int | None
    """Longest context that it was made for, in tokens."""
    own_forward: bool
    """Whether core computes it with a forward of its own, for which a sampler copies the weights."""
    others: int = 0
    """Bytes of the files beside its weights, such as the tokenizer."""

    @property
    def parameters(self) -> int:
        """All weights; a head that is tied to the embedding counts once, as it is stored."""
        return sum(math.prod(extents) for extents in self.tensors.values())

    @property
    def stacked(self) -> int:
        """Weights of queries, keys, values, gate and up: those that core's own forward lays together."""
        return sum(math.prod(extents) for name, extents in self.tensors.items() if _STACKED.search(name))

    def adapter(self, config: LoRA) -> int:
        """Return the weights of LoRA adapters: rank x (in + out) for each linear layer that gets one."""
        return sum(
            config.rank * sum(extents)
            for name, extents in self.tensors.items()
            if len(extents) == 2 and _adapted(name.removesuffix(".weight"), config.targets)
        )


_STACKED = re.compile(r"\.(q|k|v|gate|up)_proj\.")
_NO_LAYER = re.compile(r"(^|\.)(embed\w*|wte|wpe|lm_head|shared)$")


def _adapted(name: str, targets: str | tuple[str, ...]) -> bool:
    if isinstance(targets, str):
        return _NO_LAYER.search(name) is None
    return any(name == target or name.endswith(f".{target}") for target in targets)


def read_shape(model: str) -> Shape | None:
    """Return the shape of a model as a configuration names it; None where it cannot be told. An adapter has its base's.

    Raises ConfigError as `find_model` does.
    """
    found = find_model(model)
    try:
        if not isinstance(found, Path):
            return _of_hub(found)
        if (found / ADAPTER).is_file():
            return _of_base(found / ADAPTER)
        tensors = {name: extents for file in _weights(found) for name, extents in _header(file).items()}
        others = sum(file.stat().st_size for file in found.iterdir() if file.suffix in BESIDE and file.is_file())
        return _shape(json.loads((found / "config.json").read_text(encoding="utf-8")), tensors, others)
    except UNREADABLE:
        return None


def count_parameters(model: str) -> int | None:
    """Return a model's parameters from its shape, or from a name such as `Qwen2.5-7B`; None when neither tells."""
    shape = read_shape(model)
    if shape is not None:
        return shape.parameters
    size = re.search(r"(?<![\w.])(\d+(?:\.\d+)?)([BM])(?![a-z])", model.replace("-", " "), re.IGNORECASE)
    return int(float(size[1]) * {"B": 1e9, "M": 1e6}[size[2].upper()]) if size else None


def _of_base(file: Path) -> Shape | None:
    """Return the shape of the model that an adapter was trained on."""
    try:
        return read_shape(str(json.loads(file.read_text(encoding="utf-8")).get("base_model_name_or_path")))
    except ConfigError:  # the engine says it when it loads the adapter
        return None


def _weights(folder: Path) -> list[Path]:
    """Return the files that transformers loads: one, or those of an index. Others may lie beside them."""
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if whole.is_file():
        return [whole]
    if not index.is_file():
        return []
    return [folder / name for name in sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))]


def _of_hub(name: str) -> Shape | None:
    """Read the configuration of a hub's model in the local cache; asks no network."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        file = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        return None
    return _shape(json.loads(Path(file).read_text(encoding="utf-8")), {}, 0) if isinstance(file, str) else None


def _shape(config: Mapping[str, Any], tensors: Tensors, others: int) -> Shape | None:
    """Return the shape that a `config.json` describes; its weights, if none are given, from the family's layout."""
    named: dict[str, tuple[str, ...]] = {
        "width": ("hidden_size", "n_embd"),
        "layers": ("num_hidden_layers", "n_layer"),
        "heads": ("num_attention_heads", "n_head"),
        "vocabulary": ("vocab_size",),
    }
    text = config.get("text_config") or config
    found = {key: next((text[name] for name in names if text.get(name)), None) for key, names in named.items()}
    if not all(isinstance(value, int) for value in found.values()):
        return None
    width, layers, heads, vocabulary = (int(found[key] or 0) for key in ("width", "layers", "heads", "vocabulary"))
    family = text.get("model_type") in FAMILY
    shape = Shape(
        tensors,
        vocabulary,
        width,
        mlp=int(text.get("intermediate_size") or text.get("n_inner") or 4 * width),
        layers=layers,
        heads=heads,
        kv_heads=int(text.get("num_key_value_heads") or heads),
        head_width=int(text.get("head_dim") or width // heads),
        context=int(text.get("max_position_embeddings") or text.get("n_positions") or 0) or None,
        own_forward=family and _is_ours(text),
        others=others,
    )
    if tensors:
        return shape
    return _filled(shape, text) if family else None


def _is_ours(config: Mapping[str, Any]) -> bool:
    """Whether core computes such a model of the family itself, as `rftcore.train.llama` says of a loaded one."""
    turns = config.get("rope_parameters") or config.get("rope_scaling") or {}
    windowed = config.get("use_sliding_window", config["model_type"] == "mistral") and config.get("sliding_window")
    rope = turns.get("rope_type", turns.get("type", "default"))
    return config.get("hidden_act", "silu") == "silu" and rope in ROPES and not windowed


def _filled(shape: Shape, config: Mapping[str, Any]) -> Shape:
    """Return `shape` with the weights that transformers makes for this configuration of the Llama family."""
    queries, keys = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    biased = config.get("attention_bias", config["model_type"] == "qwen2")
    tensors: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (shape.vocabulary, shape.width)}
    for layer in range(shape.layers):
        at = f"model.layers.{layer}."
        for name, out in (("q", queries), ("k", keys), ("v", keys)):
            tensors[f"{at}self_attn.{name}_proj.weight"] = (out, shape.width)
            if biased:
                tensors[f"{at}self_attn.{name}_proj.bias"] = (out,)
        tensors[f"{at}self_attn.o_proj.weight"] = (shape.width, queries)
        for name in ("gate", "up"):
            tensors[f"{at}mlp.{name}_proj.weight"] = (shape.mlp, shape.width)
        tensors[f"{at}mlp.down_proj.weight"] = (shape.width, shape.mlp)
        for name in ("input", "post_attention"):
            tensors[f"{at}{name}_layernorm.weight"] = (shape.width,)
    tensors["model.norm.weight"] = (shape.width,)
    if not config.get("tie_word_embeddings", False):
        tensors["lm_head.weight"] = (shape.vocabulary, shape.width)
    return replace(shape, tensors=tensors)


def _header(file: Path) -> Tensors:
    """Return the shapes in a safetensors file, from its first bytes."""
    with file.open("rb") as weights:
        (length,) = struct.unpack("<Q", weights.read(8))
        header: dict[str, Any] = json.loads(weights.read(min(length, 1 << 26)))
    return {name: tuple(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__"}
