"""What memory a job takes at its peak, from the shape of its model and from how long its rows may get.

What is kept all through a job is counted exactly: weights, the sampler's copy of them, gradients, AdamW's averages, a
start policy, a critic, keys and values. On top comes the largest of what is there only for a while: a forward and
backward pass, an optimizer step, new weights for the sampler. The low end takes what is certain, the high end what the
configuration allows. `benchmarks/memory.py` holds both ends against the peaks of real processes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rftcore import launch, registry
from rftcore.estimate import Length, Range
from rftcore.schemas.config import HFSamplerConfig, Settings
from rftcore.shape import BYTES, Shape, read_shape

PROCESS = Range(4e8, 1e9)
"""Python with torch, transformers, an environment and all that a run imports, without a model: 0.42 GB after the
imports and 0.92 GB at the end of a run with a model of 1 million weights (`benchmarks/memory.py`)."""

CONTEXT = Range(3e8, 1.5e9)
"""What CUDA itself takes of a GPU's memory for one process, and what its libraries take of the machine's. Not measured
here."""

PACKED = 2048
"""Distinct tokens of a micro-batch where core's own forward runs on a CPU (`rftcore.train.logprobs.PACK_TOKENS`)."""

PROMPTS = 4096
"""Tokens of prompts in one step of the sampler (`rftcore.train.sampler.STEP_TOKENS`)."""

FIRST_ROOM = 256
"""Tokens that a slot has room for at first; room doubles (`rftcore.train.cache`)."""

LOGITS = Range(3, 5)
"""Tables of `sampled tokens x vocabulary` in float32 at once. In the forward pass: logits, their log-softmax, and two
for the entropy; in the backward pass: the log-softmax and two gradients; one more where they are divided by a
temperature."""

SLACK = 1.25
"""By how much what an allocator holds exceeds what was asked of it, at most: pieces too small to be used again."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a job takes at its peak, in bytes, by what takes it."""

    machine: Mapping[str, Range]
    """Of the machine's memory."""
    gpu: Mapping[str, Range]
    """Of a GPU's; empty where the model is on none."""


def total(parts: Mapping[str, Range]) -> Range:
    """Add up."""
    return sum(parts.values(), start=Range(0, 0))


def need_of_training(config: Settings, shape: Shape, length: Length, *, on_gpu: bool) -> Need:
    """Return what a stage takes; `config` is as the stage has it, `length` that of its longest episodes.

    With FSDP2 each process has a part of the weights, of the gradients and of the averages, and a whole copy.
    """
    size, parts = BYTES[config.dtype], launch.count() if launch.splits() else 1
    whole, trained = shape.parameters * size, trained_bytes(config, shape) / parts
    kept = {"weights": _exactly(whole)}
    if parts > 1:
        kept["this process's part of the weights"] = _exactly(whole / parts)
    episodes = config.training.groups * config.training.samples
    kept |= _playing(config, shape, length, on_gpu, episodes)
    kept |= {"gradients": _exactly(trained), "AdamW's averages": _exactly(2 * trained)}
    algorithm = registry.create("algorithm", config.algorithm.name, config.algorithm.options)
    if algorithm.reference_weight() > 0 and config.learner.lora is None:
        kept["start policy"] = _exactly(whole)
    if (critic := critic_shape(config, shape)) is not None:
        kept["critic"] = _exactly(critic.parameters * size + 3 * trained_bytes(config, critic))
    learning = _pass(config, shape, length, on_gpu)
    once = {
        "a forward and backward pass": Range(max(0.0, learning.low - trained), learning.high),  # before any gradient
        "an optimizer step": _exactly(trained),  # the square roots of an average, of all weights at once
        # The sampler builds its next copy while it has the last; gradients are gone by then.
        "new weights for the sampler": _exactly(max(0.0, whole - trained) if _takes_copy(config, shape) else 0.0),
        "a step of the sampler": _step(config, shape, length, episodes),
    }
    largest = max(once, key=lambda name: once[name].high)
    kept[largest] = Range(max(part.low for part in once.values()), once[largest].high)
    if config.training.max_staleness > 0 and config.sampler.name == "hf":
        beside = need_of_playing(config, shape, length, on_gpu=on_gpu)
        kept["the process that plays ahead"] = total(beside.gpu or beside.machine)
    return _placed(kept, config, shape, on_gpu)


def need_of_playing(config: Settings, shape: Shape, length: Length, *, on_gpu: bool) -> Need:
    """Return what an evaluation by the model takes."""
    kept = {"weights": _exactly(shape.parameters * BYTES[config.dtype])}
    episodes = config.evaluation.tasks * config.evaluation.samples
    kept |= _playing(config, shape, length, on_gpu, episodes)
    kept["a step of the sampler"] = _step(config, shape, length, episodes)
    return _placed(kept, config, shape, on_gpu)


def critic_shape(config: Settings, policy: Shape) -> Shape | None:
    """Return the shape of a critic's own model; None where it has none, or one whose size is not known."""
    spec: Any = registry.spec("algorithm", config.algorithm.name)
    if not spec.needs_values:
        return None
    algorithm = registry.create("algorithm", config.algorithm.name, config.algorithm.options)
    model = algorithm.critic().model
    return policy if model == "start" else None if model is None else read_shape(model)


def trained_bytes(config: Settings, shape: Shape) -> float:
    """Return the bytes of the trained weights. peft keeps adapters in float32 also where the model is in half."""
    if config.learner.lora is None:
        return shape.parameters * BYTES[config.dtype]
    return shape.adapter(config.learner.lora) * BYTES["float32"]


