"""Whether a run has room where it is to work: memory for the jobs that run side by side, and disk for what they leave.

Before the first job starts, a run whose *least* need is more than there is ends with the reasons, and one whose most is
more says so and goes on. No model is loaded for that and no episode played. `--dry-run` says the same, more exactly:
there the environments are at hand, and experts play.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rftcore import launch
from rftcore.disk import disk_need
from rftcore.environment import Environment
from rftcore.errors import RunError
from rftcore.estimate import LOGPROB, TOKEN, Length, Lengths, Range, evaluated
from rftcore.executor import Executor
from rftcore.executors.machine import gpu_memory, gpus, memory
from rftcore.memory import Need, need_of_playing, need_of_training, row_limit, total
from rftcore.plan import Plan
from rftcore.records import RunFolder
from rftcore.report.figures import size
from rftcore.schemas.config import Settings
from rftcore.shape import Shape, read_shape
from rftcore.stages import pools, settings_of

NAMED = 3
"""Parts of a need that a message names."""

WAYS = {
    "a forward and backward pass": "make learner.micro_tokens smaller",
    "AdamW's averages": "train adapters alone (learner.lora)",
    "gradients": "train adapters alone (learner.lora)",
    "an optimizer step": "train adapters alone (learner.lora)",
    "start policy": "train adapters alone (learner.lora), whose start policy is the model without them",
    "critic": "let the critic read the policy's own hidden states (algorithm.critic.model: null)",
    "keys and values": "make sampler.slots or sampler.max_context smaller",
    "the process that plays ahead": "play on-policy (training.max_staleness: 0)",
    "weights": "use dtype: bfloat16, or a smaller model",
}
"""What makes a part smaller."""

DISK_WAYS = (
    "`rftcore gc` removes what no run needs any more; --runs names another folder; adapters alone (learner.lora) make "
    "small checkpoints"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a run wants of one thing, and how much of it there is."""

    what: str
    """`memory`, `GPU memory` or `disk`."""
    of: str
    """Whose need it is, in words."""
    need: Range
    """In bytes."""
    parts: Mapping[str, Range]
    """Of `need`; of memory those of the largest job alone."""
    there: float | None
    """Free bytes; None where nobody can say."""
    way: str
    """What to do where it is not enough."""

    @property
    def refused(self) -> bool:
        """Whether there is too little however small the need turns out."""
        return self.there is not None and self.need.low > self.there

    @property
    def doubtful(self) -> bool:
        """Whether there may be too little."""
        return self.there is not None and self.need.high > self.there

    def __str__(self) -> str:
        largest = sorted(self.parts, key=lambda name: self.parts[name].high, reverse=True)[:NAMED]
        named = ", ".join(f"{name} {_ends(self.parts[name])}" for name in largest if self.parts[name].high)
        free = "what is free is not known" if self.there is None else f"{size(self.there)} are free"
        return f"{self.what}: {self.of} {_ends(self.need)}, {free} (largest: {named})"


def check_room(
    config: Settings, plan: Plan, folder: RunFolder, done: set[str], executor: Executor, warn: Callable[[str], None]
) -> None:
    """Raise RunError when the least that is left of a run has no room here, and `warn` when the most has none.

    With `shortage: warn` it warns in both cases.
    """
    found = claims(config, plan, folder, done, executor)
    refused = [claim for claim in found if claim.refused]
    if refused and config.shortage == "refuse":
        raise RunError(refusal(refused))
    for claim in found:
        if claim.doubtful:
            warn(f"{claim}. This may not be enough: {claim.way}")


def refusal(claims: Sequence[Claim]) -> str:
    """Return the message for claims that are refused."""
    lines = [f"  {claim}. What helps: {claim.way}" for claim in claims]
    return "\n".join(
        [
            "there is no room here for this run, of which nothing was started:",
            *lines,
            "  Where the estimate is wrong, shortage=warn lets the same command run all the same",
        ]
    )


def claims(
    config: Settings,
    plan: Plan,
    folder: RunFolder,
    done: set[str],
    executor: Executor,
    environments: Mapping[str, Environment] | None = None,
    lengths: Lengths | None = None,
    peaks: Mapping[str, int] | None = None,
) -> list[Claim]:
    """Return what is left of a run claims: nothing where no model plays, or its size is not known before it is loaded.

    Lengths of episodes are taken from `lengths` with the `environments`; without them anything from one token to the
    longest context. `peaks` has what a probe was seen to take, by what is claimed: that much it takes.
    On several machines what each of them has is not known here.
    """
    shape = read_shape(config.model) if plan.model else None  # policies play without one, which need not be installed
    if shape is None:
        return []
    measured = _Measured(config, shape, environments, lengths)
    slots = len(plan.stages) + len(plan.cells) if executor.elsewhere else executor.slots
    found = [] if executor.elsewhere else _memory(config, plan, done, shape, measured, executor)
    if peaks and (not plan.stages or any(node.key not in done for node in plan.stages)):
        found = [_at_least(claim, peaks.get(claim.what, 0)) for claim in found]
    trained = {node.key: measured.stage(plan, node.key) for node in plan.stages}
    tested = {
        (cell.environment, cell.difficulty): measured.cell(cell.environment, cell.difficulty) for cell in plan.cells
    }
    parts = disk_need(config, plan, folder, done, shape, slots=slots, trained=trained, tested=tested)
    place = next(path for path in (folder.path.absolute(), *folder.path.absolute().parents) if path.exists())
    usage = shutil.disk_usage(place)
    free = float(usage.free) if usage.total else None  # some file systems in user space do not say
    return [
        *found,
        Claim("disk", f"what is still written to {folder.path} takes", total(parts), parts, free, DISK_WAYS),
    ]


