"""Components that would end whoever runs them; `tests/testing/test_checks_go_on.py` says how the checks go on."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dial import WAYS, Dial, Turning

from rftcore.environment import Step
from rftcore.metric import Metric
from rftcore.schemas.trajectory import Group


class Quitting(Turning):
    def step(self, action: str) -> Step:
        if action.strip() not in WAYS:
            sys.exit(0)
        return super().step(action)


class Quitter(Dial):
    """Takes what is no action for the wish to leave."""

    episode = Quitting


class Leaver(Metric):
    """Measures nothing, and leaves."""

    name = "leaver"

    def measure(self, groups: Sequence[Group]) -> dict[str, float]:
        sys.exit()
