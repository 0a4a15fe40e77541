"""What stands in Trackio's database after real runs: finished, interrupted and resumed, and on a disk that refuses."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rftcore import Experiment
from rftcore.display import Display
from rftcore.executor import Progress
from rftcore.records import read_lines
from tests.study.conftest import small, small_world, untrained

DATABASES = Path(tempfile.mkdtemp(prefix="trackio-"))
"""Trackio reads this place once, when it is imported."""


@pytest.fixture(scope="module", autouse=True)
def _chance() -> Iterator[None]:
    """The environments of the specimen are the only ones here."""
    with small_world(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACKIO_DIR", str(DATABASES))
        for name in [name for name in sys.modules if name.partition(".")[0] == "trackio"]:
            patch.delitem(sys.modules, name)  # TRL imports it, and other tests import TRL
        yield
        shutil.rmtree(DATABASES, ignore_errors=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained model of one layer."""
    return untrained(tmp_path_factory.mktemp("model"))


def experiment(model: Path) -> Experiment:
    return Experiment(
        small(
            model,
            name="shown",
            environments={},
            train="even:easy",
            training={"updates": 3, "groups": 2, "samples": 2, "checkpoint_every": 1},
            evaluation={"tasks": 2, "samples": 2},
            references=["oracle"],
            trackers=[{"name": "trackio", "project": "mine"}],
        )
    )


class Shown:
    """What the database of the project holds of a run."""

    def __init__(self, run: Path) -> None:
        self.name = f"{run.name}-{(run / 'trackio' / 'id').read_text(encoding='utf-8')}"
        with closing(sqlite3.connect(DATABASES / "mine.db")) as database:
            lines = database.execute("SELECT step, metrics FROM metrics WHERE run_name = ? ORDER BY id", [self.name])
            self.history: list[tuple[int, dict[str, Any]]] = [(step, json.loads(text)) for step, text in lines]
            configs = database.execute("SELECT config FROM configs WHERE run_name = ?", [self.name])
            self.configs = [json.loads(text) for (text,) in configs]

    def figures(self, name: str) -> list[tuple[int, float]]:
        return [(step, line[name]) for step, line in self.history if name in line]


@pytest.fixture(scope="module")
def finished(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    root = tmp_path_factory.mktemp("runs")
    experiment(model).run(root)
    return root / "shown"


def test_every_figure_of_every_update_is_logged_at_its_update(finished: Path) -> None:
    (stage,) = (finished / "stages").glob("*/updates.jsonl")
    lines, shown = read_lines(stage), Shown(finished)
    assert [line["update"] for line in lines] == [0, 1, 2]
    for figure in ("success", "return", "drift", "loss"):  # an update whose groups teach nothing has no loss
        told = [(line["update"], pytest.approx(line[figure])) for line in lines if figure in line]
        assert shown.figures(f"even:easy/{figure}") == told


def test_cells_the_table_and_the_configuration_are_those_of_the_report(finished: Path) -> None:
    report = json.loads((finished / "report.json").read_text(encoding="utf-8"))
    shown = Shown(finished)
    for cell in [*report["axes"]["sequence"], *report["references"]]:
        ((_, value),) = shown.figures(f"evaluation/avg_at_k/{cell['environment']}:{cell['difficulty']}/{cell['train']}")
        assert value == pytest.approx(cell["avg_at_k"])
    (table,) = [line["success"]["_value"] for _, line in shown.history if "success" in line]
    assert [row["checkpoint"] for row in table] == ["base", "even:easy", "oracle"]
    assert table[-1] == {"checkpoint": "oracle", "even:easy": 1.0, "even:hard": 1.0}
    (config,) = shown.configs
    assert config["training"]["updates"] == 3
    assert config["rftcore_id"] == report["study"]["id"]


class Interrupted(Display):
    """Is stopped, as with Ctrl-C, when the stage has made two updates."""

    def progress(self, progress: Progress) -> None:
        if progress.total == 3 and progress.done == 2:
            raise KeyboardInterrupt


def test_an_interrupted_and_resumed_run_is_one_run_without_gap_or_repetition(
    model: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        experiment(model).run(tmp_path, display=Interrupted())
    experiment(model).run(tmp_path)
    shown = Shown(tmp_path / "shown")
    assert shown.name != Shown(finished).name
    points = shown.figures("even:easy/success")
    assert [update for update, _ in points] == [0, 1, 2]
    assert points == Shown(finished).figures("even:easy/success")
    assert capsys.readouterr().out == "", "what a command prints may be read by a program"


def test_a_place_that_cannot_be_written_is_one_warning_and_the_run_ends_well(model: Path, tmp_path: Path) -> None:
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "trackio").write_text("a file where the folder should be")
    with pytest.warns(RuntimeWarning, match="tracker trackio failed in rft_run_started") as said:
        experiment(model).run(tmp_path)
    assert len([each for each in said if "tracker trackio" in str(each.message)]) == 1
    assert (tmp_path / "shown" / "report.json").is_file()


def test_the_library_is_imported_when_a_run_starts_and_not_before() -> None:
    code = "import sys, rftcore_trackio.tracker; print([name for name in sys.modules if name == 'trackio'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
