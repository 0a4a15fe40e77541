"""The report of a study: `report.json`. Others rely on these names; a change raises `schema_version`.

Only keys that end in `_seconds` or `_at`, and `provenance.hardware`, may differ between two equal runs.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, model_serializer

from rftcore.schemas.frozen import Frozen, without_unused

Role = Literal["base", "held-in", "held-out", "reference"]
Phase = Literal["training", "evaluation"]


class Cell(Frozen):
    """One checkpoint on one environment and difficulty. Fractions are in [0, 1]."""

    train: str
    """The checkpoint: `base`, or what it was trained on, such as `textcraft:easy>textcraft:hard`."""
    environment: str
    difficulty: str
    role: Role
    """Held-in: test-split tasks of an environment that the checkpoint was trained in (any difficulty)."""
    trained_on: bool
    """True when RFT drew tasks of this environment and difficulty (of the train split) on the way to the checkpoint."""
    avg_at_k: float | None
    """Mean success over tasks and the k samples of each; None when every sample was masked."""
    ci_low: float | None
    ci_high: float | None
    """95 % interval of `avg_at_k`, bootstrapped over families of tasks."""
    pass_at_k: float | None
    """Unbiased estimate of the chance that at least one of k samples succeeds."""
    delta_vs_base: float | None
    """`avg_at_k` minus base's on the same tasks; None for base itself."""
    delta_ci_low: float | None
    delta_ci_high: float | None
    p_value: float | None
    """Two-sided paired permutation test against base, raw."""
    p_adjusted: float | None
    """The same after Holm's correction over the cells of the axis."""
    minimum_detectable: float | None
    """Smallest difference from base that this cell would detect with 80 % power at the 5 % level."""
    delta_vs_floor: float | None
    """`avg_at_k` minus that of the `random` reference on the same tasks; None without it, and for it itself."""
    delta_vs_floor_ci_low: float | None
    delta_vs_floor_ci_high: float | None
    p_vs_floor: float | None
    """Two-sided paired permutation test against the floor, raw."""
    p_vs_floor_adjusted: float | None
    """The same after Holm's correction over the cells of the axis, base's included."""
    tasks: int
    families: int
    """Families of tasks, the independent units of every interval and test; equal to `tasks` where none are alike."""
    k: int
    turns: float | None
    """Mean turns of an episode."""
    generated_tokens: float | None
    """Mean sampled tokens of an episode."""
    invalid_rate: float | None
    """Share of turns whose action was not understood or not possible."""
    masked: int
    """Samples lost to failures of the machine, or for want of a budget; they count nowhere else."""
    trajectories: str
    """File of the cell's trajectories, relative to the run folder."""


class StageReport(Frozen):
    """One trained stage: its learning curve, and what it gained and lost."""

    name: str
    """The checkpoint it made."""
    parent: str
    """The checkpoint it started from."""
    pools: list[str]
    """What this stage drew tasks from: `environment:difficulty`, sorted."""
    budget: dict[str, JsonValue]
    """Updates, groups, samples a group, episodes and sampled tokens."""
    curve: list[dict[str, JsonValue]] = Field(default_factory=list)
    """One row an update: `update`, `success`, `return`, `zero_variance`, `loss`, `kl`, ..."""
    backward: float | None
    """Mean change, from parent to this checkpoint, on the pools that earlier stages trained on and this one did not."""
    forward: float | None
    """Mean change on the pools that neither this nor an earlier stage trained on."""
    largest_drop: float | None
    """Largest fall of any cell from the parent to this checkpoint, as a number >= 0."""
    drift: int = 0
    """Tokens whose provenance the audit could not confirm; must be 0."""
    sampler_gap: float | None = None
    """Largest difference between a sampled token's logprob in sampler and learner, before the update."""
    warnings: list[str] = Field(default_factory=list)


class Account(Frozen):
    """What failures of the machine took from the samples of one place, and what that may hide."""

    phase: Phase
    train: str | None
    """The checkpoint or policy of a cell that lost samples; None for all of the phase."""
    environment: str
    difficulty: str
    samples: int
    episodes: int
    """Episodes that were begun for them: more than `samples` where some failed and were played again."""
    masked: dict[str, int]
    """Samples whose every attempt failed, by status."""
    masked_share: float
    success: float | None
    """Share of successes among the samples that are not masked."""
    success_low: float
    """Success of all samples were every masked one a failure."""
    success_high: float
    """And were every masked one a success (Manski 1990, American Economic Review 80(2))."""
    unclosed: int = 0
    """Samples whose episode could not be closed; what they played counts."""

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_unused(self, handler(self), ("unclosed",))


class Axes(Frozen):
    difficulty: list[Cell] = Field(default_factory=list)
    transfer: list[Cell] = Field(default_factory=list)
    sequence: list[Cell] = Field(default_factory=list)


class Report(Frozen):
    """Everything a study found."""

    schema_version: Literal[1] = 1
    study: dict[str, JsonValue]
    """`name`, `id` and the resolved `config`, but for `executor` and `trackers`, which change no number."""
    provenance: dict[str, JsonValue]
    """`versions` of dists, `seeds`, `manifests` (task lists' sha256), `specs`, `hardware`, `model`."""
    axes: Axes
    references: list[Cell] = Field(default_factory=list)
    """Floor and ceiling: the `random` and `oracle` policies on the same tasks."""
    stages: list[StageReport] = Field(default_factory=list)
    facts: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """Honest metadata of each environment, such as whether every observation lists the actions."""
    summary: list[dict[str, JsonValue]] = Field(default_factory=list)
    """Held-in and held-out mean change of each checkpoint, with intervals: `train`, `held_in`, `held_in_ci_low`, ..."""
    masked: int
    """Samples lost to failures of the machine, or for want of a budget, in the whole study."""
    spending: dict[str, dict[str, JsonValue]] = Field(default={})
    """What the answers of each policy cost that is paid for them: `answers`, `prompt_tokens`, ..., `money`."""
    failures: list[dict[str, JsonValue]] = Field(default=[])
    """How episodes failed in each cell of a model: `train`, ..., `episodes`, and each mode's share and interval."""
    accounts: list[Account] = Field(default=[])
    """What was lost to the machine in training and in evaluation, by environment and difficulty."""
    minimum_detectable: float | None
    """The largest of the cells' minimum detectable differences: what every cell would have shown."""
    notes: list[str] = Field(default_factory=list)
    """What a reader must know, such as that the imitation warm-up saw held-out environments."""
    study_seconds: float
    finished_at: str

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_unused(self, handler(self), ("spending", "failures", "accounts"))
