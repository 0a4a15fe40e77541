"""The plan of a run: a graph of stages and evaluation cells, each named by the hash of what determines its result.

Equal stages of different lines of training are one node, so they are trained once. A node's key covers the model it
starts from, every setting that can change a number, the behaviour versions of the plugins and the manifests of the task
lists; it leaves out the run's name and where jobs run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from rftcore import registry
from rftcore.curriculum import Curriculum, Stage
from rftcore.environment import Environment
from rftcore.errors import ConfigError
from rftcore.manifests import task_lists
from rftcore.players import chats, players, policy_identity
from rftcore.recording import Recording, fingerprint
from rftcore.schemas.config import (
    Component,
    EvaluationConfig,
    ExperimentConfig,
    PolicyComponent,
    Settings,
    StudyConfig,
)
from rftcore.schemas.frozen import Frozen, digest, without_unused
from rftcore.stages import identity, pools, recorded, settings_of, train_tasks
from rftcore.validation import divide

BASE = "base"


class StageNode(Frozen):
    """One stage to train."""

    key: str
    name: str
    """Of the checkpoint it makes."""
    parent: str | None
    """Key of the stage before it; None starts from the base model."""
    stage: Stage
    curriculum: Component
    updates: int


class CellNode(Frozen):
    """One evaluation: a checkpoint or a policy on one environment and difficulty."""

    key: str
    train: str
    """The checkpoint's name, or the policy's."""
    checkpoint: str | None
    """Key of the stage; None for base and for policies."""
    policy: bool
    environment: str
    difficulty: str


class Plan(Frozen):
    """All work of a run, parents before children."""

    stages: tuple[StageNode, ...]
    cells: tuple[CellNode, ...]
    axes: dict[str, tuple[str, ...]]
    """Checkpoint names of each axis that has any, without base."""
    manifests: dict[str, str]
    """`environment/difficulty/split` -> sha256 of its ordered task list."""
    specs: dict[str, str]
    """`kind/name` -> behaviour version of every plugin that the run uses."""
    model: str
    """Fingerprint of the base model; empty when only a policy plays."""
    recordings: dict[str, str] = Field(default={})
    """Place of every recording that is learned from -> sha256 of its trajectories."""

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_unused(self, handler(self), ("recordings",))

    def chain(self, name: str) -> list[StageNode]:
        """Return the stages behind a checkpoint, first to last; empty for base."""
        by_key = {node.key: node for node in self.stages}
        node = next((node for node in self.stages if node.name == name), None)
        chain: list[StageNode] = []
        while node is not None:
            chain.insert(0, node)
            node = by_key.get(node.parent) if node.parent else None
        return chain

    def trained_in(self, name: str) -> frozenset[str]:
        """Return the environments that RFT trained in on the way to a checkpoint."""
        return frozenset(environment for environment, _ in self.trained_on(name))

    def trained_on(self, name: str) -> frozenset[tuple[str, str]]:
        """Return the pools, environment and difficulty, that RFT drew tasks from on the way to a checkpoint."""
        return frozenset(pool for node in self.chain(name) for pool in self.drawn(node))

    def drawn(self, node: StageNode) -> list[tuple[str, str]]:
        """Return the pools that one stage draws tasks from, sorted; a source without difficulty draws from all."""
        lists = [place.rsplit("/", 2) for place in self.manifests]
        return sorted(
            {
                (environment, difficulty)
                for environment, difficulty, _ in lists
                for source in node.stage.sources
                if environment == source.environment and source.difficulty in (None, difficulty)
            }
        )


def make_plan(config: Settings, environments: Mapping[str, Environment], model: str) -> Plan:
    """Return the plan of a resolved configuration; `model` is the fingerprint of its base model.

    Raises ConfigError for unknown environments or difficulties, SplitError when train and test tasks overlap.
    """
    measured = _measured(config, environments)
    manifests = task_lists(environments)
    stages: dict[str, StageNode] = {}
    axes: dict[str, tuple[str, ...]] = {}
    for axis, items in lines(config).items():
        names = [_line(item, config, environments, manifests, model, stages) for item in items]
        whole = isinstance(config, ExperimentConfig)  # one line is shown with every checkpoint on the way
        axes[axis] = tuple(dict.fromkeys(name for line in names for name in (line if whole else line[-1:])))
    _check_names(stages.values())
    checkpoints: list[tuple[str, str | None]] = [(BASE, None), *((node.name, node.key) for node in stages.values())]
    if isinstance(config, EvaluationConfig) and config.policy is not None:
        checkpoints = []
    policies = {policy.title: policy for policy in players(config)}
    cells = [
        _cell(config, environments, manifests, name, key or model, key, None, environment, difficulty)
        for name, key in checkpoints
        for environment, difficulty in measured
    ]
    cells += [
        _cell(config, environments, manifests, title, _version("policy", policy.name), None, policy, *place)
        for title, policy in policies.items()
        for place in measured
    ]
    return Plan(
        stages=tuple(stages.values()),
        cells=tuple(cells),
        axes=axes,
        manifests=manifests,
        specs=_specs(config, [policy.name for policy in policies.values()]),
        model=model,
        recordings=_recordings(config),
    )


def lines(config: Settings) -> dict[str, tuple[Component, ...]]:
    """Return the lines of training of each axis that has any; an evaluation's only axis is one without lines."""
    if isinstance(config, ExperimentConfig):
        return {"sequence": (config.train,)}
    if isinstance(config, StudyConfig):
        axes = {axis: getattr(config.axes, axis) for axis in ("difficulty", "transfer", "sequence")}
        return {axis: items for axis, items in axes.items() if items}
    return {"transfer": ()}


