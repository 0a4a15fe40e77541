"""What a dry run says beyond the plan and its budget, which `test_cli_runs.py` looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rftcore import registry
from tests.study.conftest import Done

Command = Callable[..., Done]


def test_a_dry_run_says_what_is_not_installed_here(
    rftcore: Command, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_added", {})
    registry.add(replace(registry.spec("executor", "inline"), name="needy", needs=("abacus>=2",)))
    arguments = ("train", "--train", "even", "--dry-run", f"model={model}", "training.updates=2")
    done = rftcore(*arguments, "executor=needy")
    assert (done.code, done.err) == (0, "")
    assert "executor 'needy' cannot run here, before: pip install 'abacus>=2'" in done.out.splitlines()
    assert "cannot run here" not in rftcore(*arguments).out


def test_an_experiment_takes_the_speed_that_its_dry_run_speaks_of(rftcore: Command, model: Path) -> None:
    done = rftcore("train", "--train", "even:easy", "--dry-run", f"model={model}", "--tflops", "2")
    assert (done.code, done.err) == (0, "")
    assert "\n1 stage\n" in done.out
    assert "at 2 TFLOP/s a job (--tflops)" in done.out
