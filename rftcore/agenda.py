"""The jobs of a run: what each needs, how much work it is expected to be, and which of them begins first.

What is longest begins first, so that at the end of a run no worker has much left to do alone. Nothing that is measured
goes into the order: it is the same for each run of a plan. It changes no result of a model; cells of policies are short
and keep the plan's order, because where a budget runs out it decides which of them it was left for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Literal

from rftcore.executor import Job
from rftcore.plan import CellNode, Plan
from rftcore.records import RunFolder
from rftcore.schemas.config import Settings
from rftcore.stages import settings_of

LEARNING, POLICY = 1.4, 0.05
"""What an episode costs that is learned from, or that a policy without a model plays, beside one that a model plays."""


def agenda(folder: RunFolder, config: Settings, plan: Plan) -> Iterator[tuple[str, tuple[Job, str | None]]]:
    """Yield the key of every job, the job, and the key of the one it needs, which comes before."""
    for stage in plan.stages:
        training = settings_of(config, stage.stage).training
        size = stage.updates * training.groups * training.samples * LEARNING
        sides = 2 if training.max_staleness else 1
        job = _job(folder, config, stage.key, "stage", f"train {stage.name}", size, sides=sides)
        yield stage.key, (job, stage.parent)
    for cell in _hardest_first(plan):
        size = config.evaluation.tasks * config.evaluation.samples * (POLICY if cell.policy else 1)
        label = f"evaluate {cell.train} on {cell.environment}:{cell.difficulty}"
        job = _job(folder, config, cell.key, "cell", label, size, model=not cell.policy)
        yield cell.key, (job, cell.checkpoint)


def urgency(jobs: Mapping[str, tuple[Job, str | None]]) -> dict[str, float]:
    """Return for each job its size and that of the longest row of jobs behind it, each of which waits for the other.

    `jobs` are those of an agenda, in its order.
    """
    found: dict[str, float] = {}
    behind: dict[str, float] = {}
    for key, (job, needs) in reversed(list(jobs.items())):
        found[key] = job.size + behind.get(key, 0.0)
        if needs is not None:
            behind[needs] = max(behind.get(needs, 0.0), found[key])
    return found


def _hardest_first(plan: Plan) -> list[CellNode]:
    """Return a model's cells, those of an environment's hardest tasks first, and then those of policies.

    Cells are of one size, and their episodes not.

    In a plan the cells of a player in an environment go from its easiest tasks to its hardest.
    """
    ranks: Counter[tuple[str, str]] = Counter()
    hardness: dict[str, int] = {}
    for cell in plan.cells:
        ranks[cell.train, cell.environment] += 1
        hardness[cell.key] = ranks[cell.train, cell.environment]
    return sorted(plan.cells, key=lambda cell: 0 if cell.policy else -hardness[cell.key])


def _job(
    folder: RunFolder,
    config: Settings,
    key: str,
    kind: Literal["stage", "cell"],
    label: str,
    size: float,
    *,
    model: bool = True,
    sides: int = 1,
) -> Job:
    """Return a job with what it needs: one with a model has the run's threads, and a GPU unless on another device.

    With rollouts beside learning both `sides` have as many threads.
    """
    run = str(folder.path.absolute())
    return Job(
        id=key,
        target=f"rftcore.experiment:{'train_stage' if kind == 'stage' else 'evaluate_cell'}",
        payload={"run": run, "key": key},
        label=label,
        size=size,
        cpus=sides * config.threads if model else 1,
        gpus=int(model and config.device in ("auto", "cuda")),
        folder=run,
        kind=kind,
    )