def _algorithms(config: Settings) -> tuple[Component, ...]:
    """Return what is learned by: nothing in an evaluation."""
    return () if isinstance(config, EvaluationConfig) else (config.algorithm, *config.algorithms.values())


def _recordings(config: Settings) -> dict[str, str]:
    places = {recorded(component) for component in _algorithms(config)}
    return {place: fingerprint(place) for place in sorted(place for place in places if place is not None)}


def _check_names(stages: Iterable[StageNode]) -> None:
    """Refuse two trainings with one name: in a table nobody could tell them apart."""
    by_name: dict[str, StageNode] = {}
    for node in stages:
        other = by_name.setdefault(node.name, node)
        if other is not node:
            raise ConfigError(
                f"two different trainings are called {node.name!r}: {_described(other)} and {_described(node)}. "
                "Train them in runs of their own"
            )


def _described(node: StageNode) -> str:
    shares = ", ".join(f"{source.label} {source.weight:g}" for source in node.stage.sources)
    horizon = f", turn limits {', '.join(map(str, node.stage.horizon))}" if node.stage.horizon else ""
    return f"{node.curriculum.name} ({shares}; {node.updates} updates{horizon})"


def _line(
    component: Component,
    config: Settings,
    environments: Mapping[str, Environment],
    manifests: Mapping[str, str],
    model: str,
    stages: dict[str, StageNode],
) -> list[str]:
    """Add the stages of one line of training to `stages`; return the checkpoint names along it."""
    curriculum: Curriculum = registry.create("curriculum", component.name, component.options, "train")
    parent: str | None = None
    names: list[str] = []
    for stage in curriculum.stages():
        for source in stage.sources:
            _check_source(source.environment, source.difficulty, environments)
        tasks = train_tasks(stage, environments)
        own = settings_of(config, stage)
        drawn = {pool: divide(pool, listed, own.training.validation)[0] for pool, listed in tasks.items()}
        place = recorded(own.algorithm)
        if place is not None:
            Recording(place).pools(drawn)
        updates = stage.updates or own.training.updates
        key = digest(
            {
                "from": parent or model,
                "stage": stage.model_dump(mode="json"),
                "picking": curriculum.picking or f"{component.name}/{_version('curriculum', component.name)}",
                "updates": updates,
                "settings": _training_settings(own, stage),
                "manifests": {
                    pool: manifests[f"{pool.replace(':', '/')}/train"] for pool in pools(stage, environments)
                },
            }
        )
        name = ">".join([*names[-1:], stage.name])
        stages.setdefault(
            key, StageNode(key=key, name=name, parent=parent, stage=stage, curriculum=component, updates=updates)
        )
        parent = key
        names.append(name)
    return names


