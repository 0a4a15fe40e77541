"""Rollouts beside the learner give the numbers of rollouts before it, and survive a kill of either process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chance  # type: ignore[import-not-found]
import pytest

from rftcore import Experiment, registry
from rftcore.algorithm import Algorithm
from rftcore.curriculum import Curriculum
from rftcore.display import Display
from rftcore.drawing import Drawing
from rftcore.errors import ConfigError
from rftcore.executor import Progress
from rftcore.executors.child import Child
from rftcore.records import read_lines
from rftcore.rollout import collect
from tests.study.conftest import in_child, kill_myself, report_of, small, small_world

UPDATES, WORLD = 5, {"even": chance.Even()}


def experiment(model: Path, staleness: int) -> Experiment:
    training = {"updates": UPDATES, "groups": 4, "samples": 6, "checkpoint_every": 2, "max_staleness": staleness}
    changes: dict[str, Any] = {"training": training, "learner": {"learning_rate": 0.002}, "references": ["random"]}
    return Experiment(small(model, train="even:easy", evaluation={"tasks": 2, "samples": 1}, **changes))


def curve(folder: Path) -> list[dict[str, Any]]:
    (place,) = (folder / "stages").iterdir()
    return [
        {key: value for key, value in line.items() if key != "update_seconds"}
        for line in read_lines(place / "updates.jsonl")
    ]


@pytest.fixture(scope="module")
def overlapped(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose rollouts are two updates ahead, in a process of their own."""
    root = tmp_path_factory.mktemp("overlapped")
    with small_world():
        experiment(model, 2).run(root)
    return root / "small"


def by_hand(run: Experiment, staleness: int) -> list[dict[str, Any]]:
    """Play and learn in turn, in this process: the plain loop for `staleness` 0."""
    from rftcore.train.engine import Engine

    config, (node,) = run.config, run.blueprint.plan.stages
    algorithm: Algorithm = registry.create("algorithm", config.algorithm.name, config.algorithm.options)
    curriculum: Curriculum = registry.create("curriculum", node.curriculum.name, node.curriculum.options)
    engine = Engine(config, config.model, algorithm, updates=UPDATES)
    drawing = Drawing(config, node, curriculum, {"even:easy": WORLD["even"].tasks("train", "easy")}, None, staleness)
    lines: list[dict[str, Any]] = []
    waiting: list[Any] = []
    for update in range(UPDATES):
        while len(waiting) <= staleness and update + len(waiting) < UPDATES:
            draw = drawing.draw(lines, update + len(waiting))
            waiting.append(asyncio.run(collect(WORLD, engine.actor, draw.tasks, draw.samples, seed=draw.seed)))
        groups = waiting.pop(0)
        figures = engine.update(groups, algorithm.credit(groups), update=update)
        success = [t.success for group in groups for t in group.usable]
        lines.append({"update": update, "success": sum(success) / len(success), "by_source": {}, **figures})
    return lines


def figures_of(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in line.items() if key != "by_source"} for line in lines]


def test_without_staleness_a_run_has_the_numbers_of_the_plain_loop(model: Path, tmp_path: Path) -> None:
    run = experiment(model, 0)
    run.run(tmp_path)
    expected = figures_of(by_hand(run, 0))
    found = curve(tmp_path / "small")
    assert [{key: line[key] for key in own} for line, own in zip(found, expected, strict=True)] == expected
    assert "max_staleness" not in run.config.training.model_dump()
    assert not {"stale_tokens", "staleness", "correction"} & set().union(*found)


def test_beside_the_learner_the_numbers_are_those_of_playing_before_it(model: Path, overlapped: Path) -> None:
    expected = figures_of(by_hand(experiment(model, 2), 2))
    found = curve(overlapped)
    assert [{key: line[key] for key in own} for line, own in zip(found, expected, strict=True)] == expected
    assert all(line["rows"] for line in found)  # each update made a version
    assert [line["staleness"] for line in found] == [0, 1, 2, 2, 2]
    assert [line["stale_tokens"] for line in found] == [0, *(line["sampled_tokens"] for line in found[1:])]
    assert ["sampler_gap" in line for line in found] == [True, False, False, False, False]
    assert found[0]["correction"] == pytest.approx(1.0, abs=1e-4)
    assert len({line["correction"] for line in found}) == UPDATES