def _exactly(number: float) -> Range:
    return Range(number, number)


def _takes_copy(config: Settings, shape: Shape) -> bool:
    return config.sampler.name == "hf" and shape.own_forward


def _playing(config: Settings, shape: Shape, length: Length, on_gpu: bool, episodes: int) -> dict[str, Range]:
    """Return what the sampler `hf` adds; what another one takes is not known here.

    Keys and values: 2 x layers x heads x width of a head numbers for a token, in every slot as much room as the longest
    context that was played needs. A CPU hands out memory when it is first written, so there the low end counts what
    episodes fill; a GPU's is taken at once, but for no longer contexts than there are.
    """
    if config.sampler.name != "hf":
        return {}
    options = HFSamplerConfig.model_validate(config.sampler.options)
    longest = row_limit(config, shape)
    size = BYTES[config.dtype]
    token = 2 * shape.layers * shape.kv_heads * shape.head_width * size
    room = FIRST_ROOM
    while room < min(length.tokens.high, longest):
        room *= 2
    shortest = min(length.tokens.low, longest)
    filled = min(options.slots, episodes) * shortest * token
    taken = options.slots * (max(FIRST_ROOM, shortest) + 1) * token
    most = float(options.slots * (room + 1) * token)
    found = {"keys and values": Range(taken if on_gpu else filled, most)}
    if _takes_copy(config, shape):
        found["the sampler's copy of the weights"] = _exactly(shape.parameters * size)
    return found


def _step(config: Settings, shape: Shape, length: Length, episodes: int) -> Range:
    """Return what a step of the sampler `hf` takes at most: three tables of logits, and a layer's widest tensors."""
    if config.sampler.name != "hf":
        return Range(0, 0)
    lanes = min(HFSamplerConfig.model_validate(config.sampler.options).slots, episodes)
    tables = 3 * lanes * shape.vocabulary * BYTES["float32"]
    prompts = min(PROMPTS, lanes * min(length.tokens.high, row_limit(config, shape)))
    return Range(0, tables + prompts * (2 * shape.mlp + 6 * shape.width) * BYTES[config.dtype])


def row_limit(config: Settings, shape: Shape) -> float:
    """Return the longest context, in tokens."""
    limit = config.sampler.options.get("max_context")
    own = float(limit) if isinstance(limit, int) else float(HFSamplerConfig().max_context)
    return min(own, shape.context or own)


def _pass(config: Settings, shape: Shape, length: Length, on_gpu: bool) -> Range:
    """Return what a forward and backward pass over the largest micro-batch takes.

    Counted are the tensors that autograd keeps for the backward pass, as Korthikanti et al. 2022 (arXiv 2205.05198,
    section 4) do for GPT. For a token and a layer of a Llama: 6 widths for the two norms, 2 for the residual stream
    around them, queries, attention's output twice, keys and values, and 4 times the MLP's width for gate, up, SiLU and
    product. Attention keeps no table of scores. Logits are there at sampled tokens only (`LOGITS`). The high end has
    gradients of one layer's tensors beside, and `SLACK`.
    """
    size = BYTES[config.dtype]
    packed = shape.own_forward and not on_gpu and config.dtype == "float32" and config.learner.lora is None
    packed = packed and not launch.splits()
    tokens, share = _batch(config, shape, length, packed)
    queries, keys = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    layer = (4 if packed else 6) * shape.width + 3 * queries + 2 * keys + 4 * shape.mlp
    more = 2 * shape.width + queries + shape.mlp
    # Core's own forward lays weights together for each pass, and gets a gradient for them before it is taken apart.
    stacked = shape.stacked * size if packed else 0
    tables = shape.vocabulary * 4
    divided = int(config.sampling.temperature != 1.0) + int(config.dtype != "float32")
    return Range(
        tokens.low * (shape.layers * layer * size + share.low * LOGITS.low * tables) + stacked,
        SLACK
        * (
            tokens.high
            * ((shape.layers * (layer + more) + layer) * size + share.high * (LOGITS.high + divided) * tables)
            + 2 * stacked
        ),
    )


def _batch(config: Settings, shape: Shape, length: Length, packed: bool) -> tuple[Range, Range]:
    """Return the tokens of the largest micro-batch, and which share of them is sampled.

    A batch has one row at least. It is closed when another row would go over `micro_tokens`, so it lacks less than a
    row of that; the low end takes one group that has credit.
    """
    limit = row_limit(config, shape)
    short, long = min(length.tokens.low, limit), min(length.tokens.high, limit)
    budget = min(config.learner.micro_tokens, PACKED) if packed else config.learner.micro_tokens
    training = config.training
    group = short if packed else training.samples * short  # equal rows are computed once
    low = max(short, min(group, budget - short))
    high = max(long, min(float(budget), training.groups * (1 + training.refills) * training.samples * long))
    shares = (length.sampled.low / length.tokens.low, min(1.0, length.sampled.high / length.tokens.high))
    return Range(low, high), Range(min(shares), max(shares))


def _placed(parts: dict[str, Range], config: Settings, shape: Shape, on_gpu: bool) -> Need:
    """Put the parts where they are: with a GPU, the machine has the weights only while they are loaded."""
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if launch.count() > 1 else 1
    if not on_gpu:
        return Need({name: part * local for name, part in {"Python and torch": PROCESS, **parts}.items()}, {})
    loaded = Range(0.0, float(shape.parameters * BYTES[config.dtype]))
    machine = {"Python, torch and CUDA": PROCESS + CONTEXT, "weights while they are loaded": loaded}
    return Need({name: part * local for name, part in machine.items()}, {"CUDA": CONTEXT, **parts})
