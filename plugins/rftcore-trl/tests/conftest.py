"""A word game small enough to be worked out by hand, and a model of a few thousand weights that plays it by chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from trl import GRPOConfig, GRPOTrainer

from rftcore.environment import Environment, Episode, Step
from rftcore.errors import EpisodeError
from rftcore.schemas.task import Split, Task
from rftcore.train.tiny import TinyConfig, build_model, build_tokenizer
from rftcore_trl import dataset, episode_reward, rollout_func


class Letters(Environment):
    """Two turns; a turn earns 1 when its answer has an even number of characters, and the return is their sum."""

    name = "letters"
    difficulties = ("easy", "hard")
    returns = "sum"
    max_turns = 2
    instructions = "Say something."

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        return [
            Task(
                environment="letters",
                id=f"letters/{difficulty}/{split}/{number}",
                split=split,
                difficulty=difficulty,
                seed=number,
            )
            for number in range(8)
        ]

    def start(self, task: Task) -> Episode:
        return _Saying(task.seed)


class _Saying(Episode):
    def __init__(self, seed: int) -> None:
        self.observation = "a" + " a" * seed
        self._turns = 0

    def expert_action(self) -> str:
        return "even"

    def step(self, action: str) -> Step:
        if action == "fail":
            raise EpisodeError("the power is out")
        self._turns += 1
        self.observation = f"a {len(action)}"
        even = len(action) % 2 == 0
        return Step(self.observation, float(even), terminated=self._turns == 2, success=even and self._turns == 2)


@pytest.fixture
def letters() -> Letters:
    """The environment."""
    return Letters()


@pytest.fixture
def make_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., GRPOTrainer]:
    """`make_trainer(rollout=None, steps=2, **GRPOConfig fields)` returns a trainer of a fresh model on the game."""
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")

    def make(rollout: Any = None, *, steps: int = 2, **changes: Any) -> GRPOTrainer:
        tokenizer = build_tokenizer(["a b c 0 1 2 3 4 5 6 7 8 9"])
        shape = TinyConfig(width=16, layers=1, heads=2, mlp=16, max_context=128)
        settings: dict[str, Any] = {
            "output_dir": str(tmp_path / "trl"),
            "num_generations": 4,
            "per_device_train_batch_size": 8,
            "max_steps": steps,
            "learning_rate": 1e-2,
            "lr_scheduler_type": "constant",
            "logging_steps": 1,
            "use_cpu": True,
            "bf16": False,
            "gradient_checkpointing": False,
            "disable_tqdm": True,
            "report_to": [],
        }
        return GRPOTrainer(
            model=build_model(len(tokenizer), shape, seed=0),
            processing_class=tokenizer,
            train_dataset=dataset(Letters(), "train", "easy"),
            rollout_func=rollout or rollout_func(Letters(), max_new_tokens=4),
            reward_funcs=episode_reward,
            args=GRPOConfig(**settings | changes),
        )

    return make
