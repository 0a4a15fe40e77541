"""A policy that chats: what it is shown, what becomes of its text, and whose fault it is when there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from rftcore.chat import ChatActor, Transcript
from rftcore.conversation import History
from rftcore.environment import Environment, Episode, Step
from rftcore.errors import RunError
from rftcore.formats import prompt_format
from rftcore.policy import BudgetSpent, ChatPolicy, Prompt, Spending, added
from rftcore.rollout import collect
from rftcore.sampler import ContextFull
from rftcore.schemas.task import Split, Task
from rftcore.schemas.trajectory import Trajectory

SYSTEM = {"role": "system", "content": "Rules."}


def user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def model(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}


def asked(history: History, turns: int, examples: Sequence[tuple[str, str]] = ()) -> list[Any]:
    """The conversation that asks for turn number `turns`, after as many answered ones."""
    transcript = Transcript("Rules.", examples, history)
    for turn in range(turns):
        transcript.asking(f"o{turn}")
        transcript.add(f"o{turn}", f"a{turn}")
    return list(transcript.asking(f"o{turns}"))


def test_the_full_history_is_everything_after_system_prompt_and_examples() -> None:
    assert asked(History(), 0) == [SYSTEM, user("o0")]
    assert asked(History(), 2, [("solved", "so")]) == [
        SYSTEM, user("solved"), model("so"), user("o0"), model("a0"), user("o1"), model("a1"), user("o2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("turns", "shown"),
    [(2, ["o0", "o1", "o2"]), (3, ["o0", "o2", "o3"]), (4, ["o0", "o3", "o4"])],
)
def test_a_window_of_three_keeps_the_first_turn_and_the_last_two(turns: int, shown: list[str]) -> None:
    found = asked(History(name="window", turns=3), turns, [("solved", "so")])
    assert [message["content"] for message in found if message["role"] == "user"] == ["solved", *shown]
    assert found[-1] == user(f"o{turns}")


class Repeat(Environment):
    """Three turns; `win` succeeds."""

    name = "repeat"
    max_turns = 3
    instructions = "Say something."

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        return [
            Task(environment="repeat", id=f"repeat/{n}", split=split, difficulty=difficulty, seed=n) for n in range(4)
        ]

    def start(self, task: Task) -> Episode:
        return _Repeating(task.seed)


class _Repeating(Episode):
    def __init__(self, seed: int) -> None:
        self.observation = f"task {seed}"

    def step(self, action: str) -> Step:
        self.observation = f"you said {action}"
        return Step(self.observation, float(action == "win"), action == "win", success=action == "win")


class Scripted(ChatPolicy):
    """Says what `script` returns for a prompt, or raises it."""

    name = "scripted"
    lanes = 2
    spending = Spending(0, 0, 0, None)

    def __init__(self, script: Callable[[Prompt], str | Exception]) -> None:
        super().__init__()
        self.script, self.prompts, self.closed = script, list[Prompt](), 0

    def open(self, place: Path) -> None:
        raise AssertionError("an actor does not open its policy")

    async def reply(self, prompt: Prompt) -> str:
        self.prompts.append(prompt)
        said = self.script(prompt)
        if isinstance(said, Exception):
            raise said
        return said

    async def close(self) -> None:
        self.closed += 1


def play(policy: Scripted, tasks: int = 1, form: str = "react") -> list[Trajectory]:
    world = Repeat()
    actor = ChatActor(policy, prompt_format(form))
    groups = asyncio.run(collect({"repeat": world}, actor, world.tasks("test", "easy")[:tasks], 1, seed=0))
    return [group.trajectories[0] for group in groups]


def test_the_prompt_format_asks_parses_and_reminds() -> None:
    policy = Scripted(lambda prompt: "no idea" if prompt.turn == 0 else "Thought: so\nAction: win")
    (found,) = play(policy)
    form = prompt_format("react")
    assert policy.prompts[0].messages == ({"role": "system", "content": form.system("Say something.")}, user("task 0"))
    assert list(policy.prompts[1].messages[2:]) == [model("no idea"), user(form.reminder)]
    assert [(prompt.task, prompt.sample, prompt.turn) for prompt in policy.prompts] == [
        (found.task.digest, 0, 0),
        (found.task.digest, 0, 1),
    ]
    assert [(turn.action, turn.valid) for turn in found.turns] == [("", False), ("win", True)]
    assert (found.status, found.success, policy.closed) == ("completed", True, 1)


def test_a_spent_budget_is_no_failure_of_the_agent_and_is_not_tried_again() -> None:
    policy = Scripted(lambda prompt: BudgetSpent("nothing left") if prompt.turn == 1 else "Action: wait")
    found = play(policy, tasks=2)
    assert [(one.status, one.attempts, one.masked, one.error) for one in found] == [
        ("budget", 1, True, "nothing left")
    ] * 2
    assert [len(one.turns) for one in found] == [1, 1], "and though nothing else was played, it is no error of the run"


def test_a_conversation_that_is_too_long_ends_the_episode_and_counts() -> None:
    (found,) = play(Scripted(lambda prompt: ContextFull() if prompt.turn == 2 else "Action: wait"))
    assert (found.status, found.masked, len(found.turns)) == ("context_overflow", False, 2)


def test_other_failures_are_tried_three_times_and_masked() -> None:
    broken = {"task 0": OSError("reset"), "task 1": TimeoutError("late")}
    policy = Scripted(lambda prompt: broken.get(prompt.messages[1]["content"], "Action: win"))
    found = play(policy, tasks=3)
    assert [(one.status, one.attempts) for one in found] == [("sampler_error", 3), ("timeout", 3), ("completed", 1)]


def test_what_no_other_attempt_can_mend_stops_everything_and_connections_are_closed() -> None:
    policy = Scripted(lambda prompt: RunError("the key is wrong"))
    with pytest.raises(RunError, match="the key is wrong"):
        play(policy, tasks=4)
    assert policy.closed == 1


def test_spending_adds_up() -> None:
    parts = [Spending(1, 10, 2, 0.5), Spending(2, 20, 3, 0.25)]
    assert added(parts) == Spending(3, 30, 5, 0.75)
    assert added([Spending(1, 10, 2, None)]) == Spending(1, 10, 2, None)
    assert (str(added(parts)), str(Spending(1, 1000, 234, None))) == ("35 tokens, 0.7500 spent", "1,234 tokens")
