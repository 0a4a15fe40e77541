"""The embedded policy: a small causal LM whose tokenizer is built from the environments' own words.

For machines without a model hub. A word, with or without the space before it, is one token, and so is a phrase that
nearly every observation of an environment repeats; any other text falls back to bytes, so nothing is unknown and
decoding inverts encoding. The chat template leaves system prompts out: a model of this size learns the rules by
imitation, and every token counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import torch
from pydantic import Field
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen

_PIECES = r" ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\n+| "
_SPECIAL = ("<|end|>", "<|user|>", "<|agent|>")
_TEMPLATE = (
    "{% for m in messages %}"
    "{% if m.role == 'user' %}<|user|>{{ m.content }}<|end|>"
    "{% elif m.role == 'assistant' %}<|agent|>{{ m.content }}<|end|>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|agent|>{% endif %}"
)


class TinyConfig(Frozen):
    """Shape of the network (Qwen2 architecture); half a million parameters by default, and 128 for each token."""

    width: int = Field(default=128, ge=16)
    layers: int = Field(default=3, ge=1)
    heads: int = Field(default=4, ge=1)
    mlp: int = Field(default=256, ge=16)
    max_context: int = Field(default=2048, ge=128)


def build_tokenizer(texts: Iterable[str], repeated: Iterable[str] = ()) -> PreTrainedTokenizerFast:
    """Return a tokenizer that knows every piece of `texts`: a word or a number, with and without a space before it.

    Runs of other marks it knows as they are written. `repeated` are phrases that become one token each. Raises
    ConfigError when decoding does not invert encoding.
    """
    texts = list(texts)
    pieces = {piece for text in texts for piece in re.findall(_PIECES, text)}
    bare = {piece.strip() for piece in pieces if piece.strip().isalnum()}
    words = sorted(pieces | bare | {f" {word}" for word in bare})
    alphabet = [f"<0x{byte:02X}>" for byte in range(256)]
    vocabulary = {token: index for index, token in enumerate([*_SPECIAL, *alphabet, *words])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECES), behavior="isolated")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=_SPECIAL[0],
        pad_token=_SPECIAL[0],
        additional_special_tokens=list(_SPECIAL[1:]),
        chat_template=_TEMPLATE,
    )
    fast.add_tokens([AddedToken(phrase, normalized=False) for phrase in repeated])
    for text in [*texts, "déjà vu \u2014 \U0001f600\ttab  two spaces\n\nend "]:
        if fast.decode(fast.encode(text), clean_up_tokenization_spaces=False) != text:
            raise ConfigError(f"the tokenizer does not give back the text {text[:80]!r}")
    return fast


def phrases(observations: Sequence[str], share: float = 0.5) -> list[str]:
    """Return the phrases that `observations` of one environment repeat, at least `share` times an observation.

    Found by joining the commonest neighbours again and again (as in byte-pair encoding, but of words); numbers and line
    ends join nothing, names are too rare to, and what would cut a word or a product's code somewhere is left out.
    """
    lines = [re.findall(_PIECES, text) for text in observations]
    found: list[str] = []
    while True:
        pairs = Counter(
            pair for line in lines for pair in pairwise(line) if not any(re.search(r"[0-9\n]", side) for side in pair)
        )
        (pair, count), *_ = pairs.most_common(1) or [(("", ""), 0)]
        if count < max(2.0, share * len(observations)):
            common = [phrase for phrase in found if sum(line.count(phrase) for line in lines) >= share * len(lines)]
            return [phrase for phrase in common if not any(_cuts(phrase, text) for text in observations)]
        lines = [_joined(line, pair) for line in lines]
        found.append("".join(pair))


def _cuts(phrase: str, text: str) -> bool:
    """Whether `phrase` stands in `text` glued to a letter or digit that belongs to its first or last word."""
    start = r"(?<=[A-Za-z0-9])" if phrase[0].isalnum() else r"(?!)"
    end = r"(?=[A-Za-z0-9])" if phrase[-1].isalnum() else r"(?!)"
    return bool(re.search(f"{start}{re.escape(phrase)}|{re.escape(phrase)}{end}", text))


def _joined(line: list[str], pair: tuple[str, str]) -> list[str]:
    joined: list[str] = []
    for piece in line:
        if joined and (joined[-1], piece) == pair:
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def build_model(vocabulary: int, config: TinyConfig, seed: int) -> Any:
    """Return a freshly initialized Qwen2 causal LM in float32; equal seeds give equal weights."""
    torch.manual_seed(seed)
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=vocabulary,
            hidden_size=config.width,
            intermediate_size=config.mlp,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            max_position_embeddings=config.max_context,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=0,
            pad_token_id=0,
        )
    )
