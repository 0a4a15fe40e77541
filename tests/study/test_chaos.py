"""The short form of `make chaos`: servers, a worker and an actor of Ray are killed, the disk is full, and environments
fail; the numbers stay.

That of sampler servers is in rftcore-vllm's `test_vllm_failures.py`: it needs torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from chaos.__main__ import KINDS, shares
from chaos.disturbed import Disturbance, shuffled
from chaos.faulty import faulty
from chaos.world import World

PLAYED: dict[str, Any] = {
    "policy": "random",
    "references": ["oracle"],
    "evaluation": {"tasks": 8, "samples": 30},
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
        assert found.left_over() == {}


def test_a_run_that_is_killed_all_over_ends_with_the_numbers_of_one_that_was_not(world: World) -> None:
    study = next(world.root.glob("study-0.yaml"))
    kinds = ["environment server", "worker", "full disk"]
    found = Disturbance(world, study, kinds, 0, longest=3.0).run("undisturbed", "disturbed")
    assert found.problems == []
    assert dict(found.done) == dict.fromkeys(kinds, 1)
    assert found.sessions >= 2  # a full disk ends one


def test_a_run_on_ray_whose_actor_is_killed_ends_with_the_numbers_of_worker_processes(world: World) -> None:
    study = world.study(**PLAYED, executor={"name": "ray", "workers": 2})
    found = Disturbance(world, study, ["Ray actor"], 0, longest=2.0).run("undisturbed", "on-ray")
    assert found.problems == []
    assert dict(found.done) == {"Ray actor": 1}


def test_environments_that_fail_at_start_step_and_close_leave_an_unbiased_sample_and_accounts(world: World) -> None:
    found = faulty(world, "undisturbed", **PLAYED)
    assert found.problems == []
    assert found.done["failed episodes"] > 0 < found.done["episodes not closed"]


def test_each_kind_is_killed_as_often_and_in_each_part_that_has_it() -> None:
    dealt = shares(30)
    assert sum(dealt.values(), Counter()) == dict.fromkeys(KINDS, 6)
    assert dealt["processes"] == {"driver": 2, "worker": 3, "environment server": 3}
    assert dealt["Ray"] == {"driver": 2, "Ray actor": 6, "environment server": 3}
    assert dealt["sampler servers"] == {"driver": 2, "worker": 3, "sampler server": 6}


def test_kinds_follow_from_the_seed_each_as_often_as_asked() -> None:
    counts = {"driver": 3, "worker": 2}
    assert shuffled(counts, 1) == shuffled(counts, 1)
    assert sorted(shuffled(counts, 1)) == ["driver"] * 3 + ["worker"] * 2
    assert len({tuple(shuffled(counts, seed)) for seed in range(20)}) > 3
