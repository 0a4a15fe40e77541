"""Small environments of Gymnasium, registered as another package would."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

SPACES: dict[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(2),
    "several": spaces.MultiDiscrete([2, 3], start=[0, 5]),
    "box": spaces.Box(0, 1, (2,)),
    "binary": spaces.MultiBinary(3),
    "dict": spaces.Dict({"to": spaces.Text(5), "by": spaces.Discrete(4)}),
    "tuple": spaces.Tuple([spaces.Discrete(2), spaces.Box(-1, 1)]),
    "graph": spaces.Graph(spaces.Discrete(2), None),
}
"""Action spaces by name, since options are JSON."""


class Riddle(gymnasium.Env[str, str]):
    """Asks to repeat a word, once; words with an exclamation mark make it break. Spaces as most people write them."""

    def __init__(self, words: tuple[str, ...] = ("red fox", "old owl"), alphabet: str | None = None) -> None:
        self.words = words
        self.observation_space = spaces.Text(100)
        self.action_space = spaces.Text(20) if alphabet is None else spaces.Text(20, charset=alphabet)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.word = self.words[int(self.np_random.integers(len(self.words)))]
        return f"Say {self.word} {int(self.np_random.integers(1000))}", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if "!" in action:
            raise RuntimeError("out of order")
        right = action == self.word
        return "end", float(right), True, False, {"won": not right}


class Panel(gymnasium.Env[Any, Any]):
    """Has a lever and a dial, and a photograph of them if asked."""

    def __init__(self, action: str, photograph: bool = False) -> None:
        self.action_space = SPACES[action]
        image = {"photo": spaces.Box(0, 255, (20, 20), np.uint8)} if photograph else {}
        self.observation_space = spaces.Dict({"lever": spaces.Discrete(2), "dial": spaces.Box(0, 1, (2,)), **image})
        self.taken: list[Any] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return {"lever": 1, "dial": self.np_random.random(2, dtype=np.float32)}, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.taken.append(action)
        return {"lever": 0, "dial": np.zeros(2, np.float32)}, 0.0, False, True, {}


class Unseeded(Riddle):
    """Begins each time with another number, whatever the seed."""

    count = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        Unseeded.count += 1
        return f"Say {self.word} {Unseeded.count}", {}


def register() -> None:
    """Announce them to Gymnasium, once."""
    for name, entry in (("Riddle", Riddle), ("Panel", Panel), ("Unseeded", Unseeded)):
        gymnasium.register(f"rftcore_tests/{name}-v0", entry_point=entry, max_episode_steps=5)
