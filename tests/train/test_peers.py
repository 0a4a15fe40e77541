"""Two processes make the update of one: real ones, started by torch's launcher, that talk over gloo."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from rftcore import launch
from rftcore.errors import RunError
from rftcore.formats import prompt_format
from rftcore.records import write_groups
from rftcore.rollout import ModelActor, collect
from rftcore.schemas.config import HFSamplerConfig, LearnerConfig
from rftcore.train.learner import Learner
from rftcore.train.rows import Row
from rftcore.train.sampler import HFSampler
from tests.specimens.launched import launched
from tests.specimens.one_update import one_update, state
from tests.train.conftest import Letters, Talk, build

CASES: dict[str, dict[str, Any]] = {
    "qwen2": {"minibatches": 2, "micro_tokens": 64},  # through packed rows
    "gpt_neox": {"minibatches": 3, "micro_tokens": 128, "lora": {"rank": 2}, "max_grad_norm": 0.1},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stored groups of real episodes: an odd number of rows of unlike lengths."""
    place, world = tmp_path_factory.mktemp("groups"), Talk()
    sampler = HFSampler(HFSamplerConfig(slots=8, max_context=256), model=build("qwen2"))
    actor = ModelActor(sampler, Letters(), prompt_format("plain"), lanes=8, max_new_tokens=6)
    groups = asyncio.run(collect({"talk": world}, actor, world.tasks("train", "easy")[:3], 5, seed=0))
    write_groups(place / "groups.jsonl", groups)
    return place


def update_of_one_rank(folder: Path, kind: str) -> tuple[dict[str, float], int]:
    """Make the update in a launched process and leave its state in the folder."""
    learner, figures = one_update(folder, kind, CASES[kind])
    save_file(state(learner), folder / f"{kind}.{launch.rank()}.safetensors")
    return figures, launch.count()


@pytest.mark.parametrize("kind", CASES)
def test_two_processes_make_the_update_of_one(kind: str, folder: Path) -> None:
    told = launched(update_of_one_rank, folder, kind)
    alone, figures = one_update(folder, kind, CASES[kind])
    for found, processes in told:
        assert processes == 2
        assert found == pytest.approx(figures, rel=1e-4, abs=1e-5)
    first, second = (load_file(folder / f"{kind}.{rank}.safetensors") for rank in (0, 1))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    expected = state(alone)
    assert expected.keys() == first.keys()
    for name, value in expected.items():
        torch.testing.assert_close(first[name], value, rtol=0, atol=1e-5)
    moments = [name for name in expected if name.endswith("/moment")]
    assert max(float(expected[name].abs().max()) for name in moments) > 1e-3  # 1e-5 is little of them


def fails_in_the_second() -> str:
    """Return what the learner of a launched process says when another one's loss is not finite."""
    learner = Learner(build("qwen2"), LearnerConfig(), loss=lonely)
    before = {name: value.clone() for name, value in learner.model.state_dict().items()}
    rows = [Row([4, 9, 5 + n], [2], [-3.0], [1.0], trajectory=f"t{n}") for n in range(4)]
    with pytest.raises(RunError) as error:
        learner.step(rows)
    assert all(torch.equal(before[name], value) for name, value in learner.model.state_dict().items())
    return str(error.value)


def lonely(*, logprobs: torch.Tensor, tokens: int, **rest: Any) -> tuple[torch.Tensor, dict[str, float]]:
    """Fail in the second process only."""
    return logprobs.sum() / tokens * (math.nan if launch.rank() else 1.0), {}


def test_a_loss_that_is_not_finite_in_one_process_is_the_same_error_in_all() -> None:
    first, second = launched(fails_in_the_second)
    assert first == second
    assert first.startswith("the loss is nan, because of t2, t3. Nothing was learned from this step")


def test_shares_in_order_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    items = list(range(7))
    assert launch.share(items) == items
    for name, value in {"MASTER_ADDR": "localhost", "MASTER_PORT": "1", "WORLD_SIZE": "3"}.items():
        monkeypatch.setenv(name, value)
    parts = []
    for rank in range(3):
        monkeypatch.setenv("RANK", str(rank))
        assert (launch.count(), launch.rank()) == (3, rank)
        parts.append(list(launch.share(items)))
        assert len(launch.share([1])) == (rank == 2)
    assert parts == [[0, 1], [2, 3], [4, 5, 6]]


def test_a_number_of_processes_without_a_meeting_point_is_no_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert (launch.count(), launch.rank(), launch.local_rank()) == (1, 0, 0)
