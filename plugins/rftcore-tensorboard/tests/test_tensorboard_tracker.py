"""What TensorBoard's own reader finds after real runs: finished, killed and resumed, and on a disk that refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rftcore import Experiment
from rftcore.display import Display
from rftcore.executor import Progress
from rftcore.records import read_lines
from tests.study.conftest import small, small_world, untrained


@pytest.fixture(scope="module", autouse=True)
def _chance() -> Iterator[None]:
    """The environments of the specimen are the only ones, here and in child processes."""
    with small_world():
        yield


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
            training={"updates": 3, "groups": 2, "samples": 2, "checkpoint_every": 2},
            evaluation={"tasks": 2, "samples": 2},
            references=["oracle"],
            trackers=["tensorboard"],
        )
    )


def read(folder: Path) -> Any:
    reader = EventAccumulator(str(folder / "tensorboard"))
    reader.Reload()
    return reader


def text(reader: Any, tag: str) -> str:
    (event,) = reader.Tensors(tag)
    return str(event.tensor_proto.string_val[0].decode())


@pytest.fixture(scope="module")
def finished(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    root = tmp_path_factory.mktemp("runs")
    experiment(model).run(root)
    return root / "shown"


def test_every_figure_of_every_update_is_a_point_of_a_curve(finished: Path) -> None:
    (stage,) = (finished / "stages").glob("*/updates.jsonl")
    reader = read(finished)
    lines = read_lines(stage)
    assert [line["update"] for line in lines] == [0, 1, 2]
    assert len(reader.Scalars("even:easy/success")) == 3
    for figure in ("success", "return", "drift", "loss"):  # an update whose groups teach nothing has no loss
        told = [(line["update"], line[figure]) for line in lines if figure in line]
        points = [(point.step, point.value) for point in reader.Scalars(f"even:easy/{figure}")]
        assert [step for step, _ in points] == [update for update, _ in told]
        assert [value for _, value in points] == pytest.approx([value for _, value in told])


def test_cells_the_table_and_the_configuration_are_those_of_the_report(finished: Path) -> None:
    report = json.loads((finished / "report.json").read_text(encoding="utf-8"))
    reader = read(finished)
    cells = [*report["axes"]["sequence"], *report["references"]]
    assert {cell["train"] for cell in cells} == {"base", "even:easy", "oracle"}
    for cell in cells:
        (point,) = reader.Scalars(f"evaluation/avg_at_k/{cell['environment']}:{cell['difficulty']}/{cell['train']}")
        assert point.value == pytest.approx(cell["avg_at_k"])
    head, _, *rows = text(reader, "success").split("\n")
    assert head == "| checkpoint | even:easy | even:hard |"
    assert [row.split(" | ")[0] for row in rows] == ["| base", "| even:easy", "| oracle"]
    assert rows[-1] == "| oracle | 1.000 | 1.000 |"
    shown = text(reader, "configuration").removeprefix("```json\n").removesuffix("\n```")
    assert json.loads(shown)["training"]["updates"] == 3


class Killer(Display):
    """Kills the process, as `kill -9` does, when its first stage has made two updates."""

    def progress(self, progress: Progress) -> None:
        if progress.total == 3 and progress.done == 2:
            os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_and_resumed_run_is_one_curve_without_gap_or_repetition(
    model: Path, finished: Path, tmp_path: Path
) -> None:
    child = os.fork()
    if child == 0:
        try:
            experiment(model).run(tmp_path, display=Killer())
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    experiment(model).run(tmp_path)
    folder = tmp_path / "shown"
    assert len(list((folder / "tensorboard").iterdir())) == 2
    for figure in ("success", "loss"):
        # Files of one second are read in the order of their process ids.
        both = (read(place).Scalars(f"even:easy/{figure}") for place in (folder, finished))
        points, undisturbed = (sorted((point.step, point.value) for point in curve) for curve in both)
        assert points == undisturbed
    assert text(read(folder), "configuration") == text(read(finished), "configuration")


def test_a_place_that_cannot_be_written_is_one_warning_and_the_run_ends_well(model: Path, tmp_path: Path) -> None:
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "tensorboard").write_text("a file where the folder should be")
    with pytest.warns(RuntimeWarning, match="tracker tensorboard failed in rft_run_started") as said:
        experiment(model).run(tmp_path)
    assert len([each for each in said if "tracker tensorboard" in str(each.message)]) == 1
    assert (tmp_path / "shown" / "report.json").is_file()


def test_the_library_is_imported_when_a_run_starts_and_not_before() -> None:
    code = "import sys, rftcore_tensorboard.tracker; print([name for name in sys.modules if name == 'tensorboard'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
