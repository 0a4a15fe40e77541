"""How an episode failed: seven rules on one recorded trajectory, each reproducible and none by a model.

arXiv 2603.12011 names confirmation bias, acting on an unverified belief, as the commonest failure; the other modes and
every rule are ours. Several may hold of one trajectory, and none of a success or of one that the machine spoiled.
`agreement` compares them with labels by hand.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import groupby

from rftcore.schemas.trajectory import Trajectory, Turn

SPIRAL = 3
"""Turns in a row without a possible action that make a spiral."""
LOOP = 3
"""Times that an action is given to one observation, or one after the other, that make a loop."""
POSSIBLE = 0.75
"""Share of turns with a possible action, from which on an episode that goes nowhere wanders."""
MALFORMED = 0.25
"""Share of turns without any action that makes an output malformed."""

_WORD = re.compile(r"[^\W_]+")
_PLACES = ("Available actions: [", "Feedback: ")
"""How lines begin that say nothing of the world."""


def confirmation_bias(trajectory: Trajectory) -> bool:
    """Acts on an unverified belief: in vain, on what no observation has shown, or again on what one has just refuted.

    Three things count: an impossible action, its first word understood elsewhere, with a word that neither an
    observation nor a possible action has had so far; an impossible action that is given again before a possible one; an
    act that ends the episode with a word that nothing has shown, such as an answer that was never read.
    """
    shown: set[str] = set()
    verbs = {word for turn in trajectory.turns if turn.valid for word in _words(turn.action)[:1]}
    refuted: set[str] = set()
    last = trajectory.turns[-1] if trajectory.turns else None
    for turn in trajectory.turns:
        shown |= set(_words(turn.observation))
        action = _normal(turn.action)
        verb, *rest = _words(turn.action) or ("",)
        unseen = any(word not in shown and word != verb for word in rest)  # a closing tag has the verb again
        if not turn.valid and action and (action in refuted or (unseen and verb in verbs)):
            return True
        if turn is last and trajectory.status == "completed" and unseen:
            return True
        shown |= set(rest) if turn.valid else set()
        refuted = set() if turn.valid else refuted | {action}
    return False


def action_loop(trajectory: Trajectory) -> bool:
    """Repeats an action loop: gives one action three times in a row, or three times to one and the same observation."""
    pairs = Counter((_scene(turn), _normal(turn.action)) for turn in trajectory.turns if turn.action.strip())
    runs = (len(list(run)) for action, run in groupby(_normal(turn.action) for turn in trajectory.turns) if action)
    return max(max(pairs.values(), default=0), max(runs, default=0)) >= LOOP


def invalid_spiral(trajectory: Trajectory) -> bool:
    """Falls into an invalid-action spiral: three turns in a row or more with an action that was not possible."""
    run = 0
    for turn in trajectory.turns:
        run = 0 if turn.valid or not turn.action.strip() else run + 1
        if run >= SPIRAL:
            return True
    return False


def early_end(trajectory: Trajectory) -> bool:
    """Ends too early: an act of the agent decided the task, and it was not done."""
    return trajectory.status == "completed"


def out_of_turns(trajectory: Trajectory) -> bool:
    """Runs out of turns, or of context."""
    return trajectory.status in ("truncated", "context_overflow")


def wandering(trajectory: Trajectory) -> bool:
    """Wanders: runs out of turns, three quarters of them with a possible action, and without a loop or a spiral."""
    possible = sum(turn.valid for turn in trajectory.turns)
    return (
        out_of_turns(trajectory)
        and possible >= POSSIBLE * len(trajectory.turns)
        and not action_loop(trajectory)
        and not invalid_spiral(trajectory)
    )


def malformed_output(trajectory: Trajectory) -> bool:
    """Writes malformed output: a quarter of its turns or more hold no action in the prompt format."""
    empty = sum(not turn.action.strip() for turn in trajectory.turns)
    return bool(trajectory.turns) and empty >= MALFORMED * len(trajectory.turns)


RULES: dict[str, Callable[[Trajectory], bool]] = {
    "confirmation_bias": confirmation_bias,
    "action_loop": action_loop,
    "invalid_spiral": invalid_spiral,
    "early_end": early_end,
    "out_of_turns": out_of_turns,
    "wandering": wandering,
    "malformed_output": malformed_output,
}
"""By the name of the mode."""


def failure_modes(trajectory: Trajectory) -> tuple[str, ...]:
    """Return the modes of a failed trajectory, in the order of `RULES`; none for a success or a masked one."""
    if trajectory.success or trajectory.masked:
        return ()
    return tuple(name for name, rule in RULES.items() if rule(trajectory))


def _normal(action: str) -> str:
    return " ".join(action.lower().split())


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _scene(turn: Turn) -> str:
    """Return the observation without the lines that say nothing of the world."""
    return "\n".join(line for line in turn.observation.split("\n") if not line.startswith(_PLACES))
