"""Curricula that keep every promise but one; `tests/testing/test_kind_checks.py` says which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rftcore.curriculum import Curriculum, Stage, UpdateRecord, parse_train
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Task


class InTurn(Curriculum):
    """Keeps every promise."""

    class Config(Frozen):
        train: str = "line>line:hard"

    name = "in_turn"

    def stages(self) -> tuple[Stage, ...]:
        return parse_train(self.config.train)

    def next(
        self,
        stage: Stage,
        update: int,
        count: int,
        pools: Mapping[str, Sequence[Task]],
        history: Sequence[UpdateRecord],
        seed: int,
    ) -> list[Task]:
        tasks = [task for name in sorted(pools) for task in pools[name]]
        return [tasks[(update * count + place + seed) % len(tasks)] for place in range(count)]


class Planless(InTurn):
    def stages(self) -> tuple[Stage, ...]:
        return ()


class Timeless(InTurn):
    def stages(self) -> tuple[Stage, ...]:
        return tuple(stage.model_copy(update={"horizon": (0, 5)}) for stage in super().stages())


_made: list[object] = []


class Drifting(InTurn):
    def stages(self) -> tuple[Stage, ...]:
        _made.append(self)
        return (super().stages()[0].model_copy(update={"name": f"number {len(_made)}"}),)


class Limitless(InTurn):
    def turn_limit(self, stage: Stage, update: int, updates: int) -> int | None:
        return 3 - update


class Short(InTurn):
    def next(self, stage: Stage, update: int, count: int, *rest: object) -> list[Task]:
        return super().next(stage, update, count - 1, *rest)


class Strange(InTurn):
    def next(self, *arguments: object) -> list[Task]:
        return [task.model_copy(update={"id": "line/easy/test/0"}) for task in super().next(*arguments)]


class Advancing(InTurn):
    """Counts its calls in place of the updates."""

    calls = 0

    def next(self, stage: Stage, update: int, *rest: object) -> list[Task]:
        self.calls += 1
        return super().next(stage, self.calls, *rest)


class Consuming(InTurn):
    def next(self, *arguments: object) -> list[Task]:
        tasks = super().next(*arguments)
        for pool in arguments[3].values():
            pool.reverse()
            pool.sort(key=lambda task: -task.seed)
        return sorted(tasks, key=lambda task: task.id)
