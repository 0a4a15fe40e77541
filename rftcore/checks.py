"""What a configuration has to be, beyond the form of its keys, before anything runs that costs time.

Each check looks at one thing and raises. `Checks` runs them to the last, so that a person sees all that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from rftcore import launch, registry
from rftcore.algorithm import Algorithm
from rftcore.curriculum import Stage
from rftcore.environment import Environment
from rftcore.errors import ConfigError, PluginError, RftError
from rftcore.metric import Metric
from rftcore.models import find_model
from rftcore.options import validate
from rftcore.plan import BASE, Plan
from rftcore.players import chats, players
from rftcore.sampler import Sampler
from rftcore.schemas.config import Component, EvaluationConfig, PolicyComponent, Settings, StudyConfig
from rftcore.shots import shots
from rftcore.stages import settings_of


class Checks:
    """Runs checks and keeps what they raise."""

    def __init__(self) -> None:
        self._failures: list[RftError] = []

    def __call__(self, check: Callable[..., Any], *arguments: Any) -> Any:
        """Return what `check` returns, or None when it fails."""
        try:
            return check(*arguments)
        except RftError as error:
            self._failures.append(error)

    def finish(self) -> None:
        """Raise what failed: a single failure as it is, several as one ConfigError."""
        texts = list(dict.fromkeys(map(str, self._failures)))
        if len(texts) > 1:
            raise ConfigError("\n".join(texts))
        if texts:
            raise self._failures[0]


def complete(kind: str, component: Component, where: str) -> Component:
    """Return `component` with every option of its plugin filled in."""
    options = validate(registry.config(kind, component.name), component.options, where)
    return Component(name=component.name, options=options.model_dump(mode="json"))


def complete_algorithm(component: Component, where: str) -> Component:
    """Return the algorithm with every option filled in. Raises PluginError when the learner cannot serve it."""
    whole = complete("algorithm", component, where)
    check_algorithm(registry.create("algorithm", whole.name, whole.options))
    return whole


def check_named(config: Settings, used: Collection[str]) -> None:
    """Refuse an algorithm and settings that no stage names."""
    unused = [(f"algorithms.{key}", "algorithm", key) for key in config.algorithms if key not in used]
    unused += [(f"stages.{key}", "settings", key) for key in config.stages if key not in used]
    for where, what, key in unused:
        named = f"the stages name {', '.join(used)}" if used else f"such as train: {key}(textcraft)>textcraft"
        raise ConfigError(f"{where}: found the {what} of no stage, expected a stage that names it; {named}")


def check_options(checks: Checks, given: Mapping[str, Any]) -> None:
    """Check what plugins can say of a configuration whose other keys are wrong."""
    for key in ("algorithm", "sampler", "executor"):
        checks(_check_component, key, given.get(key), key)
    algorithms = given.get("algorithms")
    for key, item in algorithms.items() if isinstance(algorithms, Mapping) else ():
        named = {"name": key, **item} if isinstance(item, Mapping) else item
        checks(_check_component, "algorithm", named, f"algorithms.{key}")
    checks(_check_component, "curriculum", given.get("train"), "train")
    axes, environments = given.get("axes"), given.get("environments")
    for axis, items in axes.items() if isinstance(axes, Mapping) else ():
        for number, item in enumerate(items if isinstance(items, list) else ()):
            checks(_check_component, "curriculum", item, f"axes.{axis}.{number}")
    for name, options in environments.items() if isinstance(environments, Mapping) else ():
        if isinstance(options, Mapping):
            checks(_check_environment, name, options)


def _check_component(kind: str, given: Any, where: str) -> None:
    if isinstance(given, Mapping) and isinstance(given.get("name"), str):
        complete(kind, Component.model_validate(dict(given)), where)


def _check_environment(name: str, options: Mapping[str, Any]) -> None:
    own = {key: value for key, value in options.items() if key != "name"}
    validate(registry.config("environment", str(options.get("name", name))), own, f"environments.{name}")


def check_files(config: Settings, names: Collection[str]) -> None:
    """Refuse a calibration, or a file of tasks, of an environment that the run does not have; and both of one."""
    for key, files in (("calibration", config.calibration), ("tasks", config.tasks)):
        for name in files:
            if name not in names:
                raise ConfigError(f"{key}.{name}: this run has no such environment; expected {', '.join(names)}")
    for name in config.tasks:
        if name in config.calibration:
            raise ConfigError(f"tasks.{name}: found it in calibration too, expected one of the two")


def check_sampling(config: Settings) -> None:
    """Refuse to train on samples that are all equal."""
    if config.sampling.temperature == 0.0 and not isinstance(config, EvaluationConfig):
        raise ConfigError(
            "sampling.temperature: found 0.0, expected more where something is trained: "
            "every sample of a group would be equal, so nothing is learned"
        )


def check_group_size(config: Settings, stages: Iterable[Stage]) -> None:
    """Refuse groups of one trajectory where the algorithm of a stage compares the trajectories of a group."""
    for stage in stages:
        own = settings_of(config, stage)
        if own.training.samples > 1 or not _grouped(own.algorithm.name):
            continue
        where = "" if config.training.samples == 1 else f"stages.{stage.algorithm}."
        alone = [other for other in registry.names("algorithm") if not _grouped(other)]
        raise ConfigError(
            f"{where}training.samples: found 1, expected 2 at least with algorithm {own.algorithm.name!r}, which "
            f"compares the trajectories of one task with each other; algorithms that do not: "
            f"{', '.join(alone) or 'none is installed'}"
        )


def _grouped(algorithm: str) -> bool:
    spec: Any = registry.spec("algorithm", algorithm)
    return bool(spec.grouped)


def check_dtype(config: Settings) -> None:
    """Refuse to train weights in float16."""
    if config.dtype == "float16" and config.learner.lora is None and not isinstance(config, EvaluationConfig):
        raise ConfigError(
            "dtype: found 'float16', expected 'float32' or 'bfloat16' where all weights are trained: AdamW's averages "
            "of small gradients are 0 in float16, and it divides by them. With learner.lora the adapters are float32"
        )


def check_staleness(config: Settings, plan: Plan) -> None:
    """Refuse stale rollouts where several processes learn together: each would play ahead of the others."""
    for node in plan.stages:
        found = settings_of(config, node.stage).training.max_staleness
        if found and launch.count() > 1:
            raise ConfigError(
                f"training.max_staleness: found {found} for stage {node.name!r}, expected 0 with the {launch.count()} "
                "processes of this launch: rollouts beside the learner are for a run in one process"
            )


def check_side_by_side(config: Settings, plan: Plan, done: Collection[str], slots: int) -> None:
    """Refuse a sampler that all who would use it at once cannot have: jobs that are not `done`, or a launch."""
    left, options = _sampled(plan, done), _sampler(config)
    if left and options is not None:
        options.check_side_by_side(max(launch.count(), min(slots, left)))


def check_here(config: Settings, plan: Plan, done: Collection[str] = ()) -> None:
    """Refuse a sampler that jobs which are not `done` need and that could not sample on this machine."""
    options = _sampler(config)
    if _sampled(plan, done) and options is not None:
        options.check_here()


def _sampled(plan: Plan, done: Collection[str]) -> int:
    """Return how many jobs that are not `done` sample from the model."""
    keys = {stage.key for stage in plan.stages} | {cell.key for cell in plan.cells if not cell.policy}
    return len(keys - set(done))


def _sampler(config: Settings) -> Sampler.Config | None:
    options = validate(registry.config("sampler", config.sampler.name), config.sampler.options, "sampler")
    return options if isinstance(options, Sampler.Config) else None


def check_warm_up(config: Settings, plan: Plan) -> None:
    """Refuse a warm-up that a stage does not outlast."""
    for node in plan.stages:
        learner = settings_of(config, node.stage).learner
        if learner.warm_up >= node.updates:
            raise ConfigError(
                f"learner.warm_up: found {learner.warm_up}, expected less than the {node.updates} updates of "
                f"stage {node.name!r}: its learning rate would never be the full one"
            )


def check_stage_settings(config: Settings, plan: Plan) -> None:
    """Refuse settings of a stage that its curriculum contradicts, or that would change which weights are trained."""
    for node in plan.stages:
        own = config.stages.get(node.stage.algorithm or "")
        if own is None:
            continue
        where = f"stages.{node.stage.algorithm}"
        if "updates" in own.training.model_fields_set and node.stage.updates is not None:
            raise ConfigError(
                f"{where}.training.updates: found {own.training.updates}, but the curriculum plans "
                f"{node.stage.updates} updates of stage {node.name!r}; expected one of the two"
            )
        if settings_of(config, node.stage).learner.lora != config.learner.lora:
            raise ConfigError(
                f"{where}.learner.lora: expected that of the run, learner.lora: the stages of a line train the same "
                "weights, all of them or the same adapters"
            )


def check_shots(config: Settings, environment: Environment) -> None:
    """Refuse to show more examples than the environment's expert can give."""
    model = not (isinstance(config, EvaluationConfig) and config.policy)
    if config.shots and (model or any(map(chats, players(config)))):
        shots(environment, config.shots)


