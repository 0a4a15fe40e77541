"""What credit promises. It is asked in an interpreter of its own, too, because only there an import of torch shows."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from rftcore.schemas.trajectory import Credit, Group, Trajectory
from rftcore.testing.algorithms.candidate import Candidate
from rftcore.testing.check import Problems, check
from rftcore.testing.child import ask
from rftcore.testing.groups import played, token_floats
from rftcore.testing.subject import rebuilt

TOLERANCE = 1e-9
"""How far credits may differ that should be equal but for rounding."""

HEAVY = ("accelerate", "numpy", "torch", "transformers")
"""What credit may not import."""


@check("light")
def credit_needs_no_torch(subject: Candidate) -> Problems:
    """In a fresh interpreter, importing the algorithm and asking for credit imports no torch."""
    found = ask("rftcore.testing.algorithms.credit:imported", algorithm=subject.described())
    if found:
        yield (
            f"asking for credit imports {', '.join(found)}, expected plain Python; "
            "move what needs it to the module of the loss"
        )


@check("light")
def credit_has_its_shape(subject: Candidate) -> Problems:
    """There is one entry a group, in it one a usable trajectory: None, or a finite float a turn or a sampled token."""
    groups = played()
    credits = _credit(subject, groups)
    if len(credits) != len(groups):
        yield f"{len(credits)} entries came back for {len(groups)} groups, expected one each"
        return
    for group, earned in zip(groups, credits, strict=True):
        if len(earned) != len(group.usable):
            yield (
                f"{len(earned)} credits came back for {len(group.usable)} usable trajectories of {group.task.id}, "
                "expected one each; go through group.usable"
            )
            continue
        for trajectory, credit in zip(group.usable, earned, strict=True):
            if credit is not None:
                problem = _flaw(trajectory, credit) or (
                    subject.spec.needs_values and _flaw_of_returns(trajectory, credit)
                )
                if problem:
                    yield f"{problem} (trajectory {trajectory.sample} of {trajectory.task.id})"
    if all(credit is None for credit in credits[0]):
        yield "a group of different returns has no credit at all, expected some; nothing would ever be learned"


@check("light")
def credit_is_pure(subject: Candidate) -> Problems:
    """Credit depends on the groups alone: the same again, and of groups in another order the same in that order."""
    groups = played()
    credits = _credit(subject, groups)
    if _credit(subject, groups) != credits:
        yield "asked again, credits differ, expected the same; draw nothing at random"
        return
    if groups != played():
        yield "the groups were changed, expected them as they were"
    moved = [2, 0, 3, 1]
    turned = _credit(subject, [groups[index] for index in moved])
    for place, index in enumerate(moved):
        ours, theirs = _floats(credits[index]), _floats(turned[place])
        same = len(ours) == len(theirs) and all(
            math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
            for one, other in zip(ours, theirs, strict=True)
        )
        if not same:
            yield (
                f"with the groups in another order, {groups[index].task.id} has {theirs}, expected {ours}; "
                "let no group depend on its place"
            )


CREDIT_CHECKS = (credit_needs_no_torch, credit_has_its_shape, credit_is_pure)


def imported(algorithm: Mapping[str, JsonValue]) -> list[str]:
    """Ask for credit, and return what of `HEAVY` has been imported by then."""
    subject = rebuilt(algorithm)
    assert isinstance(subject, Candidate)
    _credit(subject, played())
    return sorted(set(HEAVY) & set(sys.modules))


def _credit(subject: Candidate, groups: Sequence[Group]) -> list[list[Credit | None]]:
    """Ask a fresh one: what an algorithm carries from update to update may differ."""
    fresh = subject.make()
    pulls = fresh.reference_in_credit and fresh.reference_weight() > 0
    credits: list[list[Credit | None]] = fresh.credit(
        groups,
        values=token_floats(groups) if subject.spec.needs_values else None,
        reference=token_floats(groups) if pulls else None,
    )
    return credits


def _flaw(trajectory: Trajectory, credit: Credit) -> str | None:
    """Return what is wrong with the floats of a credit."""
    if credit.tokens is None:
        if len(credit.turns) != len(trajectory.turns):
            return f"{len(credit.turns)} floats came back for {len(trajectory.turns)} turns, expected one each"
    else:
        found, expected = [len(turn) for turn in credit.tokens], [len(turn.token_ids) for turn in trajectory.turns]
        if found != expected:
            return f"{found} floats came back for {expected} tokens of the turns, expected one each"
    for value in _floats([credit]):
        if not math.isfinite(value):
            return f"the credit {value} came back, expected a finite number; mind a deviation of 0"
    return None


def _flaw_of_returns(trajectory: Trajectory, credit: Credit) -> str | None:
    """Return what is wrong with what a critic is to be taught."""
    if credit.returns is None:
        return "the credit has no returns, expected what the critic is to be taught"
    found, most = [len(turn) for turn in credit.returns], [len(turn.token_ids) for turn in trajectory.turns]
    if len(found) != len(most) or any(own > limit for own, limit in zip(found, most, strict=True)):
        return f"{found} returns came back for {most} tokens of the turns, expected as many at most"
    for value in (value for turn in credit.returns for value in turn):
        if not math.isfinite(value):
            return f"the return {value} came back, expected a finite number"
    return None


def _floats(credits: Sequence[Credit | None]) -> list[float]:
    flat: list[float] = []
    for credit in credits:
        if credit is not None:
            flat += credit.turns if credit.tokens is None else [value for turn in credit.tokens for value in turn]
    return flat