def _memory(
    config: Settings, plan: Plan, done: set[str], shape: Shape, measured: _Measured, executor: Executor
) -> list[Claim]:
    """Return the claims of the jobs with a model that may run side by side."""
    on_gpu = config.device.startswith("cuda") or (config.device == "auto" and bool(gpus()))
    needs: dict[str, tuple[str, Need]] = {}
    ready: list[str] = []
    for node in plan.stages:
        if node.key not in done:
            own, length = settings_of(config, node.stage), measured.stage(plan, node.key)
            needs[node.key] = f"train {node.name}", need_of_training(own, shape, length, on_gpu=on_gpu)
            ready += [node.key] if node.parent is None or node.parent in done else []
    for cell in plan.cells:
        if cell.key not in done and not cell.policy:
            _, length = measured.cell(cell.environment, cell.difficulty)
            label = f"evaluate {cell.train} on {cell.environment}:{cell.difficulty}"
            needs[cell.key] = label, need_of_playing(config, shape, length, on_gpu=on_gpu)
            ready += [cell.key] if cell.checkpoint is None or cell.checkpoint in done else []
    if not needs:
        return []
    slots = max(1, executor.slots // min(config.threads, executor.slots))
    beside = any(settings_of(config, node.stage).training.max_staleness for node in plan.stages)  # these need two sides
    certain = max(1, executor.slots // min((1 + beside) * config.threads, executor.slots))
    shared = int(getattr(executor.config, "per_gpu", 1))
    if on_gpu:
        slots = min(slots, max(1, len(gpus())) * shared)
    machine = {key: (label, need.machine) for key, (label, need) in needs.items()}
    found = [_claim("memory", machine, ready, slots, min(slots, certain), memory())]
    if on_gpu:
        per_gpu = {key: (label, need.gpu) for key, (label, need) in needs.items()}
        together = min(slots, shared)
        alone = min(together, certain) if len(gpus()) == 1 else 1
        there = gpu_memory(_used_gpus(config.device, executor.slots))
        found.append(_claim("GPU memory", per_gpu, ready, together, alone, there))
    return found


def _used_gpus(device: str, slots: int) -> tuple[str, ...]:
    """Return the GPUs that a run plays and learns on, of those that this process may use."""
    _, _, number = device.partition(":")
    if number.isdecimal():
        return gpus()[int(number) : int(number) + 1]
    launched = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if launch.count() > 1 else 1
    return gpus()[: max(slots, launched)]  # each job, or each process that was launched, has the next


def _claim(
    what: str,
    needs: Mapping[str, tuple[str, Mapping[str, Range]]],
    ready: Sequence[str],
    slots: int,
    certain: int,
    there: float | None,
) -> Claim:
    """Add up: certain are the smallest of those that can begin, or the largest alone, possible the largest at once."""
    sums = {key: total(parts) for key, (_, parts) in needs.items()}
    largest = max(sums, key=lambda key: sums[key].high)
    first = sum(sorted(sums[key].low for key in ready)[:certain])
    highest = sorted((need.high for need in sums.values()), reverse=True)[:slots]
    label, parts = needs[largest]
    jobs = f"{len(highest)} jobs side by side take" if len(highest) > 1 else f"{label} takes"
    ways = [WAYS[name] for name in sorted(parts, key=lambda name: parts[name].high, reverse=True) if name in WAYS]
    if len(highest) > 1:
        ways.insert(0, "run fewer jobs side by side (--jobs)")
    need = Range(max(first, *(need.low for need in sums.values())), sum(highest))
    return Claim(what, jobs, need, parts, there, "; ".join(list(dict.fromkeys(ways))[:NAMED]))


def _at_least(claim: Claim, peak: float) -> Claim:
    need = Range(max(claim.need.low, peak), max(claim.need.high, peak))
    return replace(claim, need=need)


class _Measured:
    """How long episodes are, as far as it is known."""

    def __init__(
        self,
        config: Settings,
        shape: Shape,
        environments: Mapping[str, Environment] | None,
        lengths: Lengths | None,
    ) -> None:
        self._config, self._environments, self._lengths = config, environments, lengths
        limit = row_limit(config, shape)
        stored = 2000 + limit * (TOKEN.high + LOGPROB.high + 10)  # and its text, twice
        self._any = Length(Range(1, limit), Range(1, limit), Range(300, stored))

    def stage(self, plan: Plan, key: str) -> Length:
        """Return the lengths of the episodes of a stage: those of its shortest and of its longest place."""
        if self._environments is None or self._lengths is None:
            return self._any
        node = next(node for node in plan.stages if node.key == key)
        places = [pool.split(":") for pool in pools(node.stage, self._environments)]
        found = [self._lengths(environment, difficulty, "train") for environment, difficulty in places]
        return Length(*(_hull([getattr(each, name) for each in found]) for name in ("tokens", "sampled", "stored")))

    def cell(self, environment: str, difficulty: str) -> tuple[int, Length]:
        """Return how many tasks a cell plays at most, and how long an episode of it is."""
        if self._environments is None or self._lengths is None:
            return self._config.evaluation.tasks, self._any
        tasks = evaluated(self._config, self._environments[environment], difficulty)
        return tasks, self._lengths(environment, difficulty, "test")


def _hull(ranges: Sequence[Range]) -> Range:
    return Range(min(each.low for each in ranges), max(each.high for each in ranges))


def _ends(need: Range) -> str:
    low, high = size(need.low), size(need.high)
    return low if low == high else f"{low} to {high}"
