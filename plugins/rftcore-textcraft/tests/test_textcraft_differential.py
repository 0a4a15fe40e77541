from __future__ import annotations

import json
import random
import sys

import pytest

from rftcore_textcraft import differential
from rftcore_textcraft.episode import Crafting

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, list[dict[str, object]]]:
    monkeypatch.setattr(sys, "argv", ["differential", "--games", "2", "--turns", "12"])
    code = differential.main()
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_package_and_we_answer_alike(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, [counts] = compared(monkeypatch, capsys)
    assert (code, counts["games"], counts["differences"]) == (0, 2, 0)
    assert int(str(counts["steps"])) >= 28


def test_a_difference_is_told_and_counted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    truly = Crafting.step

    def louder(episode: Crafting, action: str) -> object:
        step = truly(episode, action)
        return type(step)(step.observation + "!", step.reward, step.terminated) if action == "inventory" else step

    monkeypatch.setattr(Crafting, "step", louder)
    code, [first, *_, counts] = compared(monkeypatch, capsys)
    assert code == 1
    assert int(str(counts["differences"])) > 0
    assert f"{first['textcraft'][0]}!" == first["here"][0]  # type: ignore[index]


def test_the_expert_walk_of_the_package_ends_at_the_goal_and_holds_odd_input() -> None:
    record = differential.played(401, 30, expert=True)
    assert record["turns"][-1]["done"]
    assert record["turns"][-1]["reward"] == 1
    assert len({differential.odd("get 1 stick", random.Random(number)) for number in range(60)}) > 8
