"""What real_library.py plays beside packages of others: a game of Gymnasium and tools, in verifiers' own classes."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import verifiers
from datasets import Dataset
from verifiers.envs.experimental.gym_env import GymEnv


class Blackjack(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Gymnasium's Blackjack as a class that takes no id."""

    def __init__(self) -> None:
        super().__init__(gymnasium.make("Blackjack-v1"))


def blackjack() -> Any:
    """Return verifiers' runner of Gymnasium's environments, with Blackjack in it."""
    return GymEnv(
        env_cls=Blackjack,
        action_parser=["stick", "hit"].index,
        obs_to_text=lambda seen: f"You have {seen[0]}, the dealer shows {seen[1]}.",
        num_train_episodes=200,
        num_eval_episodes=100,
        max_episode_steps=10,
        system_prompt="Play Blackjack. Say hit or stick.",
    )


def gcd(a: int, b: int) -> int:
    """Return the greatest common divisor of two numbers."""
    return math.gcd(a, b)


def divisors(count: int = 60) -> Any:
    """Return verifiers' ToolEnv, with a tool that its questions need."""
    pairs = [(6 * n, 4 * n + 6) for n in range(1, count + 1)]
    rows = [{"question": f"What is the gcd of {a} and {b}?", "answer": str(math.gcd(a, b))} for a, b in pairs]

    def right(completion: list[Any], answer: str) -> float:
        return float(completion[-1].content == answer)

    return verifiers.ToolEnv(
        dataset=Dataset.from_list(rows), tools=[gcd], max_turns=4, rubric=verifiers.Rubric(funcs=[right])
    )
