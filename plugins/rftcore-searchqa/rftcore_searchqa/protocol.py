"""What agent and environment say to each other: Search-R1's tags, and the sentences of each profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

KINDS: tuple[Literal["search", "answer"], ...] = ("search", "answer")

LISTED = ("<search>query</search>", "<answer>answer</answer>")
"""The forms of an action, for `action_list`."""


class Action(NamedTuple):
    """The block that decides what happens."""

    kind: Literal["search", "answer"]
    content: str
    """Stripped."""


def first_block(text: str) -> Action | None:
    """Return the first complete `<search>` or `<answer>` block of any text, in time linear in its length."""
    best: tuple[int, Action] | None = None
    for kind in KINDS:
        opened = text.find(f"<{kind}>")
        begin = opened + len(kind) + 2
        closed = text.find(f"</{kind}>", begin) if opened >= 0 else -1
        if closed >= 0 and (best is None or opened < best[0]):
            best = opened, Action(kind, text[begin:closed].strip())
    return None if best is None else best[1]


def title_and_text(contents: str) -> tuple[str, str]:
    """Split a passage into its first line, the title, and the rest."""
    title, _, text = contents.partition("\n")
    return title, text


def information(contents: Sequence[str]) -> str:
    """Return the observation that shows passages, best first."""
    shown = []
    for rank, passage in enumerate(contents, start=1):
        title, text = title_and_text(passage)
        shown.append(f"Doc {rank}(Title: {title}) {text}\n")
    return f"<information>{''.join(shown).strip()}</information>"


@dataclass(frozen=True)
class Sentences:
    """What the environment says under one profile."""

    prompt: str
    """The first observation; the question follows."""
    invalid: str
    right: str
    wrong: str
    """An answer that ends the episode."""
    again: str
    """An answer after which another one may be given."""


FIXED = Sentences(
    prompt="Question: ",
    invalid="No action found. Write <search>query</search> or <answer>answer</answer>.",
    right="The answer is right.",
    wrong="The answer is wrong.",
    again="The answer is wrong. Try again.",
)

AGENTGYM = Sentences(
    prompt=(
        "You must reason inside <think>...</think> first. If you do not have enough knowledge, issue a "
        "<search>...</search> and then STOP. Do not generate <information> or <answer> yet. Wait for external input "
        "wrapped in <information>...</information>. After receiving information, reason again in <think>. If "
        "confident, output your final answer in <answer>...</answer>. Do not output <answer> before receiving "
        "<information> unless you are fully confident. If you find no further external knowledge needed, you can "
        "directly provide the answer inside <answer> and </answer>, without detailed illustrations. For example, "
        "<answer> Beijing </answer>. Follow this process every time.\n\n Question: "
    ),
    invalid=(
        "Your previous action is invalid. If you want to search, you should put the query between <search> and "
        "</search>. If you want to give the final answer, you should put the answer between <answer> and </answer>. "
        "Please try again."
    ),
    right="Congratulations! You have answered the question correctly.",
    wrong="Sorry, your answer is incorrect. Please try again.",
    again="Sorry, your answer is incorrect. Please try again.",
)
