"""A world small enough to run whole studies in a second: two environments in one plugin file, one tiny model.

The environments of the plugin `chance` are the only installed ones here, and an untrained model succeeds in them by
chance, so that there is something to learn. What runs is the real thing: torch, checkpoints, reports.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rftcore import plugins
from rftcore.plugin import Plugin
from rftcore.records import RunFolder
from rftcore.study import Study

TESTS = Path(__file__).parents[1]
CHANCE = TESTS / "specimens" / "chance.py"
PLUGINS = TESTS.parent / "plugins"
BLOCKED = ",".join(
    sorted(file.relative_to(PLUGINS).parts[0] for file in PLUGINS.glob("rftcore-*/rftcore_*/**/environment.py"))
)


@contextmanager
def small_world() -> Iterator[None]:
    """Install the plugin `chance` and hide the real environments, for this process and its children."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(plugins.BLOCK, BLOCKED)
        patch.setenv(plugins.FILES, str(CHANCE))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setattr(plugins, "_found", list(_installed()))
        yield


@cache
def _installed() -> tuple[Plugin, ...]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "_found", None)
        return plugins.installed()


with small_world():
    import chance  # type: ignore[import-not-found]  # noqa: F401  # so that tests can import it too


@pytest.fixture(autouse=True)
def _small_world() -> Iterator[None]:
    with small_world():
        yield


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained model of one layer."""
    folder = untrained(tmp_path_factory.mktemp("model"))
    (folder / "card.json").write_text('{"environments": ["even"]}')
    return folder


def untrained(folder: Path) -> Path:
    """Write an untrained model of one layer that knows the words of the small world, and return its folder."""
    from rftcore.train.tiny import TinyConfig, build_model, build_tokenizer

    tokenizer = build_tokenizer(["even third yes no again ab aba 0 1 2 3 4 5 6"])
    build_model(len(tokenizer), TinyConfig(layers=1, width=32, mlp=32), 0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def small(model: Path | str = "nowhere", **changes: Any) -> dict[str, Any]:
    """The configuration of a run that takes a fraction of a second, without what is trained."""
    return {
        "name": "small",
        "model": str(model),
        "environments": {"even": {}},
        "sampling": {"max_new_tokens": 3},
        "training": {"updates": 3, "groups": 3, "samples": 4, "checkpoint_every": 1},
        "learner": {"learning_rate": 0.01},
        "evaluation": {"tasks": 3, "samples": 2},
        **changes,
    }


AXES = {
    "difficulty": ["even:easy", "even:easy>even:hard"],
    "transfer": ["third"],
    "sequence": ["even:easy>third", "even:easy+third"],
}


@pytest.fixture(scope="session")
def study_folder(model: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished study; tests that change it copy it first."""
    root = tmp_path_factory.mktemp("runs")
    with small_world():
        Study(small(model, held_out="installed", axes=AXES)).run(root)
    return RunFolder(root / "small")


def report_of(folder: Path) -> dict[str, Any]:
    """What `report.json` holds."""
    found: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="session")
def differences() -> Callable[[Any, Any], list[str]]:
    """The comparer that ships with the tests."""
    compare = runpy.run_path(str(TESTS / "compare_reports.py"))["differences"]
    return lambda first, second: list(compare(first, second))


def in_child(work: Callable[[], object]) -> int:
    """Call `work` in a forked child and return how it ended: 0, or minus the number of the signal that killed it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_myself() -> None:
    """Die at once, as with `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def rftcore(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Done]:
    """Return a function that runs `rftcore ARGUMENTS` in this process, in an empty folder."""
    from rftcore.cli import main

    monkeypatch.delenv("RFTCORE_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["rftcore", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return Done(int(end.value.code or 0), captured.out, captured.err)

    return run
