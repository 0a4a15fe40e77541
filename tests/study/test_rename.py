"""A checkpoint replaces another with two renames: a run killed before any of them repeats what it must, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rftcore import Experiment
from rftcore.display import Display
from rftcore.executor import Progress
from rftcore.records import RunFolder, read_lines
from tests.study.conftest import in_child, kill_myself, report_of, small


class Updates(Display):
    """Counts the updates that a session makes."""

    made = 0

    def progress(self, progress: Progress) -> None:
        self.made += "learned_tokens" in progress.figures


@contextmanager
def at_folder_rename(number: int, act: Callable[[], object]) -> Iterator[list[str]]:
    """Call `act` before the `number`-th time, from 1, that a folder gets another name; tells the names they had."""
    names: list[str] = []
    rename = Path.rename

    def told(self: Path, target: Path) -> Path:
        names.append(self.name)
        if len(names) == number:
            act()
        return rename(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", told)
        yield names


@pytest.mark.parametrize("kept", ["last", "best"])
def test_a_stage_killed_before_any_rename_of_a_checkpoint_repeats_no_update_that_a_checkpoint_had(
    kept: str, model: Path, tmp_path: Path, differences: Callable[[Any, Any], list[str]]
) -> None:
    validation = {"tasks": 2, "samples": 2, "every": 1, "checkpoint": kept}
    training = {"updates": 4, "groups": 3, "samples": 4, "checkpoint_every": 1, "validation": validation}
    evaluation = {"tasks": 2, "samples": 1}
    experiment = Experiment(small(model, train="even:easy", training=training, references=[], evaluation=evaluation))
    with at_folder_rename(0, lambda: None) as names:
        experiment.run(tmp_path / "undisturbed")
    assert names.count("resume") >= 2
    undisturbed = report_of(tmp_path / "undisturbed/small")
    (node,) = experiment.blueprint.plan.stages
    for number, name in enumerate(names, start=1):
        root = tmp_path / str(number)

        def killed(number: int = number, root: Path = root) -> None:
            with at_folder_rename(number, kill_myself):
                experiment.run(root)

        assert in_child(killed) == -9, number
        behind = len(read_lines(RunFolder(root / "small").stage(node.key) / "updates.jsonl"))
        between = name == ".resume.writing" and names[number - 2] == "resume"
        display = Updates()
        experiment.run(root, display=display)
        assert differences(report_of(root / "small"), undisturbed) == [], number
        # Of a stage that is killed elsewhere, the update that was not behind a checkpoint yet is made again.
        repeated = behind + display.made - 4
        assert repeated == 0 if between else repeated in (0, 1), (number, name)
