"""Device and dtype: what is not there is refused with what is, and bfloat16 weights learn and come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rftcore.errors import ConfigError
from rftcore.train.checkpoint import load_model, optimizer_state, save_checkpoint
from rftcore.train.engine import find_device
from rftcore.train.rows import Row
from rftcore.train.tiny import build_tokenizer

Make = Callable[..., Any]
ROWS = [Row([4, 9, 8, 0], [2, 3], [-3.0, -3.0], [1.0, -0.5]), Row([4, 7, 0], [2], [-3.0], [-1.0])]


def _absent() -> list[str]:
    """Names of devices that no machine of this kind has."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [f"cuda:{count}", *([] if torch.backends.mps.is_available() else ["mps"]), "gpu"]


@pytest.mark.parametrize("name", _absent())
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"device: '{name}' cannot be used here \(.+\); expected one of auto, cpu"):
        find_device(name)


def test_the_cpu_is_always_there() -> None:
    assert find_device("cpu") == torch.device("cpu")
    assert find_device("auto").type in ("cpu", "cuda")


@pytest.mark.parametrize("kind", ["qwen2", "gpt_neox"])
def test_bfloat16_weights_learn_and_come_back(kind: str, make_model: Make, make_learner: Make, tmp_path: Path) -> None:
    learner = make_learner(make_model(kind).to(torch.bfloat16), learning_rate=0.01)
    before = learner.logprobs(ROWS)
    for _ in range(3):
        learner.step(ROWS)
    after = learner.logprobs(ROWS)
    assert after[0][0] > before[0][0]
    assert after[1][0] < before[1][0]
    assert {parameter.dtype for parameter in learner.model.parameters()} == {torch.bfloat16}
    averages = optimizer_state(learner.model, learner.optimizer)
    save_checkpoint(tmp_path / "last", learner.model, build_tokenizer(["go on"]), {}, averages)
    loaded = load_model(tmp_path / "last", dtype=torch.bfloat16)
    for name, value in learner.model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_adapters_on_bfloat16_weights_are_float32(make_model: Make, make_learner: Make) -> None:
    model = make_model("llama").to(torch.bfloat16)
    learner = make_learner(model, learning_rate=1e-5, lora={"rank": 4})
    before = {name: value.detach().clone() for name, value in learner.model.named_parameters()}
    learner.step(ROWS)
    moved = {name: value for name, value in learner.model.named_parameters() if not torch.equal(value, before[name])}
    assert moved
    assert {value.dtype for value in moved.values()} == {torch.float32}
    assert all("lora_" in name for name in moved)


def test_float16_weights_which_a_configuration_refuses_would_be_lost(make_model: Make, make_learner: Make) -> None:
    learner = make_learner(make_model("llama").to(torch.float16), loss=_faint)
    learner.step(ROWS)
    assert not all(parameter.isfinite().all() for parameter in learner.model.parameters())


def _faint(*, logprobs: Any, advantages: Any, mask: Any, **rest: Any) -> tuple[torch.Tensor, dict[str, float]]:
    return -1e-3 * (logprobs * advantages * mask).sum(), {}
