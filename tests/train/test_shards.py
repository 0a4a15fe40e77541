"""Split weights make the update of whole ones: real FSDP2, in two launched processes that talk over gloo."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from rftcore import launch
from rftcore.errors import ConfigError, RunError
from rftcore.formats import prompt_format
from rftcore.records import write_groups
from rftcore.rollout import ModelActor, collect
from rftcore.schemas.config import HFSamplerConfig, LearnerConfig
from rftcore.train.checkpoint import load_model, optimizer_state, restore_optimizer, save_checkpoint
from rftcore.train.learner import Learner
from rftcore.train.peers import Peers
from rftcore.train.rows import Row
from rftcore.train.sampler import HFSampler
from rftcore.train.shards import check_launch, check_splitting, is_split
from rftcore.train.tiny import build_tokenizer
from tests.specimens.launched import launch_environment, launched
from tests.specimens.one_update import one_update, state
from tests.train.conftest import Letters, Talk, build

CASES: dict[str, dict[str, Any]] = {
    "qwen2": {"minibatches": 8, "micro_tokens": 64},  # a process has one row of a step, or none
    "gpt_neox": {"minibatches": 2, "micro_tokens": 128, "lora": {"rank": 2}, "max_grad_norm": 0.1},
}


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `accelerate launch` tells its processes."""
    for name, value in launch_environment("fsdp2.yaml").items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stored groups of real episodes: an odd number of rows of unlike lengths."""
    place, world = tmp_path_factory.mktemp("groups"), Talk()
    sampler = HFSampler(HFSamplerConfig(slots=8, max_context=256), model=build("qwen2"))
    actor = ModelActor(sampler, Letters(), prompt_format("plain"), lanes=8, max_new_tokens=6)
    groups = asyncio.run(collect({"talk": world}, actor, world.tasks("train", "easy")[:3], 5, seed=0))
    write_groups(place / "groups.jsonl", groups)
    return place


def update_of_one_rank(folder: Path, kind: str) -> tuple[dict[str, float], bool, int]:
    """Make the update in a launched process and leave its state in the folder."""
    learner, figures = one_update(folder, kind, CASES[kind])
    save_file(state(learner), folder / f"{kind}.{launch.rank()}.safetensors")
    kept = sum(parameter.to_local().numel() for parameter in learner.model.parameters())
    return figures, is_split(learner.model), kept


@pytest.mark.parametrize("kind", CASES)
def test_split_weights_make_the_update_of_whole_ones(kind: str, folder: Path) -> None:
    told = launched(update_of_one_rank, folder, kind)
    alone, figures = one_update(folder, kind, CASES[kind])
    for found, split, _ in told:
        assert split
        assert found == pytest.approx(figures, rel=1e-4, abs=1e-5)
    assert sum(kept for _, _, kept in told) == sum(parameter.numel() for parameter in alone.model.parameters())
    assert min(kept for _, _, kept in told) > 0
    first, second = (load_file(folder / f"{kind}.{rank}.safetensors") for rank in (0, 1))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    expected = state(alone)
    assert expected.keys() == first.keys()
    for name, value in expected.items():
        torch.testing.assert_close(first[name], value, rtol=0, atol=1e-5)
    moments = [name for name in expected if name.endswith("/moment")]
    assert max(float(expected[name].abs().max()) for name in moments) > 1e-3  # 1e-5 is little of them


ROWS = [Row([4, 9, 5 + n, 7], [2, 3], [-3.0, -2.0], [1.0, -0.5 * n], trajectory=f"t{n}") for n in range(5)]


def resumed_in_launched_processes(place: Path, lora: dict[str, int] | None) -> tuple[bool, list[str]]:
    """Make two updates, and the second one again from a checkpoint between them; compare, and list its averages."""
    build("llama").save_pretrained(place / f"base{launch.rank()}")
    config = LearnerConfig.model_validate({"learning_rate": 1e-2, "lora": lora})
    straight = Learner(load_model(place / f"base{launch.rank()}"), config, loss=policy_gradient)
    straight.step(ROWS)
    averages = optimizer_state(straight.model, straight.optimizer)
    if not launch.rank():
        save_checkpoint(place / "last", straight.whole, build_tokenizer(["go on"]), {}, averages)
    Peers().gather(None)
    again = Learner(load_model(place / "last"), config, loss=policy_gradient)
    restore_optimizer(place / "last", again.model, again.optimizer)
    for learner in (straight, again):
        learner.step(ROWS)
    expected, found = state(straight), state(again)
    assert expected.keys() == found.keys()
    return all(torch.equal(value, found[name]) for name, value in expected.items()), sorted(averages)


def policy_gradient(
    *, logprobs: torch.Tensor, advantages: torch.Tensor, mask: torch.Tensor, tokens: int, **rest: Any
) -> tuple[torch.Tensor, dict[str, float]]:
    return -(logprobs * advantages * mask).sum() / tokens, {}


@pytest.mark.parametrize("lora", [None, {"rank": 2}], ids=["all weights", "adapters"])
def test_a_checkpoint_of_split_weights_is_whole_and_resumes_to_the_same_numbers(lora: Any, tmp_path: Path) -> None:
    (same, averages), (same_too, _) = launched(resumed_in_launched_processes, tmp_path, lora)
    assert same and same_too
    stored = load_file(tmp_path / "last" / "optimizer.safetensors")
    assert sorted(stored) == averages
    weights = load_file(tmp_path / "last" / ("adapter_model.safetensors" if lora else "model.safetensors"))
    averaged = {name.removesuffix("/exp_avg"): value.shape for name, value in stored.items() if name.endswith("_avg")}
    if lora is not None:  # peft leaves the adapter's name out
        averaged = {name.replace(".default.", "."): shape for name, shape in averaged.items()}
    assert averaged == {name: value.shape for name, value in weights.items()}


def fails_in_the_second() -> str:
    """Return what the learner of a launched process says when another one's loss is not finite."""
    learner = Learner(build("qwen2"), LearnerConfig(micro_tokens=64), loss=lonely)
    before = {name: value.clone() for name, value in learner.whole.state_dict().items()}
    with pytest.raises(RunError) as error:
        learner.step(ROWS)
    assert all(torch.equal(before[name], value) for name, value in learner.whole.state_dict().items())
    return str(error.value)


