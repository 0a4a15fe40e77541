"""From GGUF to a Hugging Face folder: configuration, weights, tokenizer, chat template. Needs no transformers.

Two things would go wrong in silence. llama.cpp keeps the rows of queries and keys in the order of its own rotary
embedding, so they are put back. And GGUF only names the rule by which text is cut before the merges ("smollm": single
digits, then GPT-2's), so the rule stands here; a tokenizer guessed from the model's type would cut numbers otherwise.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from rftcore_smollm2_135m.gguf import GGUF, Weights

_CONTROL = 3
"""Type of a token that no text is ever cut into."""

_NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def convert(source: GGUF, folder: Path) -> None:
    """Write `config.json`, `generation_config.json`, float16 weights and the tokenizer to an existing `folder`.

    Raises ValueError when `source` is not a Llama with tied embeddings and this tokenizer.
    """
    meta = source.metadata
    found = (meta["general.architecture"], meta["tokenizer.ggml.pre"], "output.weight" in source.names)
    if found != ("llama", "smollm", False):
        raise ValueError(f"expected a llama with tied embeddings and the tokenizer smollm, found {found}")
    _write(folder / "config.json", _config(meta))
    ends = {key: meta[f"tokenizer.ggml.{key}"] for key in ("bos_token_id", "eos_token_id")}
    _write(folder / "generation_config.json", ends | {"pad_token_id": meta["tokenizer.ggml.padding_token_id"]})
    save_file(_weights(source), folder / "model.safetensors", metadata={"format": "pt"})
    _tokenizer(meta).save(str(folder / "tokenizer.json"))
    _write(folder / "tokenizer_config.json", _tokenizer_config(meta))
    (folder / "chat_template.jinja").write_text(meta["tokenizer.chat_template"], encoding="utf-8")


def _config(meta: dict[str, Any]) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float16",
        "vocab_size": meta["llama.vocab_size"],
        "hidden_size": meta["llama.embedding_length"],
        "intermediate_size": meta["llama.feed_forward_length"],
        "num_hidden_layers": meta["llama.block_count"],
        "num_attention_heads": meta["llama.attention.head_count"],
        "num_key_value_heads": meta["llama.attention.head_count_kv"],
        "max_position_embeddings": meta["llama.context_length"],
        "hidden_act": "silu",
        "rms_norm_eps": float(f"{meta['llama.attention.layer_norm_rms_epsilon']:.6g}"),  # 1e-05 was kept in 32 bits
        "rope_parameters": {"rope_type": "default", "rope_theta": meta["llama.rope.freq_base"]},
        "tie_word_embeddings": True,
        "bos_token_id": meta["tokenizer.ggml.bos_token_id"],
        "eos_token_id": meta["tokenizer.ggml.eos_token_id"],
        "pad_token_id": meta["tokenizer.ggml.padding_token_id"],
    }


def _weights(source: GGUF) -> dict[str, NDArray[np.float16]]:
    heads = {
        "attn_q": source.metadata["llama.attention.head_count"],
        "attn_k": source.metadata["llama.attention.head_count_kv"],
    }
    weights: dict[str, NDArray[np.float16]] = {}
    for name in source.names:
        tensor = source.tensor(name)
        if name == "token_embd.weight":
            key = "model.embed_tokens.weight"
        elif name == "output_norm.weight":
            key = "model.norm.weight"
        else:
            _, layer, part, _ = name.split(".")
            key = f"model.layers.{layer}.{_NAMES[part]}.weight"
            if part in heads:
                tensor = _halves(tensor, heads[part])
        weights[key] = np.ascontiguousarray(tensor, np.float16)
    return weights


def _halves(rows: Weights, heads: int) -> Weights:
    """Put the rows of each head from pairs of neighbours to a first and a second half, which rotate together."""
    return rows.reshape(heads, -1, 2, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def _tokenizer(meta: dict[str, Any]) -> Tokenizer:
    tokens = meta["tokenizer.ggml.tokens"]
    merges = [(left, right) for left, right in (merge.split(" ") for merge in meta["tokenizer.ggml.merges"])]
    made = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in _controls(meta)])
    return made


def _tokenizer_config(meta: dict[str, Any]) -> dict[str, Any]:
    named = {"bos_token": "bos", "eos_token": "eos", "pad_token": "padding", "unk_token": "unknown"}
    tokens = meta["tokenizer.ggml.tokens"]
    special = {name: tokens[meta[f"tokenizer.ggml.{key}_token_id"]] for name, key in named.items()}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": meta["llama.context_length"],
        "clean_up_tokenization_spaces": False,
        **special,
        "extra_special_tokens": [token for token in _controls(meta) if token not in special.values()],
    }


def _controls(meta: dict[str, Any]) -> list[str]:
    kinds = meta["tokenizer.ggml.token_type"]
    return [token for token, kind in zip(meta["tokenizer.ggml.tokens"], kinds, strict=True) if kind == _CONTROL]


def _write(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=1), encoding="utf-8")
