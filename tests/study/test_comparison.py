"""Two runs side by side: what is compared, what is refused, and what is left out, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rftcore import ConfigError, RunError
from rftcore.comparison import compare
from rftcore.records import RunFolder
from rftcore.schemas.comparison import Comparison, Rule, RunComparison, Uncompared
from rftcore.sealing import sealed, unsealed
from rftcore.study import Evaluation
from tests.study.conftest import Done, small

EASY, HARD = ("even", "easy"), ("even", "hard")


def played(runs: Path, name: str, policy: str, tasks: int = 8, **changes: object) -> RunFolder:
    """An evaluation in which no model plays."""
    Evaluation(small(name=name, policy=policy, evaluation={"tasks": tasks, "samples": 2}, **changes)).run(runs)
    return RunFolder(runs / name)


def places(cells: Sequence[Comparison | Uncompared]) -> list[tuple[str, str]]:
    return [(cell.environment, cell.difficulty) for cell in cells]


def test_cells_of_equal_names_are_compared_on_the_same_tasks(tmp_path: Path) -> None:
    first, second = played(tmp_path, "a", "random", seed=1), played(tmp_path, "b", "random", seed=2)
    found = compare(first, second)
    assert [(cell.before, cell.after, cell.environment, cell.difficulty, cell.tasks) for cell in found.cells] == [
        ("random", "random", "even", "easy", 8),
        ("random", "random", "even", "hard", 8),
    ]
    assert (found.refused, found.left_out) == ([], [])
    assert (found.before, found.after) == (first.record()["id"], second.record()["id"])
    turned = compare(second, first)
    for cell, back in zip(found.cells, turned.cells, strict=True):
        assert cell.change is not None
        assert back.change == pytest.approx(-cell.change)
        assert back.p_value == cell.p_value


def test_a_checkpoint_of_one_run_is_compared_with_another_of_the_other(tmp_path: Path) -> None:
    first, second = played(tmp_path, "a", "random"), played(tmp_path, "b", "oracle")
    with pytest.raises(RunError, match=r"no cell in common: a has random on even:easy, .*; b has oracle on"):
        compare(first, second)
    found = compare(first, second, from_checkpoint="random", to_checkpoint="oracle")
    assert {(cell.before, cell.after, cell.after_avg_at_k) for cell in found.cells} == {("random", "oracle", 1.0)}
    for cell in found.cells:
        assert cell.before_avg_at_k is not None
        assert cell.change == pytest.approx(1.0 - cell.before_avg_at_k)
    with pytest.raises(ConfigError, match="--after: found 'orakle', but b evaluates oracle"):
        compare(first, second, from_checkpoint="random", to_checkpoint="orakle")


def test_cells_whose_task_lists_differ_are_refused_by_name(tmp_path: Path) -> None:
    first, second = played(tmp_path, "a", "random", tasks=3, seed=1), played(tmp_path, "b", "random", tasks=4)
    found = compare(first, second)
    assert found.cells == []
    assert places(found.refused) == [EASY, HARD]
    assert found.refused[0].reason == (
        "the task lists differ: 3 and 4 tasks, 1 of them in one run only, such as 'even/easy/test/3' in the second"
    )


def test_a_task_whose_content_has_changed_is_another_task(tmp_path: Path) -> None:
    first, second = played(tmp_path, "a", "random", tasks=3, seed=1), played(tmp_path, "b", "random", tasks=3)
    changed = next(path for path in (second.path / "cells").glob("*.jsonl") if "/easy/" in path.read_text("utf-8"))
    lines = changed.read_text("utf-8").rstrip("\n").split("\n")  # not splitlines: an observation may hold U+2028
    changed.write_text(
        "".join(sealed(unsealed(line).replace('"seed":101', '"seed":999')) + "\n" for line in lines), "utf-8"
    )
    found = compare(first, second)
    assert places(found.cells) == [HARD]
    (refused,) = found.refused
    assert refused.reason.startswith(
        "the task lists differ: 1 of 3 tasks have one id and two contents, such as 'even/easy/test/1'"
    )


def test_what_has_no_counterpart_or_is_the_same_work_is_left_out_with_its_reason(tmp_path: Path) -> None:
    first = played(tmp_path, "a", "random")
    second = played(tmp_path, "b", "random", environments={"even": {}, "third": {}})
    same, alone = "the same work in both runs", "only the {} run has it"
    for left, right, owner in ((first, second, "second"), (second, first, "first")):
        found = compare(left, right)
        assert (found.cells, found.refused) == ([], [])
        assert {(cell.environment, cell.difficulty): cell.reason for cell in found.left_out} == {
            EASY: same,
            HARD: same,
            ("third", "easy"): alone.format(owner),
            ("third", "hard"): alone.format(owner),
        }


def test_a_change_of_an_environments_rules_is_named_and_compared(rftcore: Callable[..., Done], tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    played(runs, "a", "random", environments={"even": {"max_turns": 1}, "third": {}})
    second = played(runs, "b", "random", seed=1, environments={"even": {}, "third": {}})
    options = Rule(environment="even", rule="max_turns", before=1, after=3)
    assert compare(RunFolder(runs / "a"), second).rules == [options]
    assert compare(second, second).rules == []
    record = second.path / "run.json"
    version = '"environment/even": "{}"'
    other = unsealed(record.read_text("utf-8")).replace(version.format(1), version.format(2))
    record.write_text(sealed(other), "utf-8")
    done = rftcore("compare", "a", "b")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[2:4] == [
        "The environments' rules differ, so a change may come from them:",
        "  even: behaviour version was '1' and is '2'; max_turns was 1 and is 3",
    ]
    found = RunComparison.model_validate_json(rftcore("compare", "a", "b", "--json").out)
    assert found.rules == [Rule(environment="even", rule="behaviour version", before="1", after="2"), options]
    assert len(found.cells) == 4


def test_the_command_prints_the_comparison_and_ends_with_1_where_a_cell_is_refused(
    rftcore: Callable[..., Done], tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    played(runs, "a", "random", tasks=3, seed=1)
    second = played(runs, "b", "oracle", tasks=3)
    named = ("compare", "a", "b", "--before", "random", "--after", "oracle")
    done = rftcore(*named)
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[2] == "checkpoint place tasks first % second % change 95 % p Holm detectable"
    assert lines[3].startswith("random -> oracle even:easy 3 ")
    assert " of 2 cells differ at 5 % after Holm's correction" in done.out

    same = rftcore("compare", "a", "a")
    assert (same.code, same.out.splitlines()[2]) == (
        0,
        "No cell was compared. Name a checkpoint of each run: --before NAME --after NAME",
    )

    found = RunComparison.model_validate_json(rftcore(*named, "--json").out)
    assert places(found.cells) == [EASY, HARD]
    easy = next(path for path in (second.path / "cells").glob("*.jsonl") if "/easy/" in path.read_text("utf-8"))
    easy.write_text("\n".join([*easy.read_text("utf-8").split("\n")[:-3], ""]), "utf-8")  # its last task of three
    done = rftcore(*named)
    assert done.code == 1
    assert "refused, the task lists differ: 3 and 2 tasks, 1 of them in one run only" in done.out
    easy.unlink()
    done = rftcore(*named)
    assert done.code == 0
    assert "left out, not evaluated yet in the second run:\n  random -> oracle on even:easy\n" in done.out