def lonely(*, logprobs: torch.Tensor, tokens: int, **rest: Any) -> tuple[torch.Tensor, dict[str, float]]:
    """Fail in the second process only."""
    return logprobs.sum() / tokens * (math.nan if launch.rank() else 1.0), {}


def test_a_loss_that_is_not_finite_in_one_process_is_the_same_error_in_all() -> None:
    first, second = launched(fails_in_the_second)
    assert first == second
    assert first.startswith("the loss is nan, because of t2, t3, t4. Nothing was learned from this step")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FSDP_VERSION", "1", "fsdp_version is '1', expected '2'"),
        ("FSDP_CPU_RAM_EFFICIENT_LOADING", "true", "fsdp_cpu_ram_efficient_loading is 'true', expected 'false'"),
        ("FSDP_ACTIVATION_CHECKPOINTING", "true", "fsdp_activation_checkpointing is 'true', expected 'false'"),
        ("FSDP_OFFLOAD_PARAMS", "true", "fsdp_offload_params is 'true', expected 'false'"),
        ("ACCELERATE_MIXED_PRECISION", "bf16", "mixed_precision is 'bf16', expected 'no'"),
    ],
)
def test_a_way_of_splitting_that_would_give_other_weights_is_refused(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, given in {"MASTER_ADDR": "localhost", "MASTER_PORT": "1", "WORLD_SIZE": "2", "RANK": "0"}.items():
        monkeypatch.setenv(key, given)
    check_splitting()
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=f"split over 2 processes, and {said}"):
        check_splitting()


def test_a_launch_with_deepspeed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACCELERATE_USE_FSDP")
    for key, given in {"MASTER_ADDR": "localhost", "MASTER_PORT": "1", "WORLD_SIZE": "2", "RANK": "0"}.items():
        monkeypatch.setenv(key, given)
    check_splitting()
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    with pytest.raises(ConfigError, match="found a launch with DeepSpeed, expected FSDP2"):
        check_splitting()


def test_a_launch_of_another_kind_is_refused() -> None:
    accelerator: Any = SimpleNamespace(distributed_type=SimpleNamespace(value="MEGATRON_LM"), num_processes=1)
    with pytest.raises(ConfigError, match="found a launch of the kind MEGATRON_LM, expected plain data parallelism"):
        check_launch(accelerator)


def test_processes_that_accelerate_does_not_connect_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"MASTER_ADDR": "localhost", "MASTER_PORT": "1", "WORLD_SIZE": "2", "RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    accelerator: Any = SimpleNamespace(distributed_type=SimpleNamespace(value="NO"), num_processes=1)
    with pytest.raises(ConfigError, match="found 2 processes, of which accelerate connects 1: on this device their"):
        check_launch(accelerator)
