"""What a user may decide about an experiment or a study, with the vetted defaults. Unknown keys are errors.

Free of torch, so that a configuration is checked before anything heavy is imported. A component is a name and the
options of whatever plugin owns that name; its own `Config` validates them.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, model_serializer, model_validator

from rftcore.conversation import History
from rftcore.faults import Faults
from rftcore.schemas.frozen import Frozen, given, without_unused
from rftcore.schemas.published import Published


class Component(Frozen):
    """A named plugin component with options: `grpo`, or `{name: grpo, kl: 0.01}`."""

    name: str
    options: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        return _gathered(value, ("name",))


def _gathered(value: Any, own: tuple[str, ...]) -> Any:
    """Return a component as name, options, and other keys of its `own`, however it is written."""
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, dict) and "options" not in value:
        kept = {key: value[key] for key in own if key in value}
        return {"name": None, **kept, "options": {key: item for key, item in value.items() if key not in own}}
    return value


class PolicyComponent(Component):
    """A policy with its options. One without any is written as its name, as it was when policies had none."""

    label: str = Field(default="", pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$")
    """What tables call it, so that one policy can play with several models; empty: its name."""

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.label or self.name

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        return _gathered(value, ("name", "label"))

    @model_serializer(mode="wrap")
    def _name_alone(self, handler: SerializerFunctionWrapHandler) -> str | dict[str, Any]:
        dumped = without_unused(self, handler(self), ("label",))
        return dumped if self.options or self.label else self.name


class Sampling(Frozen):
    """How answers are drawn, in training and in evaluation alike."""

    temperature: float = Field(default=1.0, ge=0.0)
    """1.0 samples from the model's own distribution; 0.0 takes the most likely token, and cannot train."""
    max_new_tokens: int = Field(default=32, ge=1)
    """Longest answer of one turn."""


class Validation(Frozen):
    """Held-in measurements of a stage while it trains, on train-split tasks that it never draws."""

    tasks: int = Field(default=16, ge=2)
    """Of each environment and difficulty that the stage trains on: the last ones of its train split."""
    samples: int = Field(default=4, ge=1)
    """Samples of each task; the score is the mean success over all of them."""
    every: int = Field(default=5, ge=1)
    """Updates from one measurement to the next; one more follows the last update."""
    patience: int | None = Field(default=None, ge=1)
    """Measurements in a row without a better score after which the stage stops; None: it never stops early."""
    checkpoint: Literal["last", "best"] = "last"
    """Which one a stage makes, for evaluation and for the next stage: the last, or that with the best score."""


class Training(Frozen):
    """The budget of a stage."""

    updates: int = Field(default=30, ge=1)
    """Updates of a stage that does not state its own."""
    groups: int = Field(default=16, ge=1)
    """Tasks an update."""
    samples: int = Field(default=8, ge=1)
    """Trajectories of each task: the size of a group. An algorithm that compares them needs 2 at least."""
    refills: int = Field(default=0, ge=0)
    """Rounds of further tasks that replace groups without variance (dynamic sampling, arXiv 2503.14476 section 3.2)."""
    max_staleness: int = Field(default=0, ge=0)
    """Updates by which the weights that play may be behind those that learn; above 0 rollouts run beside learning."""
    checkpoint_every: int = Field(default=10, ge=1)
    """Updates after which a killed stage resumes."""
    validation: Validation | None = None
    """Held-in measurements while a stage trains; null: none."""
    record: bool = False
    """Keep the trajectories of training in the run folder, where others may learn from them. Changes no number."""

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_unused(self, handler(self), ("max_staleness", "validation", "record"))


class HFSamplerConfig(Frozen):
    """Options of the sampler `hf`."""

    slots: int = Field(default=64, ge=1)
    """Conversations whose context is kept at once."""
    max_context: int = Field(default=2048, ge=16)
    """Longest context in tokens, answer included; a shorter limit of the model holds."""


class LoRA(Frozen):
    """Low-rank adapters through peft (arXiv 2106.09685)."""

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    """Their scale is alpha / rank."""
    targets: str | tuple[str, ...] = "all-linear"
    """Names of the layers that get one."""


