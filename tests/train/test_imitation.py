"""Demonstrations mark the answers' tokens and nothing else, and imitation learns them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import islice

from rftcore.environment import Environment, Episode, Step
from rftcore.formats import Plain
from rftcore.schemas.task import Split, Task
from rftcore.train.chat import ChatEncoder
from rftcore.train.imitation import batches, demonstrate, imitate
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


def test_batches_are_of_like_length_and_follow_from_the_seed() -> None:
    rows = [Row(list(range(length))) for length in range(1, 60)]
    one, same = (
        [[len(row.ids) for row in batch] for batch in islice(batches(lambda rng: rng.choice(rows), 4, 3), 16)]
        for _ in range(2)
    )
    assert one == same
    assert max(max(batch) - min(batch) for batch in one) < 15


def test_imitation_lowers_the_loss_of_the_demonstrated_tokens() -> None:
    model = build_model(600, TinyConfig(width=32, layers=1, heads=2, mlp=32), seed=0)
    losses: list[float] = []
    draw = batches(lambda rng: _row(0.0, rng.randrange(2)), 4, seed=0)
    imitate(model, draw, steps=40, learning_rate=1e-2, context_weight=0.1, on_step=lambda _, loss: losses.append(loss))
    assert losses[0] > 5.0
    assert losses[-1] < 0.2
