"""What policies behind an API will be asked for, and what that will cost, before anything is asked.

As in `estimate`, the expert's episodes and those of chance bracket what a model may do. Every turn sends the
conversation so far, as `Transcript` shows it, so prompts grow with the square of the turns where the history is full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rftcore import registry
from rftcore.chat import Transcript
from rftcore.environment import Environment
from rftcore.estimate import CHARACTERS, PROBE, Range, evaluated, played
from rftcore.formats import prompt_format
from rftcore.plan import Plan
from rftcore.players import chats, players
from rftcore.policy import ChatPolicy
from rftcore.schemas.config import Settings
from rftcore.shots import Examples


@dataclass(frozen=True, slots=True)
class Quote:
    """Of all cells of one policy; nothing of it is taken as paid for already."""

    answers: Range
    prompt_tokens: Range
    completion_tokens: Range
    money: Range | None
    """In the currency of the policy's prices; None without any."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One episode, or several: answers, and tokens of prompts and of answers."""

    answers: float = 0.0
    prompts: float = 0.0
    completions: float = 0.0

    def plus(self, other: _Asked, times: float) -> _Asked:
        return _Asked(
            self.answers + times * other.answers,
            self.prompts + times * other.prompts,
            self.completions + times * other.completions,
        )


def quotes(config: Settings, plan: Plan, environments: Mapping[str, Environment]) -> dict[str, Quote]:
    """Return what each `ChatPolicy` of a run will be asked for, by its title.

    Raises what the environments raise when they cannot start a task.
    """
    found: dict[str, Quote] = {}
    for player in filter(chats, players(config)):
        policy: ChatPolicy = registry.create("policy", player.name, player.options, "policy")
        low, high = _Asked(), _Asked()
        for cell in plan.cells:
            if cell.policy and cell.train == player.title:
                environment = environments[cell.environment]
                times = evaluated(config, environment, cell.difficulty) * config.evaluation.samples
                least, most = _episode(config, environment, cell.difficulty, policy.longest)
                low, high = low.plus(least, times), high.plus(most, times)
        cheap, dear = (policy.price(end.prompts, end.completions) for end in (low, high))
        found[player.title] = Quote(
            Range(low.answers, high.answers),
            Range(low.prompts, high.prompts),
            Range(low.completions, high.completions),
            None if cheap is None or dear is None else Range(cheap, dear),
        )
    return found


def _episode(config: Settings, environment: Environment, difficulty: str, longest: int | None) -> tuple[_Asked, _Asked]:
    """Return what an episode asks for: played by the expert, and at random to the limit with the longest answers."""
    tasks = environment.tasks("test", difficulty)[:PROBE]
    form = prompt_format(config.format)
    examples = Examples(config.shots, form)
    babble = "x" * int((longest or config.sampling.max_new_tokens) * CHARACTERS)

    def asked(run: Any, observations: Sequence[str], answers: Sequence[str]) -> _Asked:
        system = form.system(environment.instructions)
        transcript = Transcript(system, examples(environment, run.task), config.history)
        return _asked(transcript, observations, answers)

    low, high = _Asked(), _Asked()
    for run in played(environment, tasks, "oracle"):
        answers = [form.write(turn.action) for turn in run.turns]
        low = low.plus(asked(run, [turn.observation for turn in run.turns], answers), 1 / len(tasks))
    for run in played(environment, tasks, "random"):
        seen = [turn.observation for turn in run.turns] or [""]
        usual = " " * round(sum(map(len, seen)) / len(seen))
        limit = environment.max_turns
        high = high.plus(asked(run, (seen + [usual] * limit)[:limit], [babble] * limit), 1 / len(tasks))
    return low, high


def _asked(transcript: Transcript, observations: Sequence[str], answers: Sequence[str]) -> _Asked:
    prompts = 0
    for observation, answer in zip(observations, answers, strict=True):
        prompts += sum(len(message["content"]) for message in transcript.asking(observation))
        transcript.add(observation, answer)
    return _Asked(len(answers), prompts / CHARACTERS, sum(map(len, answers)) / CHARACTERS)
