"""LoRA: the weights underneath stay, the start policy is the model without, and what does not fit is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from rftcore.errors import ConfigError, RunError
from rftcore.schemas.config import LearnerConfig, LoRA
from rftcore.train.adapters import with_adapters
from rftcore.train.checkpoint import load_model, save_checkpoint, save_whole
from rftcore.train.learner import Learner
from rftcore.train.logprobs import row_logprobs
from rftcore.train.rows import Row
from rftcore.train.tiny import build_tokenizer

Make = Callable[..., Any]
TOKENIZER = build_tokenizer(["go on"])
ROWS = [Row([4, 9, 8, 0], [2, 3], [-3.0, -3.0], [1.0, -0.5]), Row([4, 7, 0], [2], [-3.0], [-1.0])]
IDS = torch.tensor([[4, 9, 8, 0, 7]])


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(IDS).logits  # type: ignore[no-any-return]


@pytest.fixture
def trained(tmp_path: Path, make_model: Make, make_learner: Make) -> Any:
    """A model with trained adapters; its base is in `tmp_path / "base"`, its checkpoint in `tmp_path / "last"`."""
    make_model("llama").save_pretrained(tmp_path / "base")
    learner = make_learner(load_model(tmp_path / "base"), learning_rate=0.05, lora={"rank": 2, "alpha": 4})
    for _ in range(3):
        learner.step(ROWS)
    save_checkpoint(tmp_path / "last", learner.model, TOKENIZER, {})
    return learner.model


def test_a_checkpoint_holds_adapters_alone_and_transformers_with_peft_load_it(trained: Any, tmp_path: Path) -> None:
    assert not (tmp_path / "last" / "model.safetensors").exists()
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    before = logits(base)
    loaded = PeftModel.from_pretrained(base, tmp_path / "last")
    assert torch.equal(logits(loaded), logits(trained))
    assert not torch.allclose(before, logits(loaded), atol=0.01)


def test_merged_it_is_one_model_that_says_the_same(trained: Any, tmp_path: Path) -> None:
    save_whole(tmp_path / "whole", tmp_path / "last", "float32")
    assert not (tmp_path / "whole" / "adapter_config.json").exists()
    assert torch.allclose(logits(AutoModelForCausalLM.from_pretrained(tmp_path / "whole")), logits(trained), atol=1e-5)


@pytest.mark.parametrize("kind", ["llama", "qwen3"])
def test_the_model_with_its_adapters_off_is_a_reference_as_good_as_a_copy(kind: str, make_model: Make) -> None:
    """One penalized update with either gives the same weights, and the reference stays what it was while they move."""

    def loss(*, logprobs: Any, reference_logprobs: Any, advantages: Any, mask: Any, **rest: Any) -> Any:
        distances.append(((logprobs - reference_logprobs) * mask).abs().max().item())
        return ((logprobs - reference_logprobs).square() * mask - logprobs * advantages * mask).sum(), {}

    ends, config = [], LearnerConfig(learning_rate=0.05, lora=LoRA(rank=2, alpha=4))
    for own in (True, False):
        torch.manual_seed(0)
        distances: list[float] = []
        model, copy = make_model(kind), make_model(kind)
        start = row_logprobs(copy, ROWS, temperature=1.0, tokens=4096)
        learner = Learner(model, config, loss=loss, reference=model if own else copy.requires_grad_(False))
        for _ in range(3):
            learner.step(ROWS)
        assert distances[0] < 1e-5 and min(distances[1:]) > 0.01
        with learner.model.disable_adapter():
            assert torch.allclose(
                torch.tensor(row_logprobs(learner.model, ROWS, temperature=1.0, tokens=4096)[0]),
                torch.tensor(start[0]),
                atol=1e-5,
            )
        ends.append(learner.logprobs(ROWS))
    assert all(
        abs(one - other) < 1e-3
        for a, b in zip(*ends, strict=True)
        for one, other in zip(a, b, strict=True)
    )  # fmt: skip


@pytest.mark.parametrize(("key", "value", "own"), [("rank", 4, "2"), ("alpha", 8.0, "4")])
def test_an_adapter_is_not_trained_on_as_another_than_it_is(
    key: str, value: float, own: str, trained: Any, tmp_path: Path, make_learner: Make
) -> None:
    lora = {"rank": 2, "alpha": 4.0, key: value}
    with pytest.raises(ConfigError, match=rf"learner\.lora\.{key}: found {value}, but the adapter .* has {own}"):
        make_learner(load_model(tmp_path / "last"), lora=lora)


@pytest.mark.parametrize("targets", [("q_proj", "no_such"), "no_such"])
def test_targets_that_are_no_layers_are_refused_with_those_that_there_are(targets: Any, make_model: Make) -> None:
    with pytest.raises(
        ConfigError, match=r"learner\.lora\.targets: found .*no_such.* such as down_proj, gate_proj, k_proj, o_proj"
    ):
        with_adapters(make_model("llama"), LoRA(targets=targets))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            {"intermediate_size": 64},
            r"it is \d+ wide at model\.layers\.0\.mlp\.\w+, where that model is 64, and \d+ more",
        ),
        ({"num_hidden_layers": 1}, r"it is for a layer model\.layers\.1\.\S+, which that model does not have, and"),
    ],
)
def test_an_adapter_that_does_not_fit_the_model_says_where(
    change: dict[str, int], what: str, trained: Any, tmp_path: Path, make_model: Make
) -> None:
    make_model("llama", **change).save_pretrained(tmp_path / "base")
    with pytest.raises(RunError, match=rf"adapter in '.*last' does not fit the model '.*base': {what}"):
        load_model(tmp_path / "last")


def test_an_adapter_whose_model_is_gone_says_which(trained: Any, tmp_path: Path) -> None:
    (tmp_path / "base").rename(tmp_path / "elsewhere")
    with pytest.raises(RunError, match=r"was trained from the model in '.*base', which is not there\. Bring it back"):
        load_model(tmp_path / "last")
    config = tmp_path / "last" / "adapter_config.json"
    moved = json.loads(config.read_text()) | {"base_model_name_or_path": str(tmp_path / "elsewhere")}
    (tmp_path / "last" / "checkpoint.json").unlink()  # its hashes are those of the file as it was
    config.write_text(json.dumps(moved))
    assert torch.equal(logits(load_model(tmp_path / "last")), logits(trained))
