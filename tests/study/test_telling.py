"""What a stage and a cell tell while they work: the same episodes and tokens as their files have at the end."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from rftcore import registry
from rftcore.display import Display
from rftcore.executor import Job, Progress
from rftcore.metric import StudyData, StudyFigures
from rftcore.records import RunFolder, read_lines
from rftcore.specs import MetricSpec
from rftcore.study import Experiment, run_folder
from rftcore.telling import COUNTS
from rftcore_generalization.metric import Generalization
from tests.study.conftest import report_of, small


class Sums(Display):
    """Adds up what each job counts, and keeps its newest measurements."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.newest: dict[str, dict[str, float]] = defaultdict(dict)
        self.done: list[Job] = []

    def run(self, folder: Path, done: Any) -> None:
        self.done = list(done)

    def plan(self, jobs: Any, slots: int) -> None:
        self.labels = {job.id: job.label for job in jobs}

    def progress(self, progress: Progress) -> None:
        label = self.labels[progress.job]
        self.counts[label].update({name: value for name, value in progress.figures.items() if name in COUNTS})
        self.newest[label] |= {name: value for name, value in progress.figures.items() if name not in COUNTS}


@pytest.mark.parametrize("staleness", [0, 1])
def test_a_stage_tells_the_episodes_and_tokens_that_it_writes_down(model: Path, tmp_path: Path, staleness: int) -> None:
    training = {"updates": 2, "groups": 3, "samples": 4, "max_staleness": staleness}
    training["validation"] = {"tasks": 2, "samples": 2, "every": 1}
    experiment = Experiment(small(model, train="even:easy", training=training, references=[]))
    sums = Sums()
    folder = experiment.create(tmp_path)
    run_folder(folder, display=sums)
    (stage,) = report_of(folder.path)["stages"]
    lines = read_lines(next(folder.path.glob("stages/*/updates.jsonl")))
    counts, newest = sums.counts["train even:easy"], sums.newest["train even:easy"]
    validated = 0 if staleness else 3 * 2 * 2  # before the first update and after each; beside a learner it is not told
    assert counts["episodes"] == stage["budget"]["episodes"] + validated == 24 + validated
    assert counts["learned_tokens"] == sum(line["learned_tokens"] for line in lines) > 0
    if staleness:
        assert counts["sampled_tokens"] == stage["budget"]["sampled_tokens"]
    else:
        assert counts["sampled_tokens"] > stage["budget"]["sampled_tokens"]
    last = lines[-1]
    for name in ("success", "validation", "entropy", "zero_variance", "rows"):
        assert newest[name] == last[name]


def test_a_cell_tells_its_episodes_and_at_last_the_interval_of_the_report(model: Path, tmp_path: Path) -> None:
    sums = Sums()
    experiment = Experiment(small(model, train="even:easy", references=["oracle"]))
    folder = experiment.create(tmp_path)
    run_folder(folder, display=sums)
    report = report_of(folder.path)
    cells = [*report["axes"]["sequence"], *report["references"]]
    assert len(cells) == 6
    for cell in cells:
        label = f"evaluate {cell['train']} on {cell['environment']}:{cell['difficulty']}"
        newest = sums.newest[label]
        assert (newest["ci_low"], newest["ci_high"]) == (cell["ci_low"], cell["ci_high"])
        assert newest["success"] == pytest.approx(cell["avg_at_k"])
        assert sums.counts[label]["episodes"] == 6
        tokens = 6 * (cell["generated_tokens"] or 0)
        assert sums.counts[label]["sampled_tokens"] == pytest.approx(tokens)


def test_what_is_done_already_is_told_before_the_plan(model: Path, tmp_path: Path) -> None:
    folder: RunFolder = Experiment(small(model, train="even:easy", references=[])).create(tmp_path)
    run_folder(folder)
    cell = next(folder.path.glob("cells/*.json"))
    cell.unlink()
    sums = Sums()
    run_folder(folder, display=sums)
    assert sorted(job.kind for job in sums.done) == ["cell", "cell", "cell", "stage"]
    assert len(sums.labels) == 1


class Whole(Generalization):
    name = "whole"

    def study(self, data: StudyData) -> StudyFigures:
        next(cell for cell in data.cells if cell.train == "base")
        return super().study(data)


def test_a_metric_that_takes_whole_studies_only_fails_no_cell_and_shows_no_interval(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_added", {})
    registry.add(MetricSpec(name="whole", target=f"{__name__}:Whole", summary="a specimen"))
    sums = Sums()
    folder = Experiment(small(model, train="even:easy", references=[], metrics=["whole"])).create(tmp_path)
    run_folder(folder, display=sums)
    for cell in report_of(folder.path)["axes"]["sequence"]:
        label = f"evaluate {cell['train']} on {cell['environment']}:{cell['difficulty']}"
        assert cell["ci_low"] is not None
        assert sums.newest[label] == {"success": pytest.approx(cell["avg_at_k"])}


def test_an_interval_is_told_when_the_cell_is_written_down(model: Path, tmp_path: Path) -> None:
    folder: RunFolder = Experiment(small(model, train="even:easy", references=["oracle"])).create(tmp_path)
    written: list[bool] = []

    class Looks(Display):
        def progress(self, progress: Progress) -> None:
            if "ci_low" in progress.figures:
                written.append(folder.cell_figures(progress.job).is_file() and folder.cell(progress.job).is_file())

    run_folder(folder, display=Looks())
    assert written == [True] * 6
