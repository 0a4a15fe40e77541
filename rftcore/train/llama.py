"""The forward of the Llama family over one flat stream of tokens, for sampler and learner alike.

Llama, Qwen2 and Mistral differ from each other in nothing that matters here. The stream holds the tokens of many
contexts one behind the other, without padding; whoever calls says how tokens attend to each other. In the last layer
only the tokens whose predictions are wanted go on: a shallow model saves a large part of its work by that.

It refuses models whose forward it would not reproduce (`Llama.fits`); those go through their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

Attend = Callable[[int, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""`(layer, queries [M, heads, width], keys [N, kv_heads, width], values) -> [M, heads, width]`.

M is N but for the last layer, where it may be less.
"""

_TYPES = {"llama", "qwen2", "mistral"}
_ROPES = {"default", "linear", "llama3", "yarn"}
"""Rotary embeddings whose frequencies do not depend on the length of the context."""

Affine = tuple[torch.Tensor, torch.Tensor | None]


@dataclass(slots=True)
class _Layer:
    norm_attention: torch.Tensor
    qkv: Affine
    out: Affine
    norm_mlp: torch.Tensor
    gate_up: Affine
    down: Affine


class Llama:
    """The weights of one model, arranged for the forward.

    A `frozen` one is a copy: training the model does not change it, and LoRA deltas are merged into it. Otherwise
    gradients flow to the model's parameters, and the arrangement is good for one backward pass.
    """

    @staticmethod
    def fits(model: Any) -> bool:
        """Whether this forward reproduces that of `model`, an unwrapped Hugging Face model, perhaps with LoRA."""
        config: Any = getattr(model, "config", None)
        if getattr(config, "model_type", None) not in _TYPES:
            return False
        adapters = getattr(model, "peft_config", {}).values()
        windows = getattr(config, "layer_types", None) or []
        return (
            all(a.peft_type == "LORA" and not a.use_dora and not a.modules_to_save for a in adapters)
            and config.hidden_act == "silu"
            and (config.rope_parameters or {}).get("rope_type", "default") in _ROPES
            and "sliding_attention" not in windows
            and (config.model_type != "mistral" or config.sliding_window is None)
        )

    def __init__(self, model: Any, *, frozen: bool) -> None:
        model = _inner(model)
        config, body = model.config, model.model
        self.heads: int = config.num_attention_heads
        self.kv_heads: int = config.num_key_value_heads
        self.width: int = getattr(config, "head_dim", None) or config.hidden_size // self.heads
        self.depth = len(body.layers)
        self._eps: float = config.rms_norm_eps
        self._frequencies = body.rotary_emb.inv_freq.float()
        self._amplitude = float(body.rotary_emb.attention_scaling)
        keep = torch.Tensor.clone if frozen else _itself
        with torch.set_grad_enabled(not frozen):
            # A rotation turns the pair (i, i + width / 2). Reordering the rows of queries and keys alike makes pairs
            # neighbours, so that one complex multiplication rotates all; their scalar products stay as they are.
            half = self.width // 2
            pairs = torch.arange(self.width).view(2, half).t().flatten()
            rows = (torch.arange(self.heads + self.kv_heads)[:, None] * self.width + pairs).flatten()
            rest = torch.arange(self.kv_heads * self.width) + len(rows)
            order = torch.cat([rows, rest]).to(body.embed_tokens.weight.device)
            self.embedding: torch.Tensor = keep(body.embed_tokens.weight)
            head = _merged(model.lm_head)
            self._head = self.embedding if head is body.embed_tokens.weight else keep(head)
            self._norm = keep(body.norm.weight)
            self._layers = []
            for layer in body.layers:
                attention, mlp = layer.self_attn, layer.mlp
                weight, bias = _joined(attention.q_proj, attention.k_proj, attention.v_proj)
                self._layers.append(
                    _Layer(
                        keep(layer.input_layernorm.weight),
                        (weight[order], None if bias is None else bias[order]),
                        _kept(keep, _joined(attention.o_proj)),
                        keep(layer.post_attention_layernorm.weight),
                        _kept(keep, _joined(mlp.gate_proj, mlp.up_proj)),
                        _kept(keep, _joined(mlp.down_proj)),
                    )
                )

    def hidden(self, ids: torch.Tensor, positions: torch.Tensor, last: torch.Tensor, attend: Attend) -> torch.Tensor:
        """Return the final hidden states [M, hidden] of the tokens at the ascending places `last` [M] of the stream.

        `ids` [N] are tokens and `positions` [N] their places in their own contexts.
        """
        angles = positions[:, None].float() * self._frequencies
        turns = torch.polar(torch.full_like(angles, self._amplitude), angles)[:, None]
        queries_wide, keys_wide = self.heads * self.width, self.kv_heads * self.width
        x = F.embedding(ids, self.embedding)
        for index, layer in enumerate(self._layers):
            h = _normalized(x, layer.norm_attention, self._eps)
            weight, bias = layer.qkv
            if index < self.depth - 1:
                qk, v = F.linear(h, weight, bias).split([queries_wide + keys_wide, keys_wide], -1)
                q, k = self._rotated(qk, turns).split([self.heads, self.kv_heads], 1)
            else:
                q_bias, kv_bias = (None, None) if bias is None else bias.split([queries_wide, 2 * keys_wide])
                q_weight, kv_weight = weight.split([queries_wide, 2 * keys_wide])
                q = self._rotated(F.linear(h[last], q_weight, q_bias), turns[last])
                k, v = F.linear(h, kv_weight, kv_bias).chunk(2, -1)
                k = self._rotated(k, turns)
                x = x[last]
            o = attend(index, q, k, v.unflatten(-1, (self.kv_heads, self.width)))
            x = x + F.linear(o.reshape(len(o), queries_wide), *layer.out)
            h = _normalized(x, layer.norm_mlp, self._eps)
            gate, up = F.linear(h, *layer.gate_up).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, *layer.down)
        return x

    def normalized(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return final hidden states as the head of the model gets them."""
        return _normalized(hidden, self._norm, self._eps)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return float32 logits [M, vocabulary] of final hidden states."""
        return F.linear(self.normalized(hidden), self._head).float()

    def _rotated(self, flat: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
        """Rotate [N, heads * width] by `turns` [N, 1, width / 2]; return [N, heads, width]."""
        pairs = flat.float().unflatten(-1, (-1, self.width // 2, 2))
        return torch.view_as_real(torch.view_as_complex(pairs) * turns).flatten(-2).type_as(flat)


class _Normalize(torch.autograd.Function):
    """Root mean square norm whose backward pass takes a third of the time of the one that autograd derives."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        scale = (x.square().mean(-1, keepdim=True) + eps).rsqrt_()
        unit = x * scale
        ctx.save_for_backward(unit, scale, weight)
        return unit * weight

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        (gradient,) = gradients
        unit, scale, weight = ctx.saved_tensors
        along = gradient * unit
        mean = (along @ weight)[:, None] / unit.shape[-1]
        return torch.addcmul(gradient * weight, unit, mean, value=-1).mul_(scale), along.sum(0), None


def _normalized(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    if torch.is_grad_enabled():
        return _Normalize.apply(x, weight, eps)  # type: ignore[no-any-return]
    return F.rms_norm(x, weight.shape, weight, eps)


def _inner(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "peft_config") else model


def _itself(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


def _kept(keep: Callable[[torch.Tensor], torch.Tensor], affine: Affine) -> Affine:
    weight, bias = affine
    return keep(weight), None if bias is None else keep(bias)


def _joined(*linears: Any) -> Affine:
    """Return weight and bias of linear layers with one input, stacked."""
    weights = [_merged(linear) for linear in linears]
    if linears[0].bias is None:
        return torch.cat(weights) if len(weights) > 1 else weights[0], None
    return torch.cat(weights), torch.cat([linear.bias for linear in linears])


def _merged(linear: Any) -> torch.Tensor:
    """Return the weight of a linear layer with its LoRA deltas added, leaving the layer as it is."""
    weight: torch.Tensor = linear.weight
    for adapter in getattr(linear, "active_adapters", ()):
        weight = weight + linear.get_delta_weight(adapter)
    return weight
