"""What credit promises. It is asked in an interpreter of its own, too, because only there an import of torch shows."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rftcore.algorithm import Algorithm
from rftcore.conformance.groups import played, token_floats
from rftcore.conformance.subject import Subject, attribute
from rftcore.schemas.trajectory import Credit, Group, Trajectory

TOLERANCE = 1e-9
"""How far credits may differ that should be equal but for rounding."""

HEAVY = ("torch", "transformers", "accelerate", "numpy")
"""What credit may not import."""


def check_credit_without_torch(subject: Subject) -> None:
    """In a fresh interpreter, importing the algorithm and asking for credit imports no torch."""
    code = (
        "import sys\nfrom rftcore.conformance.credit import asked\n"
        f"asked({subject.spec.target!r}, {subject.algorithm.config.model_dump_json()!r}, {subject.spec.needs_values})\n"
        f"print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"it failed with {(done.stderr.strip().splitlines() or ['no message'])[-1]}"
    assert not done.stdout.strip(), f"{', '.join(done.stdout.split())} was imported"


def check_credit_shape(subject: Subject) -> None:
    """There is one entry a group, in it one a usable trajectory: None, or a finite float a turn or a sampled token."""
    groups = played()
    credits = _credit(subject.algorithm, groups, subject.spec.needs_values)
    assert len(credits) == len(groups), f"{len(credits)} entries came back for {len(groups)} groups"
    for group, earned in zip(groups, credits, strict=True):
        assert len(earned) == len(group.usable), (
            f"{len(earned)} credits came back for {len(group.usable)} usable trajectories of {group.task.id}"
        )
        for trajectory, credit in zip(group.usable, earned, strict=True):
            if credit is not None:
                _check_floats(trajectory, credit)
                if subject.spec.needs_values:
                    _check_returns(trajectory, credit)
    assert any(credit is not None for credit in credits[0]), "a group of different returns has no credit at all"


def check_credit_is_pure(subject: Subject) -> None:
    """Credit depends on the groups alone: the same again, and of groups in another order the same in that order."""
    groups, needs_values = played(), subject.spec.needs_values
    credits = _credit(subject.algorithm, groups, needs_values)
    assert _credit(subject.algorithm, groups, needs_values) == credits, "asked again, credits differ"
    assert groups == played(), "the groups were changed"
    moved = [2, 0, 3, 1]
    turned = _credit(subject.algorithm, [groups[index] for index in moved], needs_values)
    for place, index in enumerate(moved):
        ours, theirs = _floats(credits[index]), _floats(turned[place])
        same = len(ours) == len(theirs) and all(
            math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
            for one, other in zip(ours, theirs, strict=True)
        )
        assert same, f"with the groups in another order, {groups[index].task.id} has {theirs}, not {ours}"


CREDIT_CHECKS: tuple[Callable[[Subject], None], ...] = (
    check_credit_without_torch,
    check_credit_shape,
    check_credit_is_pure,
)


def asked(target: str, config: str, needs_values: bool) -> list[list[Credit | None]]:
    """Return the credits of the algorithm at `target`, with a config in JSON, for the groups of `played`."""
    kind = attribute(target)
    return _credit(kind(kind.Config.model_validate_json(config)), played(), needs_values)


def _credit(algorithm: Algorithm, groups: Sequence[Group], needs_values: bool) -> list[list[Credit | None]]:
    """Ask a fresh one: what an algorithm carries from update to update may differ."""
    fresh = type(algorithm)(algorithm.config)
    pulls = fresh.reference_in_credit and fresh.reference_weight() > 0
    return fresh.credit(
        groups,
        values=token_floats(groups) if needs_values else None,
        reference=token_floats(groups) if pulls else None,
    )


def _check_floats(trajectory: Trajectory, credit: Credit) -> None:
    where = f"trajectory {trajectory.sample} of {trajectory.task.id}"
    if credit.tokens is None:
        assert len(credit.turns) == len(trajectory.turns), (
            f"{len(credit.turns)} floats came back for the {len(trajectory.turns)} turns of {where}"
        )
    else:
        found, expected = [len(turn) for turn in credit.tokens], [len(turn.token_ids) for turn in trajectory.turns]
        assert found == expected, f"{found} floats came back for the {expected} tokens of the turns of {where}"
    for value in _floats([credit]):
        assert math.isfinite(value), f"{where} has the credit {value}"


def _check_returns(trajectory: Trajectory, credit: Credit) -> None:
    where = f"trajectory {trajectory.sample} of {trajectory.task.id}"
    assert credit.returns is not None, f"{where} has no returns to teach a critic"
    found, most = [len(turn) for turn in credit.returns], [len(turn.token_ids) for turn in trajectory.turns]
    assert len(found) == len(most) and all(own <= limit for own, limit in zip(found, most, strict=True)), (
        f"{found} returns came back for the {most} tokens of the turns of {where}"
    )
    for value in (value for turn in credit.returns for value in turn):
        assert math.isfinite(value), f"{where} has the return {value}"


def _floats(credits: Sequence[Credit | None]) -> list[float]:
    flat: list[float] = []
    for credit in credits:
        if credit is not None:
            flat += credit.turns if credit.tokens is None else [value for turn in credit.tokens for value in turn]
    return flat
