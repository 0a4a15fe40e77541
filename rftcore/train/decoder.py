"""One forward step over a slot-based KV cache, in two forms.

A slot is one conversation's row in the cache. A step appends `ids` (ragged, padded on the right) at given positions of
given slots and returns hidden states. `FusedDecoder` reads the weights of the Llama family (Llama, Qwen2, Mistral) and
spends few operations a layer, which decides the speed of small models. `GenericDecoder` runs any Hugging Face causal
LM over the same cache.

Padding is harmless: a padded token writes behind the true end of its slot, where the next append overwrites it, and no
true token attends to it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
import torch.nn.functional as F
from transformers import Cache

_FUSABLE = {"llama", "qwen2", "mistral"}


class Decoder(ABC):
    """Forward steps of one model over its cache `keys`/`values`: [layers][slots, kv_heads, max_context, head_dim]."""

    def __init__(self, model: Any, slots: int, max_context: int) -> None:
        config = model.config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        parameter = next(model.parameters())
        shape = (slots, heads, max_context, width)
        self.device, self.dtype = parameter.device, parameter.dtype
        self.keys = [torch.zeros(shape, dtype=self.dtype, device=self.device) for _ in range(config.num_hidden_layers)]
        self.values = [torch.zeros_like(key) for key in self.keys]

    @abstractmethod
    def load(self, model: Any) -> None:
        """Take the present weights of `model`."""

    @abstractmethod
    def hidden(self, ids: torch.Tensor, positions: torch.Tensor, slots: torch.Tensor, span: int) -> torch.Tensor:
        """Append `ids` [B, T] at `positions` [B, T] of `slots` [B]; return hidden states [B, T, width].

        `span` bounds the positions: keys before it are attended to, those after it are not touched.
        """

    @abstractmethod
    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return float32 logits [B, vocabulary] of hidden states [B, width]."""

    def copy(self, source: int, targets: torch.Tensor, length: int) -> None:
        """Copy the first `length` cached tokens of slot `source` to the slots `targets`."""
        for cache in (*self.keys, *self.values):
            cache[targets, :, :length] = cache[source, :, :length]

    def _write(
        self, layer: int, keys: torch.Tensor, values: torch.Tensor, positions: torch.Tensor, slots: torch.Tensor, span: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store keys and values [B, heads, T, width]; return all of those slots up to `span`, [B, heads, span, width]."""
        rows = slots[:, None].expand_as(positions)
        cached_keys, cached_values = self.keys[layer], self.values[layer]
        cached_keys[rows, :, positions] = keys.transpose(1, 2)
        cached_values[rows, :, positions] = values.transpose(1, 2)
        if self._contiguous:
            first, count = self._range
            return cached_keys[first : first + count, :, :span], cached_values[first : first + count, :, :span]
        # index_select copies three times as fast as indexing with a tensor
        return cached_keys[:, :, :span].index_select(0, slots), cached_values[:, :, :span].index_select(0, slots)

    def _arrange(self, slots: torch.Tensor) -> None:
        """Note whether `slots` is a gapless ascending range: then the cache is viewed, not copied."""
        first, count = int(slots[0]), len(slots)
        self._range = (first, count)
        self._contiguous = bool((slots == torch.arange(first, first + count, device=slots.device)).all())


class FusedDecoder(Decoder):
    """Llama-family forward with fused projections: rms norm, rotary positions, gated silu MLP."""

    def __init__(self, model: Any, slots: int, max_context: int) -> None:
        super().__init__(model, slots, max_context)
        config = model.config
        self._heads, self._kv_heads = config.num_attention_heads, self.keys[0].shape[1]
        self._width, self._eps = self.keys[0].shape[3], config.rms_norm_eps
        probe = torch.zeros(1, max_context, 1, dtype=self.dtype, device=self.device)
        body = model.get_base_model().model if hasattr(model, "peft_config") else model.model
        cos, sin = body.rotary_emb(probe, torch.arange(max_context, device=self.device)[None])
        half = self._width // 2
        self._cos = cos[0]
        # rotate_half as one multiplication: the sign of the first half is folded into the table
        self._sin = torch.cat([-sin[0][:, :half], sin[0][:, half:]], dim=-1)
        self.load(model)

    @staticmethod
    def fits(model: Any) -> bool:
        """Whether `model` is of a form that this forward reproduces exactly."""
        config = model.config
        rope = getattr(config, "rope_parameters", None) or {}
        return (
            config.model_type in _FUSABLE
            and config.hidden_act == "silu"
            and rope.get("rope_type", "default") == "default"
            and not getattr(config, "use_sliding_window", False)
            and (config.model_type != "mistral" or getattr(config, "sliding_window", None) is None)
        )

    @torch.no_grad()
    def load(self, model: Any) -> None:
        def join(*parts: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
            weight = torch.cat([_merged(part) for part in parts]).detach().clone()
            bias = None if parts[0].bias is None else torch.cat([part.bias for part in parts]).detach().clone()
            return weight, bias

        model = model.get_base_model() if hasattr(model, "peft_config") else model
        body = model.model
        self._embed = body.embed_tokens.weight.detach().clone()
        self._head = self._embed if model.config.tie_word_embeddings else model.lm_head.weight.detach().clone()
        self._norm = body.norm.weight.detach().clone()
        self._layers = [
            (
                layer.input_layernorm.weight.detach().clone(),
                join(layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj),
                join(layer.self_attn.o_proj),
                layer.post_attention_layernorm.weight.detach().clone(),
                join(layer.mlp.gate_proj, layer.mlp.up_proj),
                join(layer.mlp.down_proj),
            )
            for layer in body.layers
        ]

    def hidden(self, ids: torch.Tensor, positions: torch.Tensor, slots: torch.Tensor, span: int) -> torch.Tensor:
        self._arrange(slots)
        rows, length = ids.shape
        heads, kv_heads, width = self._heads, self._kv_heads, self._width
        sizes = [heads * width, kv_heads * width, kv_heads * width]
        half = width // 2
        cos, sin = self._cos[positions].unsqueeze(1), self._sin[positions].unsqueeze(1)
        mask = torch.arange(span, device=self.device)[None, None, None, :] <= positions[:, None, :, None]
        x = F.embedding(ids, self._embed)
        for index, (norm_in, qkv, out, norm_mlp, gate_up, down) in enumerate(self._layers):
            h = F.rms_norm(x, (x.shape[-1],), norm_in, self._eps)
            q, k, v = F.linear(h, *qkv).split(sizes, -1)
            q = q.view(rows, length, heads, width).transpose(1, 2)
            k = k.view(rows, length, kv_heads, width).transpose(1, 2)
            v = v.view(rows, length, kv_heads, width).transpose(1, 2)
            q = q * cos + torch.cat([q[..., half:], q[..., :half]], -1) * sin
            k = k * cos + torch.cat([k[..., half:], k[..., :half]], -1) * sin
            keys, values = self._write(index, k, v, positions, slots, span)
            o = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, enable_gqa=heads != kv_heads)
            x = x + F.linear(o.transpose(1, 2).reshape(rows, length, heads * width), *out)
            h = F.rms_norm(x, (x.shape[-1],), norm_mlp, self._eps)
            gate, up = F.linear(h, *gate_up).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, *down)
        return x

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return F.linear(F.rms_norm(hidden, (hidden.shape[-1],), self._norm, self._eps), self._head).float()


def _merged(linear: Any) -> torch.Tensor:
    """Return the weight of a linear layer with its LoRA deltas added, leaving the layer as it is."""
    weight: torch.Tensor = linear.weight
    for adapter in getattr(linear, "active_adapters", ()):
        weight = weight + linear.get_delta_weight(adapter)
    return weight


class _SlotCache(Cache):  # type: ignore[misc]
    """Hands a Hugging Face model the slots of one step."""

    def __init__(self, decoder: GenericDecoder) -> None:
        super().__init__(layers=[])
        self._decoder = decoder
        self.step: tuple[torch.Tensor, torch.Tensor, int]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return self._decoder._write(layer_idx, key_states, value_states, *self.step)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return 0


class GenericDecoder(Decoder):
    """Any Hugging Face causal LM with ordinary attention; the model itself holds the weights."""

    def __init__(self, model: Any, slots: int, max_context: int) -> None:
        super().__init__(model, slots, max_context)
        self._cache = _SlotCache(self)
        self.load(model)

    def load(self, model: Any) -> None:
        self._model = model

    def hidden(self, ids: torch.Tensor, positions: torch.Tensor, slots: torch.Tensor, span: int) -> torch.Tensor:
        self._arrange(slots)
        self._cache.step = (positions, slots, span)
        mask = torch.arange(span, device=self.device)[None, None, None, :] <= positions[:, None, :, None]
        bias = torch.zeros(mask.shape, dtype=self.dtype, device=self.device).masked_fill_(~mask, torch.finfo(self.dtype).min)
        output = self._model(
            input_ids=ids, attention_mask=bias, position_ids=positions, past_key_values=self._cache, use_cache=True
        )
        return output.logits  # type: ignore[no-any-return]

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden.float()


def make_decoder(model: Any, slots: int, max_context: int) -> Decoder:
    """Return the fastest decoder that reproduces `model` exactly."""
    kind = FusedDecoder if FusedDecoder.fits(model) else GenericDecoder
    return kind(model, slots, max_context)