def check_model(config: Settings) -> None:
    """Refuse the name of a policy in the place of a model."""
    if config.model in registry.names("policy") and not Path(config.model).is_dir():
        raise ConfigError(
            f"model: found the policy {config.model!r}, expected a model: a policy plays and is not trained. Under "
            "references it plays beside what is trained; `rftcore evaluate --policy` plays it alone"
        )


def check_players(config: Settings) -> None:
    """Refuse two policies that a table would call the same, unless they are, and names that stand for others."""
    found: dict[str, PolicyComponent] = {}
    for policy in players(config):
        if found.setdefault(policy.title, policy) != policy:
            raise ConfigError(
                f"references: found two different policies called {policy.title!r}, expected one; give the other a "
                f"label, such as {{name: {policy.name}, label: another}}"
            )
        if policy.title != policy.name and policy.title in (BASE, *registry.names("policy")):
            raise ConfigError(f"label: found {policy.title!r}, expected one that names nothing else in a table")


def complete_policy(component: PolicyComponent, where: str) -> PolicyComponent:
    """Return `component` with every option of its plugin filled in."""
    return component.model_copy(update={"options": complete("policy", component, where).options})


def check_metrics(config: Settings) -> None:
    """Refuse metrics of which none makes a report; a name that is not installed has been named already."""
    names = [metric.name for metric in config.metrics]
    known = [name for name in names if name in registry.names("metric")]
    summarized = [name for name in known if registry.resolve("metric", name).study is not Metric.study]
    if not summarized and known == names:
        raise ConfigError(
            f"metrics: none of them ({', '.join(names) or 'the list is empty'}) summarizes a study, so there would be "
            "no report; add 'generalization' (rftcore-generalization)"
        )


