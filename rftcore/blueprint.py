"""All that a run is before it runs: its configuration with every default filled in, its plan, and its id.

A configuration comes from a file with overrides, from a mapping, or from fields that hold live components; each way
gives the same blueprint. It refuses whatever could not run, and says all that is wrong at once. No model is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rftcore import registry
from rftcore.calibrated import Calibrated, read_calibration
from rftcore.checks import (
    Checks,
    check_dtype,
    check_files,
    check_group_size,
    check_metrics,
    check_model,
    check_named,
    check_options,
    check_players,
    check_published,
    check_sampling,
    check_shots,
    check_stage_settings,
    check_staleness,
    check_warm_up,
    complete,
    complete_algorithm,
    complete_policy,
)
from rftcore.compose import merged
from rftcore.curriculum import Curriculum, Stage
from rftcore.environment import Environment
from rftcore.errors import ConfigError, RftError, RunError
from rftcore.formats import prompt_format
from rftcore.live import written
from rftcore.models import fingerprint
from rftcore.options import validate
from rftcore.plan import Plan, deadlines, lines, make_plan
from rftcore.players import policy_identity
from rftcore.plugins import BLOCK
from rftcore.records import SCHEMA_VERSION, RunFolder
from rftcore.schemas.config import AxesConfig, Component, EvaluationConfig, ExperimentConfig, Settings, StudyConfig
from rftcore.schemas.frozen import digest
from rftcore.stages import identity, settings_of
from rftcore.tasklist import Listed
from rftcore.wrapped import Wrapped

KINDS: dict[str, type[Settings]] = {
    "experiment": ExperimentConfig,
    "study": StudyConfig,
    "evaluation": EvaluationConfig,
}


class Blueprint:
    """A configuration with every default filled in, its plan, and its id: all that a run is, before it runs."""

    def __init__(self, config: Settings) -> None:
        """Resolve `config`. Raises ConfigError or PluginError for anything that could not run."""
        checks = Checks()
        trained = {
            axis: [
                checks(complete, "curriculum", item, _where(config, axis, number)) for number, item in enumerate(items)
            ]
            for axis, items in lines(config).items()
        }
        parts = _components(checks, config)
        checks(prompt_format, config.format)
        checks(check_sampling, config)
        checks(check_dtype, config)
        checks(check_metrics, config)
        checks(check_players, config)
        checks(check_model, config)
        names = dict.fromkeys(config.environments)
        planned = [item for items in trained.values() for item in items if item is not None]
        stages = [stage for item in planned for stage in checks(_stages, item) or ()]
        names |= dict.fromkeys(source.environment for stage in stages for source in stage.sources)
        own = {each.algorithm: settings_of(config, each).algorithm for each in stages if each.algorithm is not None}
        checks(check_named, config, own)
        parts["algorithms"] = {key: checks(complete_algorithm, own[key], f"algorithms.{key}") for key in sorted(own)}
        if None not in (parts["algorithm"], *parts["algorithms"].values()):
            checks(check_group_size, config, stages)
        named = set(names)
        names |= dict.fromkeys(_held_out(config))
        checks(check_files, config, names)
        # Jobs read the files too, wherever they run.
        files = {"calibration": _absolute(config.calibration), "tasks": _absolute(config.tasks)}
        uninvited = set(_held_out(config)) - named
        self.environments = {
            name: checks(_invited if name in uninvited else make_environment, config, name) for name in names
        }
        for environment in self.environments.values():
            if environment is not None:
                checks(check_shots, config, environment)
            if isinstance(environment, Listed):
                checks(environment.check_starts)
        weights = "" if isinstance(config, EvaluationConfig) and config.policy else checks(fingerprint, config.model)
        checks.finish()
        if isinstance(config, ExperimentConfig):
            parts["train"] = trained["sequence"][0]
        if isinstance(config, StudyConfig):
            parts["axes"] = AxesConfig(**{axis: tuple(items) for axis, items in trained.items()})
        options = {name: _options(config.environment(name).name, env) for name, env in self.environments.items()}
        parts |= {"environments": options, **files}
        self.config = config.model_copy(update=parts)
        self.plan = make_plan(self.config, self.environments, weights)
        check_stage_settings(self.config, self.plan)
        check_warm_up(self.config, self.plan)
        check_staleness(self.config, self.plan)
        check_published(self.config, self.plan)
        self.kind = next(kind for kind, model in KINDS.items() if isinstance(config, model))

    @property
    def id(self) -> str:
        """sha256 of everything that can change a number: not the name, nor where jobs run or files lie.

        Of `faults` these are the deadlines; how many lost samples stop a run is no part of what it finds.

        Nor do trackers: they show numbers and change none.

        Nor does the order in which environments are listed.

        What is in the model, the calibrations and the files of tasks is covered by the plan's fingerprint and task
        lists, what is in the algorithms and settings of stages by the stages' keys.
        """
        left_out = {"name", "executor", "trackers", "model", "published"}
        left_out |= {"calibration", "tasks", "algorithms", "stages", "faults", "shortage"}
        content = self.config.model_dump(mode="json", exclude=left_out)
        if isinstance(self.config, EvaluationConfig):
            del content["algorithm"]  # nothing learns by it
        else:
            content["algorithm"] = identity(self.config.algorithm)
        content["references"] = [policy_identity(policy) for policy in self.config.references]
        if isinstance(self.config, EvaluationConfig) and self.config.policy is not None:
            content["policy"] = policy_identity(self.config.policy)
        content["training"].pop("record", None)
        content |= deadlines(self.config)
        plan = self.plan.model_dump(mode="json", exclude={"recordings"})
        plan["cells"].sort(key=lambda cell: str(cell["key"]))  # the order of the environments changes no number
        return digest({"kind": self.kind, "config": content, "plan": plan})

    def record(self) -> dict[str, Any]:
        """Return what `run.json` holds."""
        return {
            "schema_version": SCHEMA_VERSION,
            "id": self.id,
            "kind": self.kind,
            "config": self.config.model_dump(mode="json"),
            "plan": self.plan.model_dump(mode="json"),
        }


def load_record(folder: RunFolder) -> tuple[Settings, Plan]:
    """Return the resolved configuration and the plan of a run."""
    record = folder.record()
    if record["kind"] not in KINDS:
        raise RunError(
            f"{str(folder.path)!r} holds a run of kind {record['kind']!r}; expected one of {', '.join(KINDS)}"
        )
    return validate(KINDS[record["kind"]], record["config"]), validate(Plan, record["plan"])


def settings(kind: type[Settings], source: Any = None, overrides: Sequence[str] = (), **fields: Any) -> Settings:
    """Return a configuration from a YAML file or mapping with overrides, or from fields that may hold live components.

    One that is ready already is returned as it is.

    `environments` may be a list of environments, or of names; `algorithm`, `train`, `executor` may be instances.
    """
    if isinstance(source, kind):
        return source
    if source is not None:
        if fields:
            raise ConfigError(f"found both a configuration and {', '.join(fields)}; write those as overrides instead")
        return _checked(kind, source, overrides)
    environments = fields.get("environments")
    if isinstance(environments, (list, tuple)) and any(isinstance(env, Wrapped) for env in environments):
        raise ConfigError(
            "environments: found one with other task lists (calibrated, or its own); expected its original, and the "
            "file in calibration or tasks"
        )
    plain = {key: written(value) for key, value in fields.items()}
    if isinstance(environments, (list, tuple)):
        named = [
            (env, {}) if isinstance(env, str) else (env.name, _options(type(env).name, env)) for env in environments
        ]
        plain["environments"] = dict(named)
        if len(plain["environments"]) < len(named):
            raise ConfigError("environments: found two of one name; a run has one configuration of each")
    return _checked(kind, plain, overrides)


def _checked(kind: type[Settings], source: Any, overrides: Sequence[str]) -> Settings:
    """Return the configuration. What is wrong with it is said together with what is wrong with the plugins' options."""
    given = merged(kind, source, overrides)
    checks = Checks()
    found = checks(validate, kind, given)
    if not isinstance(found, Settings):
        check_options(checks, given)
        checks.finish()
    config: Settings = found
    return config


