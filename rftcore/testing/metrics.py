"""What every metric promises: plain figures that follow from the records alone, and no failure made of a machine's."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping

from pydantic import JsonValue

from rftcore.metric import Metric
from rftcore.schemas.trajectory import Group
from rftcore.testing.check import Problems, check
from rftcore.testing.child import ask
from rftcore.testing.groups import played
from rftcore.testing.subject import Subject, rebuilt

HEAVY = ("accelerate", "torch", "transformers")
"""What a metric may not import: figures are computed where no model can be."""


@check("light")
def figures_are_finite(subject: Subject) -> Problems:
    """`measure` returns named finite numbers; what is undefined is absent."""
    lost = [_with_masked(group, ret=0.0, success=False, every=True) for group in played()]
    for what, groups in (("of four groups", played()), ("where the machine spoiled every trajectory", lost)):
        figures = subject.make().measure(groups)
        for name, value in figures.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                yield (
                    f"{what}, the figure {name!r} is {value!r}, expected a finite number; leave out what is undefined"
                )


@check("light")
def measure_is_pure(subject: Subject) -> Problems:
    """The same groups have the same figures, in any order, and are not changed."""
    groups, metric = played(), subject.make()
    figures = metric.measure(groups)
    if metric.measure(groups) != figures:
        yield "asked again, the figures differ, expected the same; let chance follow from a fixed seed"
        return
    if groups != played():
        yield "the groups were changed, expected them as they were"
    yield from _apart(figures, metric.measure(played()[::-1]), "with the groups in another order")


@check("light")
def masked_trajectories_say_nothing(subject: Subject) -> Problems:
    """What a trajectory that the machine spoiled has for a return or a success changes no figure."""
    metric: Metric = subject.make()
    failed, succeeded = (
        metric.measure([_with_masked(group, ret=ret, success=success) for group in played()])
        for ret, success in ((0.0, False), (1.0, True))
    )
    yield from _apart(failed, succeeded, "where spoiled trajectories have another return and success")


@check("light")
def measure_needs_no_torch(subject: Subject) -> Problems:
    """In a fresh interpreter, measuring imports no torch."""
    found = ask("rftcore.testing.metrics:imported", metric=subject.described())
    if found:
        yield f"measuring imports {', '.join(found)}, expected none of it; figures need no model"


METRIC_CHECKS = (figures_are_finite, measure_is_pure, masked_trajectories_say_nothing, measure_needs_no_torch)


def imported(metric: Mapping[str, JsonValue]) -> list[str]:
    """Measure, and return what of `HEAVY` has been imported by then."""
    rebuilt(metric).make().measure(played())
    return sorted(set(HEAVY) & set(sys.modules))


def _with_masked(group: Group, *, ret: float, success: bool, every: bool = False) -> Group:
    """Return the group with this return and success wherever the machine failed, or as if it had failed everywhere."""
    return Group(
        task=group.task,
        trajectories=tuple(
            own.model_copy(update={"status": "environment_error", "ret": ret, "success": success})
            if every or own.masked
            else own
            for own in group.trajectories
        ),
    )


def _apart(figures: Mapping[str, float], others: Mapping[str, float], when: str) -> Problems:
    for name in sorted({*figures, *others}):
        one, other = figures.get(name), others.get(name)
        if one is None or other is None or not math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12):
            yield f"{when}, the figure {name!r} is {other!r}, expected {one!r} as before"
