"""The real model, downloaded for real: minutes, so `make test` leaves it out. `python -m pytest -m slow` runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rftcore.models import find_model
from rftcore.train.chat import load_tokenizer
from rftcore.train.checkpoint import load_model

EXAMPLE = Path(__file__).parents[3] / "examples/pretrained/smollm2_textcraft.py"
CHATML = """<|im_start|>system
You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>
<|im_start|>user
What is the capital of France?<|im_end|>
<|im_start|>assistant
"""

pytestmark = pytest.mark.slow


def test_the_model_answers_in_its_own_template() -> None:
    folder = find_model("rftcore/smollm2-135m")
    tokenizer, model = load_tokenizer(folder), load_model(folder)
    question = [{"role": "user", "content": "What is the capital of France?"}]
    assert tokenizer.apply_chat_template(question, tokenize=False, add_generation_prompt=True) == CHATML
    ids = torch.tensor([tokenizer.encode(CHATML, add_special_tokens=False)])
    answer = model.generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1] :]
    assert tokenizer.decode(answer) == "The capital of France is Paris.<|im_end|>"


def test_the_example_trains_an_adapter_on_exactly_what_was_sampled(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    (stage,) = json.loads((tmp_path / "runs/smollm2-textcraft/report.json").read_text())["stages"]
    assert all(0.2 < update["success"] < 0.9 for update in stage["curve"])
    assert stage["drift"] == 0
    assert stage["sampler_gap"] < 1e-4
    (checkpoint,) = tmp_path.glob("runs/smollm2-textcraft/stages/*/checkpoint")
    assert (checkpoint / "adapter_model.safetensors").stat().st_size < 20_000_000
    assert not (checkpoint / "model.safetensors").exists()
