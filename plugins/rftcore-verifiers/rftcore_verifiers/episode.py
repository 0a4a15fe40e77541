"""One episode of an environment of verifiers, in text."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rftcore.environment import Episode, Step
from rftcore.errors import EpisodeError
from rftcore_verifiers.dialogue import Asked, Dialogue, Ended
from rftcore_verifiers.loop import Loop
from rftcore_verifiers.messages import added, call_in, field, shown, without_system
from rftcore_verifiers.source import library

STOPPED_EARLY = ("max_turns_reached", "max_total_completion_tokens_reached", "prompt_too_long", "timeout_reached")
"""Conditions under which the library stops an episode that was not decided."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What all episodes of an environment have in common."""

    system: str
    """The system prompt, which an agent has read before."""
    tools: Sequence[Any]
    turns: int
    """After which the library stops."""
    nonsense: float
    """Reward of what is no action."""
    timeout: float
    """Seconds that the environment has for an answer."""
    succeeded: Callable[[Mapping[str, Any]], bool]
    """Whether a rollout that ended in this state is a success."""
    guesses: Sequence[str]
    """Actions that the random policy draws from."""


class VerifiersEpisode(Episode):
    """A rollout that waits for actions. What the environment raises is an EpisodeError: nobody else knows its rules."""

    def __init__(self, environment: Any, row: Mapping[str, Any], rules: Rules, loop: Loop) -> None:
        self._rules, self._loop = rules, loop
        self._end: Step | None = None
        self._dialogue = Dialogue(environment, row)
        self._prompt: Sequence[Any] = ()
        moment = self._run(self._dialogue.begin, "the beginning")
        if isinstance(moment, Ended):
            _check(moment.state)
            raise EpisodeError("the episode ended before the first action, expected a prompt; play another environment")
        self._prompt = moment.prompt
        self.observation = shown(without_system(moment.prompt, rules.system))

    def step(self, action: str) -> Step:
        """Give the action to the environment as a model's reply, or as its call of a tool."""
        if self._end is not None:
            return self._end
        text = action.encode("utf-8", "replace").decode()
        if not text.strip(" \t\r\n\0"):
            return self._refused("That is no action.")
        call = call_in(text) if self._rules.tools else None
        if call is not None and all(field(tool, "name") != call.name for tool in self._rules.tools):
            names = ", ".join(str(field(tool, "name")) for tool in self._rules.tools)
            return self._refused(f"There is no such tool, expected one of: {names}.")
        moment = self._run(lambda: self._dialogue.reply(text, call), "an action")
        if isinstance(moment, Asked):
            return self._gone_on(moment.prompt)
        self._end = self._ended(moment.state)
        return self._end

    def random_action(self, rng: random.Random) -> str:
        """Return the answer of any train task, or a call of any tool with arguments of the right types."""
        if self._rules.tools and rng.random() < 0.5:
            tool = rng.choice(self._rules.tools)
            properties = (field(tool, "parameters") or {}).get("properties", {})
            arguments = {name: self._drawn(rng, kind.get("type")) for name, kind in properties.items()}
            return json.dumps({"name": field(tool, "name"), "arguments": arguments})
        return rng.choice(self._rules.guesses)

    def close(self) -> None:
        """Have the environment clean up."""
        self._loop.run(self._dialogue.leave(), self._rules.timeout)

    def _run(self, ask: Callable[[], Any], what: str) -> Asked | Ended:
        try:
            moment: Asked | Ended = self._loop.run(ask(), self._rules.timeout)
        except TimeoutError as error:
            raise TimeoutError(
                f"the environment did not answer {what} in {self._rules.timeout:g} s; allow it more with timeout"
            ) from error
        except EpisodeError:
            raise
        except Exception as error:
            raise EpisodeError(f"{what} raised {type(error).__name__}: {error}") from error
        return moment

    def _refused(self, why: str) -> Step:
        self.observation = f"{why}\n{shown(self._prompt[-1:])}"
        return Step(self.observation, self._rules.nonsense, terminated=False, valid=False)

    def _gone_on(self, prompt: Sequence[Any]) -> Step:
        self.observation = shown(without_system(added(self._prompt, prompt), self._rules.system))
        self._prompt = prompt
        return Step(self.observation, 0.0, terminated=False)

    def _ended(self, state: Mapping[str, Any]) -> Step:
        _check(state)
        reward = float(state.get("reward") or 0.0)
        success = self._rules.succeeded(state)
        early = state.get("stop_condition") in STOPPED_EARLY and self._rules.turns > 1 and not success
        said = shown(state.get("final_env_response") or ())
        self.observation = said or f"The end, reward {reward:.3g}."
        return Step(self.observation, reward, terminated=not early, truncated=early, success=success)

    def _drawn(self, rng: random.Random, kind: Any) -> Any:
        values = {"integer": rng.randint(-9, 9), "number": rng.uniform(-9, 9), "boolean": rng.random() < 0.5}
        return values.get(kind, {"array": [], "object": {}}.get(kind, rng.choice(self._rules.guesses)))


class GuidedEpisode(VerifiersEpisode):
    """One with an expert, who gives the answer at every turn."""

    def __init__(self, environment: Any, row: Mapping[str, Any], rules: Rules, loop: Loop, answer: str) -> None:
        super().__init__(environment, row, rules, loop)
        self._answer = answer

    def expert_action(self) -> str:
        return self._answer


def _check(state: Mapping[str, Any]) -> None:
    """Raise EpisodeError when a rollout failed for another reason than a tool that was not called rightly."""
    error = state.get("error")
    if error is not None and not isinstance(error, library().ToolError):
        cause = getattr(error, "__cause__", None)
        raise EpisodeError(f"the environment gave up with {type(error).__name__}: {error or cause}")