def make_environment(config: Settings, name: str) -> Environment:
    """Return the environment `name` with the options, and the calibration or tasks, that the configuration gives it.

    Raises as `registry.create`, and ConfigError for a component that plays another environment, and for a
    calibration, or tasks, that are not of this environment as it is installed.
    """
    component = config.environment(name)
    built: Environment = registry.create("environment", component.name, component.options, f"environments.{name}")
    if built.name != name:
        raise ConfigError(
            f"environments.{name}: {component.name!r} plays the environment {built.name!r} here, expected {name!r}; "
            f"write environments.{built.name} with its options, and {built.name} wherever a run names it"
        )
    if name in config.tasks:
        return Listed(built, config.tasks[name])
    if name not in config.calibration:
        return built
    calibration = read_calibration(config.calibration[name])
    version = registry.spec("environment", component.name).version
    if calibration.environment == name and calibration.environment_version != version:
        raise ConfigError(
            f"calibration.{name}: found one for behaviour version {calibration.environment_version}, "
            f"expected {version}, which is installed; calibrate again"
        )
    return Calibrated(built, calibration)


def _components(checks: Checks, config: Settings) -> dict[str, Any]:
    """Return the run's components with every default filled in; None for those that cannot be completed."""
    parts = {
        "algorithm": checks(_algorithm, config),
        "sampler": checks(complete, "sampler", config.sampler, "sampler"),
        "metrics": tuple(checks(complete, "metric", item, f"metrics.{item.name}") for item in config.metrics),
        "references": tuple(
            checks(complete_policy, item, f"references.{n}") for n, item in enumerate(config.references)
        ),
        "trackers": tuple(checks(complete, "tracker", item, f"trackers.{n}") for n, item in enumerate(config.trackers)),
    }
    checks(complete, "executor", config.executor, "executor")
    if isinstance(config, EvaluationConfig) and config.policy is not None:
        parts["policy"] = checks(complete_policy, config.policy, "policy")
    return parts


