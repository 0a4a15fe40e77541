"""What every environment promises, asked of Gymnasium's Taxi; `rftcore check` at level full looks longer."""

from __future__ import annotations

from collections.abc import Callable

from rftcore.testing import conforms

TAXI = {
    "id": "Taxi-v4",
    "actions": ["south", "north", "east", "west", "pick up", "drop off"],
    "reward_range": [-10, 20],
    "max_turns": 20,
    "train": 20,
    "test": 10,
}


@conforms("gymnasium", level="light", options=TAXI)
def test_taxi_keeps_through_the_bridge_what_every_environment_promises(check: Callable[[], None]) -> None:
    check()
