"""An algorithm under test, with the loss that its spec names, and what the spec promises of both."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from rftcore.algorithm import Algorithm
from rftcore.testing.check import Problems, check
from rftcore.testing.subject import SUBJECTS, Subject, attribute


class Candidate(Subject):
    """An algorithm with what checks ask of it."""

    def build(self) -> None:
        """Build the algorithm."""
        _ = self.algorithm

    @cached_property
    def algorithm(self) -> Algorithm:
        made: Algorithm = self.make()
        return made

    @cached_property
    def loss(self) -> Callable[..., Any]:
        found: Callable[..., Any] = attribute(self.spec.loss)
        return found


SUBJECTS["algorithm"] = Candidate


@check("light")
def spec_says_what_it_needs(subject: Candidate) -> Problems:
    """The spec names a loss that can be called, and says when the start policy is needed."""
    if not callable(subject.loss):
        yield f"{subject.spec.loss} is {subject.loss!r}, expected a function; name it 'package.module:function'"
    pulls = subject.algorithm.reference_in_credit or subject.algorithm.reference_weight() > 0
    if pulls and not subject.spec.needs_reference:
        yield (
            "it asks for the start policy and the spec does not say so, expected needs_reference=True; "
            "nobody keeps the start policy for it otherwise"
        )
