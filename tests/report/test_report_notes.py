"""What a reader must know is in the report, whatever else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from rftcore.report.notes import notes
from rftcore.schemas.report import Axes, Report


def test_one_training_run_a_checkpoint_is_said_whenever_anything_was_trained(small: Callable[..., Report]) -> None:
    axes = small().axes
    (note,) = notes("", ["maze"], {}, axes)
    assert note.startswith("One training run stands behind each checkpoint")
    assert notes("", ["maze"], {}, Axes(transfer=axes.transfer[:1])) == []


def test_task_sets_where_base_is_below_random_play_are_named(small: Callable[..., Report]) -> None:
    axes = small(base={"avg_at_k": 0.3, "delta_vs_floor": -0.125}).axes
    assert (
        "Base is below random play on 1 task set: maze easy (30.0 %, 12.5 points below)."
        in notes("", ["maze"], {}, axes)[1]
    )


def test_the_warm_up_is_what_the_models_card_says(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert notes(str(tmp_path), ["maze"], {}, Axes()) == []
    (tmp_path / "card.json").write_text(json.dumps({"environments": ["maze", "garden"]}))
    (note,) = notes(str(tmp_path), ["maze", "swamp"], {}, Axes())
    assert note.startswith("The start policy was warmed up by imitation in maze, garden: there, held-out means")
    assert note.endswith("It never saw swamp.")


def test_a_model_that_is_gone_is_said_to_be_gone_and_a_hub_id_says_nothing(tmp_path: Path) -> None:
    (note,) = notes(str(tmp_path / "gone"), ["maze"], {}, Axes())
    assert "is no longer there, so what it saw before fine-tuning cannot be said here" in note
    assert notes("someone/model", ["maze"], {}, Axes()) == []


def test_tasks_that_an_environments_options_leave_out_are_said() -> None:
    facts = {"maze": {"left_out": "3 of 9 hard test tasks: too long"}, "garden": {"goals": 4}}
    assert notes("", ["maze", "garden"], facts, Axes()) == ["maze leaves out 3 of 9 hard test tasks: too long."]
