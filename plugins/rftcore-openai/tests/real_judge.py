"""A pretrained model behind a real `vllm serve` judges how episodes failed; `make test-vllm` runs this.

The name is not one that pytest collects by itself: in an environment without vLLM there is nothing to be tested here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from rftcore.judging import judge_examples, rubric_of
from rftcore.schemas.config import Component, PolicyComponent
from rftcore_smollm2_135m import folder
from rftcore_vllm.replica import API_KEY
from rftcore_vllm.server import Server

SECONDS = 1800.0
"""A server on busy cores may take long to start and to answer."""
CONTEXT = 1024
"""Tokens: some of the episodes below are longer."""
RUBRIC = rubric_of([Component(name="generalization")])
FORM = {
    "response_format": {
        "type": "json_schema",
        "json_schema": {
            "name": "labels",
            "schema": {
                "type": "object",
                "properties": {label: {"type": "boolean"} for label in RUBRIC.labels},
                "required": list(RUBRIC.labels),
                "additionalProperties": False,
            },
        },
    }
}
"""What makes a server that samples by a grammar answer in the form that the rubric reads."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server(
        ("--served-model-name=smollm2", "--dtype=float32", f"--max-model-len={CONTEXT}", "--enforce-eager"), on_cpu=True
    )
    made.start(folder())
    end = time.monotonic() + SECONDS
    while made.alive and time.monotonic() < end:
        try:
            if httpx.get(f"{made.url}/health", timeout=5).status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.5)
    assert made.alive, made.death()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at 12 of the examples that were labelled by hand."""
    examples = list(RUBRIC.examples())[12:24]
    monkeypatch.setattr(RUBRIC, "examples", lambda: examples)


def policy(url: str, **options: Any) -> PolicyComponent:
    told = {"model": "smollm2", "base_url": f"{url}/v1", "key_variable": API_KEY, "temperature": 0, "timeout": SECONDS}
    return PolicyComponent(name="openai", options={**told, "max_new_tokens": 80, **options})


def test_a_real_model_labels_what_fits_its_context_and_is_asked_once(server: Server, tmp_path: Path) -> None:
    found = judge_examples(policy(server.url, body=FORM), RUBRIC, tmp_path)
    assert set(found.unlabelled) == {"too long for the judge"}
    assert found.labelled == 12 - found.unlabelled["too long for the judge"] >= 6
    assert found.spending.answers == found.labelled
    assert found.spending.prompt_tokens > 200 * found.labelled
    assert judge_examples(policy(server.url, body=FORM), RUBRIC, tmp_path) == found


def test_what_a_real_model_says_in_its_own_way_is_no_label(server: Server, tmp_path: Path) -> None:
    found = judge_examples(policy(server.url), RUBRIC, tmp_path)
    assert found.labelled + sum(found.unlabelled.values()) == 12
    assert found.unlabelled["an answer of another form"] > 0