def _algorithm(config: Settings) -> Component:
    """Return the run's algorithm with every option filled in; the default one as it is where nothing learns by it."""
    if isinstance(config, EvaluationConfig) and config.algorithm == EvaluationConfig().algorithm:
        return config.algorithm
    return complete_algorithm(config.algorithm, "algorithm")


def _absolute(files: Mapping[str, str]) -> dict[str, str]:
    return {name: str(Path(file).absolute()) for name, file in files.items()}


def _where(config: Settings, axis: str, number: int) -> str:
    return f"axes.{axis}.{number}" if isinstance(config, StudyConfig) else "train"


def _stages(component: Component) -> Sequence[Stage]:
    """Return the stages of a line of training."""
    curriculum: Curriculum = registry.create("curriculum", component.name, component.options)
    return curriculum.stages()


def _invited(config: Settings, name: str) -> Environment:
    """Return an environment that nobody named, or say why it is here and how to leave it out."""
    try:
        return make_environment(config, name)
    except RftError as error:
        way = "held_out=listed" if isinstance(config, StudyConfig) else "environments (--environment)"
        owner = registry.owner("environment", config.environment(name).name)
        block = f"leave it out with {BLOCK}={owner.dist}, or " if owner.version else ""
        raise type(error)(
            f"{error}\n  it is here because every installed environment was asked for; "
            f"{block}name the wanted ones: {way}"
        ) from error


def _held_out(config: Settings) -> tuple[str, ...]:
    """Return the installed environments, where the configuration asks for them."""
    wanted = isinstance(config, StudyConfig) and config.held_out == "installed"
    wanted |= isinstance(config, EvaluationConfig) and not config.environments
    return tuple(name for name in registry.names("environment") if not _bridge(name)) if wanted else ()


def _bridge(name: str) -> bool:
    spec: Any = registry.spec("environment", name)
    return bool(spec.bridge)


def _options(component: str, environment: Environment) -> dict[str, Any]:
    """Return the options of an environment as a configuration has them: with its component's name, if that differs."""
    own: dict[str, Any] = environment.config.model_dump(mode="json")
    return own if component == environment.name else {"name": component, **own}
