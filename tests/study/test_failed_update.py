"""An update that is not finite stops its stage, names the trajectories, and leaves the checkpoint to go on from."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rftcore import Experiment, RunError, registry
from rftcore.checkpoint import read_state
from rftcore.records import read_lines
from rftcore.specs import AlgorithmSpec
from rftcore.train.losses import token_mean
from rftcore_grpo.algorithm import GRPO
from tests.study.conftest import report_of, small

FAILS_AT: list[int] = []
CALLS: list[int] = []


class Spoiled(GRPO):
    name = "spoiled"


def loss(
    *, logprobs: torch.Tensor, advantages: torch.Tensor, mask: torch.Tensor, tokens: int, **rest: Any
) -> tuple[torch.Tensor, dict[str, float]]:
    """Divide by 0 in the rows that did well, in the updates that are to fail."""
    CALLS.append(1)
    weight = torch.where(advantages > 0, 0.0 if len(CALLS) in FAILS_AT else 1.0, 1.0)
    return token_mean(-logprobs * advantages / weight, mask, tokens), {}


@pytest.fixture(autouse=True)
def _announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_added", {})
    registry.add(
        AlgorithmSpec(name="spoiled", target=f"{__name__}:Spoiled", loss=f"{__name__}:loss", summary="a specimen")
    )
    FAILS_AT.clear()
    CALLS.clear()


def test_the_run_stops_with_the_trajectories_and_goes_on_from_the_checkpoint_before(
    model: Path, tmp_path: Path, differences: Callable[[Any, Any], list[str]]
) -> None:
    experiment = Experiment(small(model, train="even:easy", algorithm="spoiled"))
    experiment.run(tmp_path / "whole")
    CALLS.clear()
    FAILS_AT.extend(range(3, 100))  # the third update, and the search for the rows in it
    with pytest.raises(RunError, match=r"the loss is (inf|nan|-inf), because of even/easy/train/\d sample \d") as error:
        experiment.run(tmp_path / "stopped")
    folder = tmp_path / "stopped" / "small"
    (place,) = (folder / "stages").iterdir()
    assert read_state(place / "resume")["update"] == 2  # verified against its hashes
    assert len(read_lines(place / "updates.jsonl")) == 2
    named = set(re.findall(r"even/easy/train/\d sample \d", str(error.value)))
    (stage,) = (tmp_path / "whole" / "small" / "stages").iterdir()
    third = read_lines(stage / "updates.jsonl")[2]["groups"]
    good = {
        f"{group['task']} sample {sample}"
        for group in third
        for sample, ret in enumerate(group["returns"])
        if ret > min(group["returns"])
    }
    assert named <= good
    assert len(named) == min(len(good), 8)
    FAILS_AT.clear()
    experiment.run(tmp_path / "stopped")
    assert differences(report_of(folder), report_of(tmp_path / "whole" / "small")) == []
