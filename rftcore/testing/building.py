"""Whether a component can be built: where it cannot, no check that asks it anything could say more."""

from __future__ import annotations

from rftcore.errors import SplitError
from rftcore.testing.check import NotApplicable, Problems, check
from rftcore.testing.subject import Subject


@check("light", first=True)
def can_be_built(subject: Subject) -> Problems:
    """It can be built with its options, and an environment has tasks in every list."""
    if not subject.asked:
        raise NotApplicable("none of its checks builds it by its options alone")
    failure = subject.failure
    if isinstance(failure, SplitError):
        yield f"{failure}, expected one at least"
    elif failure is not None:
        raise failure
