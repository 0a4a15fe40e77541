"""The size of a model without loading it, against the models that transformers and peft make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from rftcore import shape as shapes
from rftcore.models import find_model
from rftcore.schemas.config import LoRA
from rftcore.shape import count_parameters, read_shape
from tests.study.shapes import CONFIG, LAYER, WEIGHTS, tensors, write

DYNAMIC = {"rope_scaling": {"type": "dynamic", "factor": 2.0}}


def test_weights_are_counted_from_the_header_of_their_file(tmp_path: Path) -> None:
    found = read_shape(str(write(tmp_path / "m", tensors())))
    assert found is not None
    assert found.parameters == WEIGHTS == 800 + 2 * LAYER + 8
    assert found.stacked == 2 * (64 + 32 + 32 + 2 * 128)
    assert (found.vocabulary, found.width, found.mlp, found.layers) == (100, 8, 16, 2)
    assert (found.heads, found.kv_heads, found.head_width, found.context) == (2, 1, 4, 512)
    assert found.own_forward
    assert found.others == (tmp_path / "m/config.json").stat().st_size


def test_adapters_are_rank_times_in_and_out_of_each_linear_layer(tmp_path: Path) -> None:
    found = read_shape(str(write(tmp_path, tensors())))
    assert found is not None
    # q and o 8+8, k and v 4+8, gate, up and down 16+8
    assert found.adapter(LoRA(rank=2)) == 2 * 2 * (2 * 16 + 2 * 12 + 3 * 24)
    assert found.adapter(LoRA(rank=4, targets=("q_proj", "v_proj"))) == 4 * 2 * (16 + 12)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tie_word_embeddings": False},
        {"model_type": "qwen2"},
        {"model_type": "mistral", "num_key_value_heads": 2},
    ],
)
def test_a_configuration_of_the_llama_family_tells_as_many_weights_as_transformers_makes(
    changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {**CONFIG, **changes}
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda name, file: str(tmp_path / file))
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(tmp_path))
    found = read_shape("owner/model")
    assert found is not None
    assert found.parameters == model.num_parameters()
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    assert found.adapter(LoRA(rank=4)) == sum(p.numel() for p in adapted.parameters() if p.requires_grad)


def test_a_model_outside_the_family_has_its_size_from_its_file_and_no_forward_of_ours(tmp_path: Path) -> None:
    model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2, n_positions=32))
    model.save_pretrained(tmp_path)
    found = read_shape(str(tmp_path))
    assert found is not None
    assert found.parameters == model.num_parameters()
    assert (found.layers, found.width, found.mlp, found.context) == (2, 16, 64, 32)
    assert not found.own_forward


def test_a_window_or_another_activation_is_not_computed_by_our_forward(tmp_path: Path) -> None:
    for changes in ({"model_type": "mistral", "sliding_window": 64}, {"hidden_act": "gelu"}, DYNAMIC):
        found = read_shape(str(write(tmp_path, tensors(), {**CONFIG, **changes})))
        assert found is not None
        assert not found.own_forward


def test_only_the_files_that_transformers_loads_are_the_model(tmp_path: Path) -> None:
    single = write(tmp_path / "single", tensors())
    alone = read_shape(str(single))
    weights = (single / "model.safetensors").read_bytes()
    for name in ("optimizer.safetensors", "consolidated.safetensors", "pytorch_model.bin", "model.gguf", "README.md"):
        (single / name).write_bytes(weights)
    assert read_shape(str(single)) == alone

    parts = write(tmp_path / "parts", tensors())
    (parts / "model.safetensors").rename(parts / "model-00001-of-00001.safetensors")
    (parts / "consolidated.safetensors").write_bytes(weights.replace(b"model.norm", b"other.norm"))
    index = parts / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict.fromkeys(tensors(), "model-00001-of-00001.safetensors")}))
    found = read_shape(str(parts))
    assert found is not None
    assert found.parameters == WEIGHTS


@pytest.mark.parametrize(
    "changes",
    [{"intermediate_size": [16, 16]}, {"max_position_embeddings": [512]}, {"rope_scaling": "yes"}],
    ids=str,
)
def test_a_configuration_of_another_kind_is_a_model_whose_shape_is_not_known(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    assert read_shape(str(write(tmp_path, tensors(), {**CONFIG, **changes}))) is None


def test_a_text_configuration_that_is_null_is_none(tmp_path: Path) -> None:
    found = read_shape(str(write(tmp_path, tensors(), {**CONFIG, "text_config": None})))
    assert found is not None
    assert found.parameters == WEIGHTS


@pytest.mark.parametrize("text", ["version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "", "{}"])
def test_a_file_that_stands_for_weights_tells_no_shape(text: str, tmp_path: Path) -> None:
    write(tmp_path, tensors())
    (tmp_path / "model.safetensors").write_text(text)
    assert read_shape(str(tmp_path)) is None


@pytest.mark.parametrize("name", ["config.json", "adapter_config.json", "model.safetensors.index.json"])
def test_a_file_that_is_no_json_tells_no_shape(name: str, tmp_path: Path) -> None:
    write(tmp_path, tensors())
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / name).write_text("[")
    assert read_shape(str(tmp_path)) is None


def test_an_adapter_has_the_shape_of_the_model_below_it(tmp_path: Path) -> None:
    base = write(tmp_path / "base", tensors())
    (tmp_path / "adapter").mkdir()
    file = tmp_path / "adapter/adapter_config.json"
    file.write_text(json.dumps({"base_model_name_or_path": str(base)}))
    assert read_shape(str(tmp_path / "adapter")) == read_shape(str(base))
    file.write_text(json.dumps({"base_model_name_or_path": str(tmp_path / "gone")}))
    assert read_shape(str(tmp_path / "adapter")) is None


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", 7_000_000_000),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", 135_000_000),
        ("Qwen/Qwen2.5-0.5B", 500_000_000),
        ("openai/gpt2", None),
        ("someone/v2-beta", None),
    ],
)
def test_a_hub_s_name_tells_the_size_where_it_has_one(
    name: str, parameters: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda name, file: None)
    assert read_shape(name) is None
    assert count_parameters(name) == parameters


def test_the_embedded_policy_has_the_shape_that_its_folder_says() -> None:
    found = read_shape("rftcore/tiny")
    assert found is not None
    model = AutoModelForCausalLM.from_pretrained(find_model("rftcore/tiny"))
    assert found.parameters == model.num_parameters()
    assert shapes.FAMILY.index(model.config.model_type) >= 0 and found.own_forward