def _cell(
    config: Settings,
    environments: Mapping[str, Environment],
    manifests: Mapping[str, str],
    name: str,
    identity: str,
    checkpoint: str | None,
    policy: PolicyComponent | None,
    environment: str,
    difficulty: str,
) -> CellNode:
    settings: dict[str, Any] = {"seed": config.seed, "evaluation": [config.evaluation.tasks, config.evaluation.samples]}
    if policy is None:
        settings |= _sampling_settings(config)
    elif policy.options:
        settings["policy"] = policy_identity(policy)
    if policy is not None and chats(policy):
        settings |= _prompt_settings(config)
    settings |= deadlines(config)
    version = _version("environment", config.environment(environment).name)
    key = digest(
        {
            "of": identity,
            "name": name if policy is not None else "",
            "environment": [environment, config.environments[environment], version],
            "manifest": manifests[f"{environment}/{difficulty}/test"],
            "settings": settings,
        }
    )
    return CellNode(
        key=key,
        train=name,
        checkpoint=checkpoint,
        policy=policy is not None,
        environment=environment,
        difficulty=difficulty,
    )


def _sampling_settings(config: Settings) -> dict[str, Any]:
    keys = ("device", "dtype", "threads", "sampler", "sampling")
    dumped = config.model_dump(mode="json")
    return {key: dumped[key] for key in keys} | _prompt_settings(config)


def deadlines(config: Settings) -> dict[str, Any]:
    """Return the deadlines, where there are any: they decide which samples are lost."""
    return {"deadlines": config.faults.deadlines} if config.faults.deadlines else {}


def _prompt_settings(config: Settings) -> dict[str, Any]:
    dumped = config.model_dump(mode="json")
    return {key: dumped[key] for key in ("format", "history", "shots") if key in dumped}


def _training_settings(config: Settings, stage: Stage) -> dict[str, Any]:
    """Return what of a stage's settings can change a number."""
    dumped = config.model_dump(mode="json")
    elsewhere = ("updates", "checkpoint_every", "record")  # the plan has the updates; the others change no number
    training = {key: value for key, value in dumped["training"].items() if key not in elsewhere}
    return (
        _sampling_settings(config)
        | deadlines(config)
        | {
            "seed": config.seed,
            "training": training,
            "learner": dumped["learner"],
            "algorithm": [identity(config.algorithm), _version("algorithm", config.algorithm.name)],
            "environments": {
                name: [config.environments[name], _version("environment", config.environment(name).name)]
                for name in sorted({source.environment for source in stage.sources})
            },
        }
    )


def _measured(config: Settings, environments: Mapping[str, Environment]) -> list[tuple[str, str]]:
    chosen = config.evaluation.environments if config.evaluation.environments is not None else tuple(environments)
    for name in chosen:
        _check_source(name, None, environments)
    if not chosen:
        one = registry.KNOWN["environment"]["textcraft"]
        raise ConfigError(
            "there is no environment to evaluate in; name at least one under environments, and install it where none "
            f"is installed: pip install {one}, for instance"
        )
    chosen = tuple(dict.fromkeys(chosen))
    return [(name, difficulty) for name in chosen for difficulty in environments[name].difficulties]


def _check_source(environment: str, difficulty: str | None, environments: Mapping[str, Environment]) -> None:
    if environment not in environments:
        raise ConfigError(f"environment {environment!r} is not among those configured: {', '.join(environments)}")
    known = environments[environment].difficulties
    if difficulty is not None and difficulty not in known:
        raise ConfigError(f"{environment} has no difficulty {difficulty!r}; expected one of {', '.join(known)}")


def _specs(config: Settings, policies: Sequence[str]) -> dict[str, str]:
    used = {
        "environment": [config.environment(name).name for name in config.environments],
        "algorithm": [component.name for component in _algorithms(config)],
        "curriculum": [component.name for items in lines(config).values() for component in items],
        "sampler": [config.sampler.name],
        "metric": [metric.name for metric in config.metrics],
        "policy": policies,
    }
    return {f"{kind}/{name}": _version(kind, name) for kind, names in used.items() for name in names}


def _version(kind: str, name: str) -> str:
    return registry.spec(kind, name).version
