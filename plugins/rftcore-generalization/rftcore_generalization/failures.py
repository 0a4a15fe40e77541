"""How an episode failed: seven rules on one recorded trajectory, each reproducible and none by a model.

arXiv 2603.12011 names confirmation bias, acting on an unverified belief, as the commonest failure; the other modes and
every rule are ours. Several may hold of one trajectory, and none of a success or of one that the machine spoiled.
`agreement` compares them with the labels of readers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Set

from rftcore.schemas.trajectory import Trajectory

SPIRAL = 3
"""Turns in a row without a possible action that make a spiral."""
LOOP, WITHIN = 3, 5
"""Times that an action has the same outcome, in so many turns, that make a loop: more of them than not."""
POSSIBLE = 0.75
"""Share of turns with a possible action, from which on an episode that goes nowhere wanders."""
MALFORMED = 0.25
"""Share of turns with a malformed action that makes an output malformed."""

_WORD = re.compile(r"[^\W_]+")
_PAIRS = (("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"))
_UNDECODED = "\N{REPLACEMENT CHARACTER}"
"""Stands where a model's tokens are no whole character."""
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
    """Repeats an action loop: gives one action in three of five turns, or more, with one and the same outcome.

    The outcome is what the environment says next, so a step that leads on is no loop, however often it is taken.
    """
    turns = trajectory.turns
    outcomes = [*(_scene(turn.observation) for turn in turns[1:]), _scene(trajectory.final_observation)]
    acts = [(_normal(turn.action), outcome) for turn, outcome in zip(turns, outcomes, strict=False)]
    stretches = (Counter(act for act in acts[first : first + WITHIN] if act[0]) for first in range(len(acts)))
    return any(max(stretch.values(), default=0) >= LOOP for stretch in stretches)


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
        bool(trajectory.turns)
        and out_of_turns(trajectory)
        and possible >= POSSIBLE * len(trajectory.turns)
        and not action_loop(trajectory)
        and not invalid_spiral(trajectory)
    )


def malformed_output(trajectory: Trajectory) -> bool:
    """Writes malformed output: a quarter of its turns or more hold no action, or an impossible one of a broken form.

    Three things break the form of an action: a bracket without its partner, or words behind the last one; a character
    that is none; words more than half of which neither an observation nor a possible action of the episode has.
    """
    known = {word for turn in trajectory.turns for word in _words(turn.observation)}
    known |= {word for turn in trajectory.turns if turn.valid for word in _words(turn.action)}
    malformed = sum(not turn.valid and _broken(turn.action, known) for turn in trajectory.turns)
    return bool(trajectory.turns) and malformed >= MALFORMED * len(trajectory.turns)


def _broken(action: str, known: Set[str]) -> bool:
    words = _words(action)
    brackets = [character for character in action if any(character in pair for pair in _PAIRS)]
    return (
        not words
        or _UNDECODED in action
        or any(action.count(opening) != action.count(closing) for opening, closing in _PAIRS)
        or (bool(brackets) and action.rstrip()[-1] != brackets[-1])
        or sum(word not in known for word in words) > len(words) / 2
    )


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


def _scene(observation: str) -> str:
    """Return an observation without the lines that say nothing of the world."""
    return "\n".join(line for line in observation.split("\n") if not line.startswith(_PLACES))