def check_algorithm(algorithm: Algorithm) -> None:
    """Refuse an algorithm that asks for what the learner does not give."""
    spec: Any = registry.spec("algorithm", algorithm.name)
    critic = algorithm.critic().model if spec.needs_values else None
    if critic is not None and critic != "start":
        try:
            find_model(critic)
        except ConfigError as error:
            raise ConfigError(f"algorithm.critic.{error}") from error
    if algorithm.reference_weight() > 0 and not spec.needs_reference:
        raise PluginError(
            f"algorithm {spec.name!r} of {registry.owner('algorithm', spec.name).owner} pulls to the start policy, but "
            "its spec does not say so; expected needs_reference=True: report it to its authors"
        )


def check_published(config: Settings, plan: Plan) -> None:
    """Refuse a published figure that stands beside nothing."""
    if not isinstance(config, StudyConfig) or config.published is None:
        return
    trained = {cell.train for cell in plan.cells}
    measured: dict[str, set[str]] = {}
    for cell in plan.cells:
        measured.setdefault(cell.environment, set()).add(cell.difficulty)
    for number, figure in enumerate(config.published.figures):
        where = f"published.figures.{number}"
        if figure.train not in trained:
            raise ConfigError(f"{where}.train: found {figure.train!r}, expected one of {', '.join(sorted(trained))}")
        if figure.environment not in {*measured, "held-in", "held-out"}:
            raise ConfigError(
                f"{where}.environment: found {figure.environment!r}, expected held-in, held-out, {', '.join(measured)}"
            )
        difficulties = sorted(measured.get(figure.environment, ()))
        if figure.difficulty is not None and figure.difficulty not in difficulties:
            raise ConfigError(
                f"{where}.difficulty: found {figure.difficulty!r}, expected "
                + (" or ".join(difficulties) or "none: held-in and held-out are means over all difficulties")
            )
