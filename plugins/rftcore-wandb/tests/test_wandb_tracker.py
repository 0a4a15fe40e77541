"""What stands in W&B's own files after real runs: finished, interrupted and resumed; and what a missing login does."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
from wandb.proto.wandb_internal_pb2 import Record

from rftcore import Experiment
from rftcore.display import Display
from rftcore.executor import Progress
from rftcore.records import read_lines
from tests.study.conftest import small, small_world, untrained

OFFLINE = {"name": "wandb", "mode": "offline", "project": "mine"}


@pytest.fixture(scope="module", autouse=True)
def _chance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The environments of the specimen are the only ones here, and nobody is logged in."""
    with small_world(), pytest.MonkeyPatch.context() as patch:
        home = str(tmp_path_factory.mktemp("home"))
        for name in ("HOME", "WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
            patch.setenv(name, home)
        patch.delenv("WANDB_API_KEY", raising=False)
        patch.setenv("NETRC", f"{home}/netrc")
        yield
        wandb.teardown()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained model of one layer."""
    return untrained(tmp_path_factory.mktemp("model"))


def experiment(model: Path, tracker: Any = OFFLINE) -> Experiment:
    return Experiment(
        small(
            model,
            name="shown",
            environments={},
            train="even:easy",
            training={"updates": 3, "groups": 2, "samples": 2, "checkpoint_every": 1},
            evaluation={"tasks": 2, "samples": 2},
            references=["oracle"],
            trackers=[tracker],
        )
    )


def records(file: Path) -> Iterator[Record]:
    """Yield what a `.wandb` file holds: LevelDB's log, blocks of 32 KiB of parts with checksum, length and kind."""
    data, place, parts = file.read_bytes(), 7, b""
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        length, kind = struct.unpack_from("<HB", data, place + 4)
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a whole record, or its last part
            yield Record.FromString(parts)
            parts = b""


class Session:
    """What one session of a run told W&B."""

    def __init__(self, folder: Path) -> None:
        (file,) = folder.glob("run-*.wandb")
        self.folder = folder
        self.config: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        for record in records(file):
            if record.HasField("run"):
                self.id, self.name, self.project = record.run.run_id, record.run.display_name, record.run.project
                self.config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
            if record.HasField("history"):
                line = {
                    "/".join([item.key, *item.nested_key]).strip("/"): item.value_json for item in record.history.item
                }
                self.history.append({key: json.loads(value) for key, value in line.items()})

    def figures(self, name: str) -> list[tuple[int, float]]:
        return [(line["update"], line[name]) for line in self.history if name in line]


def sessions(run: Path) -> list[Session]:
    wandb.teardown()  # its own process writes the files, and may still do so when a run has ended
    return [Session(folder) for folder in sorted((run / "wandb").glob("offline-run-*"))]


@pytest.fixture(scope="module")
def finished(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    root = tmp_path_factory.mktemp("runs")
    experiment(model).run(root)
    return root / "shown"


def test_every_figure_of_every_update_is_logged_over_the_updates(finished: Path) -> None:
    (stage,) = (finished / "stages").glob("*/updates.jsonl")
    (session,) = sessions(finished)
    lines = read_lines(stage)
    assert [line["update"] for line in lines] == [0, 1, 2]
    for figure in ("success", "return", "drift", "loss"):  # an update whose groups teach nothing has no loss
        told = [(line["update"], pytest.approx(line[figure])) for line in lines if figure in line]
        assert session.figures(f"even:easy/{figure}") == told
    assert (session.name, session.project) == ("shown", "mine")


def test_cells_the_table_and_the_configuration_are_those_of_the_report(finished: Path) -> None:
    report = json.loads((finished / "report.json").read_text(encoding="utf-8"))
    (session,) = sessions(finished)
    for cell in [*report["axes"]["sequence"], *report["references"]]:
        name = f"evaluation/avg_at_k/{cell['environment']}:{cell['difficulty']}/{cell['train']}"
        (value,) = [line[name] for line in session.history if name in line]
        assert value == pytest.approx(cell["avg_at_k"])
    (table,) = [line["success/path"] for line in session.history if "success/path" in line]
    shown = json.loads((session.folder / "files" / table).read_text(encoding="utf-8"))
    assert shown["columns"] == ["checkpoint", "even:easy", "even:hard"]
    assert [row[0] for row in shown["data"]] == ["base", "even:easy", "oracle"]
    assert shown["data"][-1] == ["oracle", 1.0, 1.0]
    assert session.config["training"]["updates"] == 3
    assert session.config["rftcore_id"] == report["study"]["id"]


class Interrupted(Display):
    """Is stopped, as with Ctrl-C, when the stage has made two updates."""

    def progress(self, progress: Progress) -> None:
        if progress.total == 3 and progress.done == 2:
            raise KeyboardInterrupt


def test_an_interrupted_and_resumed_run_is_one_run_without_gap_or_repetition(
    model: Path, finished: Path, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        experiment(model).run(tmp_path, display=Interrupted())
    experiment(model).run(tmp_path)
    before, after = sessions(tmp_path / "shown")
    assert before.id == after.id
    assert before.id != sessions(finished)[0].id
    points = before.figures("even:easy/success") + after.figures("even:easy/success")
    assert [update for update, _ in points] == [0, 1, 2]
    assert points == sessions(finished)[0].figures("even:easy/success")


def test_without_a_login_there_is_one_warning_and_the_run_goes_on(model: Path, tmp_path: Path) -> None:
    with pytest.warns(RuntimeWarning, match="tracker wandb failed in rft_run_started.*nobody is logged in") as caught:
        experiment(model, "wandb").run(tmp_path)
    assert len([each for each in caught if "tracker" in str(each.message)]) == 1
    assert (tmp_path / "shown" / "report.json").is_file()
    assert not (tmp_path / "shown" / "wandb").exists()


def test_the_library_is_imported_when_a_run_starts_and_not_before() -> None:
    code = "import sys, rftcore_wandb.tracker; print([name for name in sys.modules if name == 'wandb'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
