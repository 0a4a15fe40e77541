"""A small world for the torch side: 32 tokens, models of a few thousand weights, an environment of ragged talk."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import transformers

from rftcore.environment import Environment, Episode, Step
from rftcore.schemas.config import HFSamplerConfig, LearnerConfig
from rftcore.schemas.task import Split, Task
from rftcore.train.learner import Learner
from rftcore.train.sampler import HFSampler

VOCABULARY = 32
_LETTERS = "abcdefghijklmnopqrstuvwxyz "


class Letters:
    """An encoder whose tokens are letters; a random model hits one of its four stop tokens every eight draws."""

    stop_ids = frozenset(range(4))

    def first(self, system: str, observation: str) -> list[int]:
        return [4, *self.spell(observation)]

    def next(self, observation: str, closed: bool) -> list[int]:
        return [*([] if closed else [0]), *self.spell(observation), 4]

    def encode_answer(self, text: str) -> list[int]:
        return [*self.spell(text), 0]

    def decode(self, token_ids: list[int]) -> str:
        return "".join(_LETTERS[token - 5] if token > 4 else "" for token in token_ids)

    @staticmethod
    def spell(text: str) -> list[int]:
        return [_LETTERS.index(letter) + 5 for letter in text.lower() if letter in _LETTERS]


class Talk(Environment):
    """Each task lasts its own number of turns and says something of another length at each; rewards are by chance."""

    name = "talk"
    max_turns = 6
    instructions = ""

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        return [
            Task(
                environment="talk",
                id=f"talk/{difficulty}/{split}/{number}",
                split=split,
                difficulty=difficulty,
                seed=number,
                data={"turns": 1 + number * 2 % 5},
            )
            for number in range(6)
        ]

    def start(self, task: Task) -> Episode:
        return _Talking(task)


class _Talking(Episode):
    def __init__(self, task: Task) -> None:
        self._left, self._rng = int(str(task.data["turns"])), random.Random(task.seed)
        self.observation = self._say()

    def _say(self) -> str:
        return "".join(self._rng.choice(_LETTERS) for _ in range(self._rng.randint(1, 17)))

    def step(self, action: str) -> Step:
        self._left -= 1
        self.observation = self._say()
        return Step(self.observation, float(len(action) % 2), terminated=self._left == 0)


def build(kind: str, seed: int = 0, **changes: Any) -> Any:
    """Return a random causal LM, sharp enough that a wrong context shows."""
    names = {"qwen2": "Qwen2", "llama": "Llama", "qwen3": "Qwen3", "gpt_neox": "GPTNeoX", "gemma": "Gemma"}
    shape: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 256,
        "tie_word_embeddings": kind in ("qwen2", "gemma"),
        "initializer_range": 0.3,
    }
    if kind != "gpt_neox":
        shape |= {"num_key_value_heads": 2, "head_dim": 8}
    if kind == "qwen2":
        shape |= {"num_key_value_heads": 4}
    torch.manual_seed(seed)
    config = getattr(transformers, f"{names[kind]}Config")(**shape | changes)
    return getattr(transformers, f"{names[kind]}ForCausalLM")(config).eval()


@pytest.fixture
def make_model() -> Callable[..., Any]:
    """`make_model(kind, seed=0, **config)` builds a tiny causal LM."""
    return build


@pytest.fixture
def make_sampler() -> Callable[..., HFSampler]:
    """`make_sampler(model, slots=8, max_context=256)`."""

    def make(model: Any, slots: int = 8, max_context: int = 256) -> HFSampler:
        return HFSampler(HFSamplerConfig(slots=slots, max_context=max_context), model=model)

    return make


@pytest.fixture
def make_learner() -> Callable[..., Learner]:
    """`make_learner(model, loss=policy gradient, updates=1, **config)`."""

    def make(model: Any, loss: Any = _policy_gradient, updates: int = 1, **config: Any) -> Learner:
        return Learner(model, LearnerConfig(**config), loss=loss, updates=updates)

    return make


def _policy_gradient(
    *, logprobs: Any, advantages: Any, mask: Any, tokens: int, **rest: Any
) -> tuple[torch.Tensor, dict[str, float]]:
    return -(logprobs * advantages * mask).sum() / tokens, {"half": 0.5 * float(mask.sum()) / tokens}


@pytest.fixture
def letters() -> Letters:
    """The encoder."""
    return Letters()


@pytest.fixture
def talk() -> Talk:
    """The environment."""
    return Talk()