class LearnerConfig(Frozen):
    """How gradients become an update."""

    learning_rate: float = Field(default=1e-4, gt=0)
    """Of AdamW."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Of AdamW."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """The gradient's norm is clipped to it."""
    minibatches: int = Field(default=1, ge=1)
    """Optimizer steps an update; more than one makes the ratio clip act."""
    micro_tokens: int = Field(default=8192, ge=64)
    """Padded tokens a forward pass: gradients accumulate over as many passes as a step needs. Bounds memory, changes no
    result beyond rounding."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """The learning rate over a stage, after its warm-up: as it is, or falling to almost 0 at the last update."""
    warm_up: int = Field(default=0, ge=0)
    """First updates of a stage, over which the learning rate rises in equal steps."""
    lora: LoRA | None = None
    """Low-rank adapters through peft (arXiv 2106.09685); null trains all weights."""

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_unused(self, handler(self), ("schedule", "warm_up"))


class StageSettings(Frozen):
    """What a stage has of its own. Keys that are not given, also inside `training.validation`, are the run's."""

    training: Training = Field(default_factory=Training)
    learner: LearnerConfig = Field(default_factory=LearnerConfig)

    @model_serializer
    def _given(self) -> dict[str, Any]:
        return given(self)


class CriticConfig(Frozen):
    """What estimates the returns of an algorithm with a critic; such an algorithm has it among its own options."""

    model: str | None = None
    """None: a linear head on the policy's own hidden states, which the critic's errors then train too. Otherwise a
    model of the critic's own: `start` for a copy of what the stage starts from, or a name, a folder or a hub id."""
    learning_rate: float = Field(default=1e-3, gt=0, allow_inf_nan=False)
    """Of the head, and of a model of its own; the policy keeps `learner.learning_rate`."""


class Evaluating(Frozen):
    """The fixed tasks that every checkpoint is measured on: the first ones of each test split."""

    tasks: int = Field(default=64, ge=2)
    """Tasks of each environment and difficulty."""
    samples: int = Field(default=4, ge=1)
    """Samples of each task: the k of avg@k and pass@k."""
    environments: tuple[str, ...] | None = None
    """Where to evaluate; None: in every environment of the configuration."""


_UNUSED = ("tasks", "shots", "algorithms", "stages", "faults", "shortage", "trackers")


