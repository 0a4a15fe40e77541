"""Plays the expert in every generated game and stores how many turns it took: `python -m rftcore_alfworld.verify`.

Games that repeat another one, that the expert does not win, or that are won before they begin, are stored as no task.
"""

from __future__ import annotations

from rftcore.schemas.task import Split
from rftcore_alfworld.commands import write
from rftcore_alfworld.engine import Engine
from rftcore_alfworld.game import build
from rftcore_alfworld.generator import TYPES, Draft, draft
from rftcore_alfworld.planner import Planner
from rftcore_alfworld.tasks import FILE, SYMBOLS, layout_of

SEEDS: dict[Split, tuple[int, int, int, int, int, int]] = {
    "train": (500, 500, 1600, 1600, 1600, 620),
    "test": (50, 50, 240, 240, 240, 64),
}
"""How many games of each type are tried; of the three in the middle most are easy, and as many have to be hard."""


def turns(game: Draft, mended: bool = True) -> int:
    """Return how many turns the expert takes; 0 when it does not win, or has nothing to do."""
    engine = Engine(build(game.facts, game.goal, game.sentence, mended), "0.4", mended)
    plan = Planner(engine.game, engine.state).plan() or []
    for command in plan:
        if engine.won or not engine.act(write(engine.game, "0.4", command)):
            return 0
    return len(plan) if engine.won else 0


def verified() -> dict[Split, dict[str, str]]:
    """Return what is stored: for each split and task type one symbol a seed."""
    known: set[tuple[frozenset[tuple[str, ...]], str]] = set()
    found: dict[Split, dict[str, str]] = {}
    for split, amounts in SEEDS.items():
        found[split] = {}
        for task_type, amount in zip(TYPES, amounts, strict=True):
            symbols = []
            for seed in range(amount):
                game = draft(task_type, layout_of(split, task_type, seed), seed)
                identity = (frozenset(game.facts), game.sentence)
                took = 0 if identity in known else turns(game)
                known.add(identity)
                symbols.append(SYMBOLS[took] if took < len(SYMBOLS) else SYMBOLS[0])
            found[split][task_type] = "".join(symbols)
    return found


if __name__ == "__main__":
    import json
    from pathlib import Path

    target = Path(__file__).with_name(FILE)
    target.write_text(json.dumps(verified(), indent=1) + "\n", encoding="ascii")
    print(f"wrote {target}")  # noqa: T201
