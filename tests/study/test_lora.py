"""LoRA through every algorithm and whole runs: the model underneath stays to the bit; what is exported loads."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from rftcore import ConfigError, Experiment, RunError, registry
from rftcore.cli import main
from rftcore.export import export
from rftcore.records import RunFolder, find_run
from rftcore.train.chat import load_tokenizer
from rftcore.train.checkpoint import load_model
from rftcore.train.engine import Engine
from tests.study.conftest import small

LEARNER = {"learning_rate": 0.05, "lora": {"rank": 2, "alpha": 4}}
IDS = torch.tensor([[4, 9, 8, 0, 7]])


def below(model: Any) -> str:
    """The sha256 of all weights but the adapters'."""
    state = {
        name.replace(".base_layer", "").removeprefix("base_model.model."): w for name, w in model.named_parameters()
    }
    parts = [f"{name} {state[name].detach().numpy().tobytes().hex()}" for name in sorted(state) if "lora_" not in name]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@pytest.mark.parametrize("algorithm", registry.names("algorithm"))
def test_every_algorithm_trains_adapters_and_leaves_the_model_below_to_the_bit(
    algorithm: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes, save = [], Engine.save

    def saved(engine: Any, *arguments: Any, **options: Any) -> None:
        hashes.append(below(engine._model))
        save(engine, *arguments, **options)

    monkeypatch.setattr(Engine, "save", saved)
    config = small(model, train="even:easy", algorithm=algorithm, learner=LEARNER)
    report = Experiment(config).run(tmp_path)
    assert report.stages[0].drift == 0 and (report.stages[0].sampler_gap or 0) < 1e-4
    assert hashes == [below(load_model(model))] * 3
    (checkpoint,) = (tmp_path / "small").glob("stages/*/checkpoint")
    assert not (checkpoint / "model.safetensors").exists()
    adapters = load_model(checkpoint).state_dict()
    assert max(float(w.abs().max()) for name, w in adapters.items() if "lora_B" in name) > 0  # they begin as 0


@pytest.fixture(scope="module")
def run(model: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run with LoRA."""
    from tests.study.conftest import small_world

    root = tmp_path_factory.mktemp("runs")
    with small_world():
        Experiment(small(model, train="even:easy>third:easy", learner=LEARNER)).run(root)
    return RunFolder(root / "small")


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(IDS).logits  # type: ignore[no-any-return]


def test_an_exported_adapter_is_loaded_by_transformers_and_peft(run: RunFolder, model: Path, tmp_path: Path) -> None:
    out = export(run, tmp_path / "out", checkpoint="even:easy")
    assert {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json"} <= {
        file.name for file in out.iterdir()
    }
    assert not {"checkpoint.json", "model.safetensors", "optimizer.safetensors"} & {file.name for file in out.iterdir()}
    (stage,) = (file.parent for file in run.path.glob("stages/*/stage.json") if _name(file) == "even:easy")
    found = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32), out)
    assert torch.equal(logits(found), logits(load_model(stage / "checkpoint")))


def _name(file: Path) -> str:
    return str(json.loads(file.read_text())["name"])


def test_merged_on_request_it_is_one_model_by_the_command_line_too(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "whole"
    monkeypatch.setattr("sys.argv", ["rftcore", "export", str(run.path), "--merge", "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert str(out) in capsys.readouterr().out
    assert not list(out.glob("adapter*"))
    (stage,) = (file.parent for file in run.path.glob("stages/*/stage.json") if _name(file) == "even:easy>third:easy")
    whole = AutoModelForCausalLM.from_pretrained(out, dtype="auto")
    assert whole.dtype == torch.float32
    assert torch.allclose(logits(whole), logits(load_model(stage / "checkpoint")), atol=1e-4)
    assert load_tokenizer(out).chat_template == load_tokenizer(stage / "checkpoint").chat_template
    assert (out / "card.json").read_text() == '{"environments": ["even"]}'


def test_what_cannot_be_exported_is_refused(run: RunFolder, model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"found no, but small has even:easy, even:easy>third:easy"):
        export(run, tmp_path / "out", checkpoint="no")
    (tmp_path / "out").mkdir()
    with pytest.raises(ConfigError, match=r"--out: found '.*out', expected a folder that is not there yet"):
        export(run, tmp_path / "out")
    inner = tmp_path / "out" / "new" / "sub"
    assert export(run, inner) == inner and (inner / "tokenizer.json").is_file()  # folders on the way are made
    Experiment(small(model, train="even:easy", name="fresh")).create(tmp_path)
    with pytest.raises(RunError, match=r"even:easy of fresh is not trained yet; finish it: rftcore resume fresh"):
        export(find_run("fresh", tmp_path), tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh", "out"]


def test_the_start_policy_of_every_stage_is_the_model_without_adapters(model: Path, tmp_path: Path) -> None:
    """So the penalty is 0 in the first update of all, and not in the first of the stage after."""
    config = small(model, train="even:easy>third:easy", learner=LEARNER, algorithm={"name": "grpo", "kl": 0.1})
    first, second = Experiment(config).run(tmp_path).stages
    assert abs(first.curve[0]["kl_reference"]) < 1e-6
    assert second.curve[0]["kl_reference"] > 1e-4