def test_the_report_tells_how_stale_what_was_learned_from_is(overlapped: Path) -> None:
    (stage,) = report_of(overlapped)["stages"]
    lines = curve(overlapped)
    tokens = [line["sampled_tokens"] for line in lines]
    assert stage["budget"]["max_staleness"] == 2
    assert stage["budget"]["stale_tokens"] == sum(tokens[1:])
    mean = (tokens[1] + 2 * sum(tokens[2:])) / sum(tokens)
    assert stage["budget"]["mean_staleness"] == pytest.approx(mean)
    assert stage["sampler_gap"] < 1e-4
    assert stage["drift"] == 0


def test_a_stage_leaves_no_weights_for_its_rollouts_behind(overlapped: Path) -> None:
    (place,) = (overlapped / "stages").iterdir()
    assert sorted(path.name for path in place.iterdir()) == ["checkpoint", "stage.json", "updates.jsonl"]
    assert not (place / "checkpoint" / "ahead.jsonl").exists()


class Killer(Display):
    """Kills its process when the stage has made three updates: one more than its checkpoint knows of."""

    def plan(self, jobs: Any, slots: int) -> None:
        self.id = jobs[0].id

    def progress(self, progress: Progress) -> None:
        if progress.job == self.id and progress.done == 3:
            kill_myself()


def test_a_kill_of_the_learner_and_then_of_its_rollouts_changes_no_number(
    model: Path,
    overlapped: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    differences: Callable[[Any, Any], list[str]],
) -> None:
    run = experiment(model, 2)
    assert in_child(lambda: run.run(tmp_path, display=Killer())) == -9
    (place,) = (tmp_path / "small/stages").iterdir()
    assert len(read_lines(place / "resume/ahead.jsonl")) == 2
    asked: list[Child] = []
    ask = Child.run

    def killed_once(child: Child, *arguments: Any) -> Any:
        asked.append(child)
        if len(asked) == 1:
            child.kill()
        return ask(child, *arguments)

    monkeypatch.setattr(Child, "run", killed_once)
    run.run(tmp_path)
    assert len(set(asked)) == 2
    assert curve(tmp_path / "small") == curve(overlapped)
    assert differences(report_of(tmp_path / "small"), report_of(overlapped)) == []


def test_a_curriculum_learns_of_no_update_that_is_not_made_when_rollouts_begin(model: Path) -> None:
    config, (node,) = experiment(model, 2).config, experiment(model, 2).blueprint.plan.stages
    heard: list[list[int]] = []

    class Listening(Curriculum):
        name = "listening"

        def stages(self) -> Any:
            return ()

        def next(self, stage: Any, update: int, count: int, pools: Any, history: Any, seed: int) -> Any:
            heard.append([record.update for record in history])
            return list(pools["even:easy"][:count])

    pools = {"even:easy": WORLD["even"].tasks("train", "easy")}
    told = [{"update": update, "success": 0.5, "by_source": {}} for update in range(4)]
    drawing = Drawing(config, node, Listening(), pools, None, 2)
    for update in (0, 1, 2, 3, 4):
        drawing.draw(told, update)
    assert heard == [[], [], [], [0], [0, 1]]
    drawing.draw(told[:4], 4, round_=1)
    assert heard[-1] == [0, 1]


def test_several_processes_of_a_launch_cannot_play_ahead(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"MASTER_ADDR": "localhost", "MASTER_PORT": "1", "WORLD_SIZE": "2", "RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=r"training.max_staleness: found 2 .* expected 0 with the 2 processes"):
        _ = experiment(model, 2).blueprint
    assert experiment(model, 0).blueprint.plan.stages