class Settings(Frozen):
    """Everything but what is trained on: shared by experiments and studies."""

    name: str = Field(default="run", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """The run's folder under `runs/`; not part of its identity."""
    seed: int = 0
    """All randomness follows from it."""
    model: str = "rftcore/tiny"
    """`rftcore/NAME` from a distribution, a Hugging Face folder, or a hub id."""
    device: str = "auto"
    """`auto` takes the first CUDA GPU if there is one, else the CPU; or `cpu`, `cuda`, `cuda:1`, `mps`."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """`float16` only where no weights but adapters are trained."""
    threads: int = Field(default=1, ge=1)
    """Torch threads a process; several busy threads on few cores are slower than one."""
    environments: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """Options of each environment. Those that are trained in need not be listed; others listed are held out.
    With the key `name` among them, that component plays it, such as `remote`."""
    calibration: dict[str, str] = Field(default_factory=dict)
    """By environment, the file of a split that `rftcore calibrate` made, in place of the environment's own."""
    tasks: dict[str, str] = Field(default={})
    """By environment, a file of tasks of one's own, in place of the lists that it has tasks of."""
    format: str = "plain"
    """How a conversation is written for the model: the prompt format."""
    history: History = Field(default_factory=History)
    """How much of an episode the model sees."""
    shots: int = Field(default=0, ge=0)
    """Solved train tasks that every prompt shows first."""
    algorithm: Component = Field(default_factory=lambda: Component(name="grpo"))
    """What an agent learns by: a name, or a mapping of `name` and options."""
    algorithms: dict[str, Component] = Field(default={})
    """Those of stages with one of their own, `KEY(textcraft)`; a key without a `name` is the algorithm's name."""
    stages: dict[str, StageSettings] = Field(default={})
    """Settings of their own for stages with an algorithm of their own, `KEY(textcraft)`."""
    sampler: Component = Field(default_factory=lambda: Component(name="hf"))
    """What generates the model's answers."""
    sampling: Sampling = Field(default_factory=Sampling)
    """How answers are drawn, in training and in evaluation alike."""
    training: Training = Field(default_factory=Training)
    """The budget of a stage."""
    learner: LearnerConfig = Field(default_factory=LearnerConfig)
    """How gradients become an update."""
    evaluation: Evaluating = Field(default_factory=Evaluating)
    """The fixed test tasks that every checkpoint is measured on."""
    references: tuple[PolicyComponent, ...] = (PolicyComponent(name="random"), PolicyComponent(name="oracle"))
    """Policies that are played beside what is trained: every table's floor and ceiling, models behind an API."""
    metrics: tuple[Component, ...] = Field(default_factory=lambda: (Component(name="generalization"),))
    """What is computed from trajectories; one of them has to summarize a study."""
    faults: Faults = Field(default=Faults())
    """What happens when environments hang or fail: deadlines, and how many lost samples stop the run."""
    executor: Component = Field(default_factory=lambda: Component(name="inline"))
    """Where jobs run; it changes no number."""
    shortage: Literal["refuse", "warn"] = "refuse"
    """What happens to a run whose least need of memory or disk is more than there is; it changes no number."""
    trackers: tuple[Component, ...] = Field(default=())
    """Where the figures of the run are shown as it works, beside its own folder; they change no number."""

    def environment(self, name: str) -> Component:
        """Return what plays the environment `name`: the component of this name, or the one that its key `name` says."""
        options = dict(self.environments.get(name, {}))
        return Component(name=str(options.pop("name", name)), options=options)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get("algorithms"), dict):
            return value
        named = {
            key: {"name": key, **given} if isinstance(given, dict) else given
            for key, given in value["algorithms"].items()
        }
        return {**value, "algorithms": named}

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_unused(self, handler(self), _UNUSED)


class ExperimentConfig(Settings):
    """One line of training: `train` is a checkpoint's name (`textcraft:easy>textcraft:hard`) or a curriculum."""

    train: Component
    """What to train, as a checkpoint's name (`a:easy>a:hard`, `a+b`) or as a curriculum."""

    @model_validator(mode="before")
    @classmethod
    def _expression(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("train"), str):
            return {**value, "train": curriculum_for(value["train"])}
        return value


class AxesConfig(Frozen):
    """What to train for each of the three questions, each item a checkpoint's name or a curriculum."""

    difficulty: tuple[Component, ...] = ()
    transfer: tuple[Component, ...] = ()
    sequence: tuple[Component, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _expressions(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            axis: [curriculum_for(item) if isinstance(item, str) else item for item in items]
            if isinstance(items, (list, tuple))
            else items
            for axis, items in value.items()
        }

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.difficulty or self.transfer or self.sequence):
            raise ValueError("something to train under difficulty, transfer or sequence")
        return self


class StudyConfig(Settings):
    """Several lines of training that share every equal stage, measured along three axes."""

    axes: AxesConfig
    held_out: Literal["installed", "listed"] = "listed"
    """`installed` also evaluates in every other installed environment, with its defaults."""
    published: Published | None = None
    """A paper's figures, printed beside the study's own; they change no number."""


class EvaluationConfig(Settings):
    """One model, or one policy, on the fixed test tasks: of `environments`, or of every installed one."""

    policy: PolicyComponent | None = None
    """Plays in place of the model, such as `oracle`."""


def curriculum_for(expression: str) -> Component:
    """Return the curriculum that a checkpoint's name stands for: `a>b` sequential, `a+b` mixture, `a` single.

    A mixture with an algorithm of its own, `imitation(a+b)`, is written as one text.
    """
    if ">" in expression:
        return Component(name="sequential", options={"train": [part.strip() for part in expression.split(">")]})
    if "+" in expression:
        parts = [part.strip() for part in expression.split("+")]
        return Component(name="mixture", options={"train": expression if "(" in expression else parts})
    return Component(name="single", options={"train": expression})
