"""Every environment of this repository keeps every promise at level full, and so do those behind its bridges."""

from __future__ import annotations

from typing import Any

import fuzz as script
import pytest

from rftcore import registry
from rftcore.testing import examine_each

TAXI = {
    "id": "Taxi-v4",
    "actions": ["south", "north", "east", "west", "pick up", "drop off"],
    "reward_range": [-10, 20],
    "max_turns": 20,
    "train": 20,
    "test": 10,
}
ALONE = [name for name in registry.names("environment") if not registry.spec("environment", name).bridge]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [*((name, {}) for name in ALONE), ("shift", {"environment": "textcraft", **script.SHIFTS}), ("gymnasium", TAXI)],
)
def test_an_environment_keeps_every_promise_at_level_full(name: str, options: dict[str, Any]) -> None:
    (report,) = examine_each([name], kind="environment", level="full", options=options)
    report.require()
    verdicts = {result.check: result.verdict for result in report.results}
    assert set(verdicts.values()) <= {"kept", "not applicable"}
    assert verdicts["walks_keep_memory"] == verdicts["nothing_is_left_behind"] == "kept"
