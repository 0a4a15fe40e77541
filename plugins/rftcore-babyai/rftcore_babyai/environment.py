"""BabyAI as an environment of rftcore: which tasks there are, and how an episode of one begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from rftcore.environment import Environment, Episode
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task
from rftcore_babyai.agentgym import AgentGymEpisode
from rftcore_babyai.episode import BabyAIEpisode
from rftcore_babyai.levels import GROUPS, LEVELS, minigrid_id
from rftcore_babyai.world import World


class BabyAI(Environment):
    """Forty BabyAI levels behind a text interface."""

    class Config(Frozen):
        profile: Literal["fixed", "agentgym"] = "fixed"
        """`fixed`: the original's rules, its bugs mended. `agentgym`: bug-compatible with AgentGym."""
        action_list: Literal["every", "first", "never"] = "every"
        """Which observations list the available actions."""
        max_turns: int = 20

    name = "babyai"
    returns = "sum"
    fidelity_profile = "agentgym"
    instructions = (
        "You explore rooms on a grid and must reach your goal. You see only what is in front of you. "
        "Actions: turn left, turn right, move forward, go to <object> <id>, pickup <object> <id>, drop, toggle, "
        "go through <open door> <id>, toggle and go through <door> <id>. Write ids as observed, such as: "
        "go to red ball 1."
    )

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.max_turns = self.config.max_turns

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        seeds = range(200) if split == "train" else range(10_000, 10_030)
        return [
            Task(
                environment=self.name,
                id=f"{self.name}/{difficulty}/{split}/{LEVELS[number]}/{seed}",
                split=split,
                difficulty=difficulty,
                seed=seed,
                data={"level": LEVELS[number]},
            )
            for seed in seeds
            for number in GROUPS[difficulty]
        ]

    def start(self, task: Task) -> Episode:
        return self._begin(str(task.data["level"]), task.seed)

    def _begin(self, level: str, seed: int) -> BabyAIEpisode:
        world = World(minigrid_id(level, self.config.profile), seed)
        kind = AgentGymEpisode if self.config.profile == "agentgym" else BabyAIEpisode
        return kind(world, self.config.action_list)

    def replay(self, record: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
        """Play a recorded episode of the original; yield what is compared as (where, recorded, ours)."""
        episode = self._begin(LEVELS[record["level_number"]], record["seed"])
        yield "first observation", record["first_observation"], episode.observation
        score = 0.0
        for number, turn in enumerate(record["turns"]):
            step = episode.step(turn["action"])
            score += step.reward
            for field, ours in (
                ("observation", step.observation),
                ("reward", step.reward),
                ("score", score),
                ("done", step.terminated),
            ):
                yield f"turn {number} {field}", turn[field], ours
