"""The short form of `make chaos`: a server and a worker are killed, the disk is full, and the numbers stay."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from chaos.disturbed import Disturbance, shuffled
from chaos.world import World

PLAYED: dict[str, Any] = {
    "policy": "random",
    "references": ["oracle"],
    "evaluation": {"tasks": 8, "samples": 60},
}
"""No model plays in the short form: to import torch in each of its processes would take longer than the rest."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    found = World(tmp_path_factory.mktemp("chaos"))
    try:
        assert found.driver(found.study(**PLAYED), "undisturbed").wait(timeout=300) == 0, found.said("undisturbed")
        yield found
    finally:
        found.close()
        end = time.monotonic() + 10
        while found.left_over() and time.monotonic() < end:
            time.sleep(0.05)
        assert found.left_over() == {}


def test_a_run_that_is_killed_all_over_ends_with_the_numbers_of_one_that_was_not(world: World) -> None:
    study = next(world.root.glob("study-0.yaml"))
    kinds = ["environment server", "worker", "full disk"]
    found = Disturbance(world, study, kinds, 0, longest=3.0).run("undisturbed", "disturbed")
    assert found.problems == []
    assert dict(found.done) == dict.fromkeys(kinds, 1)
    assert found.sessions >= 2  # a full disk ends one


def test_kinds_follow_from_the_seed_each_as_often_as_asked() -> None:
    counts = {"driver": 3, "worker": 2}
    assert shuffled(counts, 1) == shuffled(counts, 1)
    assert sorted(shuffled(counts, 1)) == ["driver"] * 3 + ["worker"] * 2
    assert len({tuple(shuffled(counts, seed)) for seed in range(20)}) > 3
