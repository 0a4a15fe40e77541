"""Demonstrations mark the answers' tokens and nothing else, and imitation learns them."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F

from rftcore.environment import Environment, Episode, Step
from rftcore.formats import Plain
from rftcore.schemas.task import Split, Task
from rftcore.train import imitation
from rftcore.train.chat import ChatEncoder
from rftcore.train.imitation import backward, demonstrate, imitate, repetition
from rftcore.train.rows import Row
from rftcore.train.tiny import TinyConfig, build_model, build_tokenizer


class Echo(Environment):
    """Say the word that is shown, three times."""

    name = "echo"
    difficulties = ("easy",)
    max_turns = 5
    instructions = "Say the word."

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        return [
            Task(
                environment="echo",
                id=f"echo/easy/{split}/{word}",
                split=split,
                difficulty=difficulty,
                seed=0,
                data={"word": word},
            )
            for word in ("red", "blue")
        ]

    def start(self, task: Task) -> Episode:
        return EchoEpisode(str(task.data["word"]))


class EchoEpisode(Episode):
    def __init__(self, word: str) -> None:
        self._word, self._said = word, 0
        self.observation = f"say {word}"

    def step(self, action: str) -> Step:
        self._said += action == self._word
        return Step(self.observation, 0.0, terminated=self._said == 3)

    def available_actions(self) -> tuple[str, ...]:
        return ("red", "blue")

    def expert_action(self) -> str:
        return self._word


_ENCODER = ChatEncoder(build_tokenizer(["say red", "say blue", "red", "blue"]))


def _row(noise: float, word: int = 0) -> Row:
    environment = Echo()
    task = environment.tasks("train", "easy")[word]
    row = demonstrate(environment, task, _ENCODER, Plain(), noise=noise, rng=random.Random(0), turns=9)
    assert row is not None
    return row


def test_exactly_the_answers_and_their_end_tokens_are_imitated() -> None:
    row = _row(0.0)
    shown = [row.ids[position] for position in row.positions]
    assert shown == _ENCODER.encode_answer("red") * 3


def test_mistakes_are_demonstrated_too_and_the_turn_limit_holds() -> None:
    row = _row(1.0)
    answers = [row.ids[position] for position in row.positions][::2]
    assert len(answers) <= Echo.max_turns
    assert len(set(answers)) == 2


def test_a_repetition_asks_for_what_its_beginning_said_and_its_end_says_again() -> None:
    tokens = list(range(100, 1100))
    for seed in range(50):
        row = repetition(tokens, random.Random(seed))
        again = row.ids[row.positions[0] - 1 :]
        assert row.positions == list(range(row.positions[0], len(row.ids)))
        assert any(row.ids[start : start + len(again)] == again for start in range(row.positions[0] - 1))
        assert set(row.ids) <= set(tokens)


def test_imitation_lowers_the_loss_of_the_demonstrated_tokens_and_follows_from_the_seed() -> None:
    ends: list[list[float]] = []
    for seed in (0, 0, 1):
        model = build_model(600, TinyConfig(width=32, layers=1, heads=2, mlp=32), seed=0)
        losses: list[float] = []
        imitate(
            model,
            lambda rng: _row(0.0, rng.randrange(2)),
            steps=80,
            rows=4,
            learning_rate=4e-2,
            context_weight=0.1,
            seed=seed,
            on_step=lambda _, loss, losses=losses: losses.append(loss),  # type: ignore[misc]
        )
        ends.append(losses)
    assert ends[0][0] > 5.0
    assert ends[0][-1] < 0.2
    assert ends[0] == ends[1] != ends[2]


def test_the_gradient_is_that_of_two_means_one_of_them_weighted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imitation, "CONTEXT_SHARE", 1.0)
    row = _row(0.0)
    shown = set(row.positions)
    gradients = []
    for ours in (True, False):
        model = build_model(600, TinyConfig(width=16, layers=1, heads=2, mlp=16), seed=0)
        if ours:
            backward(model, [row, row], 0.5, random.Random(0))
        else:
            ids = torch.tensor([row.ids])
            nats = F.cross_entropy(model(input_ids=ids).logits[0, :-1], ids[0, 1:], reduction="none")
            mark = torch.tensor([place in shown for place in range(1, len(row.ids))])
            (nats[mark].mean() + 0.5 * nats[~mark].mean()).backward()  # type: ignore[no-untyped-call]
        # Token 0 pads, and Hugging Face's embedding leaves padding out of its gradient.
        gradients.append(model.model.embed_tokens.weight.grad[1:])
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-7)
