"""Conversations of a fixed shape, and our rollout of them.

A group is 8 conversations of one task: 8 turns, each of 32 observation tokens (chat template included) and 4 sampled
tokens. What is observed follows from the task and from all actions so far, so conversations of a group agree in their
first observation only. Nothing ends an answer or an episode early: both sides of a comparison do equal work.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from itertools import product
from string import ascii_lowercase
from typing import Any
from zlib import crc32

import torch

from rftcore.environment import Environment, Episode, Step
from rftcore.formats import prompt_format
from rftcore.rollout import ModelActor, collect
from rftcore.sampler import Sampler
from rftcore.schemas.task import Split, Task
from rftcore.schemas.trajectory import Group
from rftcore.train.chat import ChatEncoder
from rftcore.train.sampler import HFSampler
from rftcore.train.tiny import TinyConfig, build_model, build_tokenizer

PROMPTS = 4
SAMPLES = 8
CONVERSATIONS = PROMPTS * SAMPLES
TURNS = 8
OBSERVED = 32
SAMPLED = 4
CONTEXT = 512
WORDS = [first + second for first, second in product(ascii_lowercase, repeat=2)]


class Talk(Episode):
    """Answers every action with random words; the return is the share of actions with an even checksum."""

    def __init__(self, seed: int) -> None:
        self._state = crc32(str(seed).encode())
        self._turn = 0
        self._hits = 0
        self.observation = self._words(OBSERVED - 3)  # <|user|> words <|end|> <|agent|>

    def step(self, action: str) -> Step:
        self._turn += 1
        self._state = crc32(action.encode(), self._state)
        self._hits += self._state % 2
        self.observation = self._words(OBSERVED - 4)  # <|end|> closes the answer before
        ended = self._turn == TURNS
        return Step(self.observation, self._hits / TURNS if ended else 0.0, ended)

    def _words(self, count: int) -> str:
        return "".join(f" {word}" for word in random.Random(self._state).choices(WORDS, k=count))


class Talks(Environment):
    """An endless supply of tasks; none has rules or a goal."""

    name = "talks"
    difficulties = ("easy",)
    max_turns = TURNS
    instructions = ""

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        return [
            Task(
                environment=self.name, id=f"talks/{difficulty}/{split}/{n}", split=split, difficulty=difficulty, seed=n
            )
            for n in range(64)
        ]

    def start(self, task: Task) -> Episode:
        return Talk(task.seed)


class Endless(ChatEncoder):
    """The chat template, with no token that ends an answer."""

    def __init__(self, tokenizer: Any) -> None:
        super().__init__(tokenizer)
        self.stop_ids = frozenset()


def hf_sampler(model: Any) -> Sampler:
    """Return core's own sampler, which keeps its cache across turns."""
    return HFSampler(model=model, slots=CONVERSATIONS, max_context=CONTEXT)


class Ours:
    """Our rollout: `collect` over a sampler."""

    def __init__(self, make: Callable[[Any], Sampler] = hf_sampler, device: str = "cpu") -> None:
        """`make` returns the sampler of a model, which is on `device`."""
        torch.set_num_threads(1)
        self.environment = Talks()
        self.tasks = self.environment.tasks("train", "easy")
        self.tokenizer = tokenizer()
        self.model = model(len(self.tokenizer)).to(device)
        self.sampler = make(self.model)
        self._actor = ModelActor(
            self.sampler,
            Endless(self.tokenizer),
            prompt_format("plain"),
            lanes=CONVERSATIONS,
            max_new_tokens=SAMPLED,
        )

    def groups(self, repeat: int) -> list[Group]:
        """Play the tasks of one repeat."""
        return asyncio.run(collect({"talks": self.environment}, self._actor, self.picked(repeat), SAMPLES, seed=repeat))

    def picked(self, repeat: int) -> list[Task]:
        """Return the tasks of one repeat."""
        return [self.tasks[(repeat * PROMPTS + number) % len(self.tasks)] for number in range(PROMPTS)]


def tokenizer() -> Any:
    """Return a tokenizer of about 1000 tokens that reads every observed word as one."""
    return build_tokenizer(["".join(f" {word}" for word in WORDS)])


def model(vocabulary: int) -> Any:
    """Return the network of about one million parameters, equal on both sides."""
    return build_model(vocabulary, TinyConfig(width=128, layers=4, heads=4, mlp=384, max_context=CONTEXT), seed=0)


def require_equal_work(lengths: Sequence[int]) -> None:
    """Raise SystemExit unless these are the lengths, in tokens, of the conversations of one repeat."""
    expected = [TURNS * (OBSERVED + SAMPLED)] * CONVERSATIONS
    if list(lengths) != expected:
        raise SystemExit(f"found conversations of {sorted(set(lengths))} tokens, expected {expected[0]}; no equal work")


def context_lengths(groups: Sequence[Group]) -> list[int]:
    """Return the tokens of each trajectory."""
    return [
        sum(len(turn.prompt_ids) + len(turn.token_ids) for turn in trajectory.turns)
        for group in groups
        for trajectory in group.trajectories
    ]
