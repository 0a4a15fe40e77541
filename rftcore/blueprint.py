"""All that a run is before it runs: its configuration with every default filled in, its plan, and its id.

A configuration comes from a file with overrides, from a mapping, or from fields that hold live components; each way
gives the same blueprint. It refuses whatever could not run, and says all that is wrong at once. No model is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from rftcore import registry
from rftcore.calibrated import Calibrated, read_calibration
from rftcore.compose import compose
from rftcore.curriculum import Curriculum
from rftcore.environment import Environment
from rftcore.errors import ConfigError, RftError, RunError
from rftcore.formats import prompt_format
from rftcore.models import fingerprint
from rftcore.options import validate
from rftcore.plan import Plan, lines, make_plan
from rftcore.records import RunFolder
from rftcore.schemas.config import AxesConfig, Component, EvaluationConfig, ExperimentConfig, Settings, StudyConfig
from rftcore.schemas.frozen import digest

KINDS: dict[str, type[Settings]] = {
    "experiment": ExperimentConfig,
    "study": StudyConfig,
    "evaluation": EvaluationConfig,
}


class Blueprint:
    """A configuration with every default filled in, its plan, and its id: all that a run is, before it runs."""

    def __init__(self, config: Settings) -> None:
        """Resolve `config`. Raises ConfigError or PluginError for anything that could not run."""
        checks = _Checks()
        trained = {
            axis: [
                checks(_complete, "curriculum", item, _where(config, axis, number)) for number, item in enumerate(items)
            ]
            for axis, items in lines(config).items()
        }
        parts = {
            "algorithm": checks(_complete, "algorithm", config.algorithm, "algorithm"),
            "sampler": checks(_complete, "sampler", config.sampler, "sampler"),
            "metrics": [checks(_complete, "metric", metric, f"metrics.{metric.name}") for metric in config.metrics],
        }
        checks(_complete, "executor", config.executor, "executor")
        checks(prompt_format, config.format)
        checks(_sampled, config)
        names = dict.fromkeys(config.environments)
        for item in (item for items in trained.values() for item in items if item is not None):
            names |= dict.fromkeys(checks(_trained_in, item) or ())
        names |= dict.fromkeys(_held_out(config))
        checks(_calibrated, config, names)
        # Jobs read the files too, wherever they run.
        files = {name: str(Path(file).absolute()) for name, file in config.calibration.items()}
        self.environments = {name: checks(make_environment, config, name) for name in names}
        weights = "" if isinstance(config, EvaluationConfig) and config.policy else checks(fingerprint, config.model)
        checks.finish()
        if isinstance(config, ExperimentConfig):
            parts["train"] = trained["sequence"][0]
        if isinstance(config, StudyConfig):
            parts["axes"] = AxesConfig(**{axis: tuple(items) for axis, items in trained.items()})
        complete = {name: env.config.model_dump(mode="json") for name, env in self.environments.items()}
        parts |= {"metrics": tuple(parts["metrics"]), "environments": complete, "calibration": files}
        self.config = config.model_copy(update=parts)
        self.plan = make_plan(self.config, self.environments, weights)
        _check_published(self.config, self.plan)
        self.kind = next(kind for kind, model in KINDS.items() if isinstance(config, model))

    @property
    def id(self) -> str:
        """sha256 of everything that can change a number: not the name, nor where jobs run or files lie.

        What is in the model and in the calibrations is covered by the plan's fingerprint and task lists.
        """
        content = self.config.model_dump(mode="json", exclude={"name", "executor", "model", "published", "calibration"})
        return digest({"kind": self.kind, "config": content, "plan": self.plan.model_dump(mode="json")})

    def record(self) -> dict[str, Any]:
        """Return what `run.json` holds."""
        return {
            "schema_version": 1,
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
        return compose(kind, source, overrides)
    plain = {key: _plain(value) for key, value in fields.items()}
    environments = fields.get("environments")
    if isinstance(environments, (list, tuple)):
        if any(isinstance(env, Calibrated) for env in environments):
            raise ConfigError(
                "environments: found a calibrated one; expected its original, and the file in calibration"
            )
        named = [(env, {}) if isinstance(env, str) else (env.name, env.config) for env in environments]
        plain["environments"] = {name: _plain(options) for name, options in named}
        if len(plain["environments"]) < len(named):
            raise ConfigError("environments: found two of one name; a run has one configuration of each")
    return compose(kind, plain, overrides)


def _plain(value: Any) -> Any:
    if hasattr(value, "config") and hasattr(value, "name"):
        return {"name": value.name, "options": value.config.model_dump(mode="json")}
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def make_environment(config: Settings, name: str) -> Environment:
    """Return the environment `name` with the options, and the calibration, that the configuration gives it.

    Raises as `registry.create`, and ConfigError for a calibration that is not of this environment as it is installed.
    """
    built: Environment = registry.create("environment", name, config.environments.get(name, {}), f"environments.{name}")
    if name not in config.calibration:
        return built
    calibration = read_calibration(config.calibration[name])
    version = registry.spec("environment", name).version
    if calibration.environment == name and calibration.environment_version != version:
        raise ConfigError(
            f"calibration.{name}: found one for behaviour version {calibration.environment_version}, "
            f"expected {version}, which is installed; calibrate again"
        )
    return Calibrated(built, calibration)


class _Checks:
    """Runs checks to the last, so that a person sees all that is wrong with a configuration at once."""

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


def _calibrated(config: Settings, names: Collection[str]) -> None:
    for name in config.calibration:
        if name not in names:
            raise ConfigError(f"calibration.{name}: this run has no such environment; expected {', '.join(names)}")


def _sampled(config: Settings) -> None:
    if config.sampling.temperature == 0.0 and not isinstance(config, EvaluationConfig):
        raise ConfigError(
            "sampling.temperature: found 0.0, expected more where something is trained: "
            "every sample of a group would be equal, so nothing is learned"
        )


def _check_published(config: Settings, plan: Plan) -> None:
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


def _where(config: Settings, axis: str, number: int) -> str:
    return f"axes.{axis}.{number}" if isinstance(config, StudyConfig) else "train"


def _trained_in(component: Component) -> list[str]:
    """Return the environments of a line of training."""
    curriculum: Curriculum = registry.create("curriculum", component.name, component.options)
    return [source.environment for stage in curriculum.stages() for source in stage.sources]


def _held_out(config: Settings) -> tuple[str, ...]:
    """Return the installed environments, where the configuration asks for them."""
    wanted = isinstance(config, StudyConfig) and config.held_out == "installed"
    wanted |= isinstance(config, EvaluationConfig) and not config.environments
    return registry.names("environment") if wanted else ()


def _complete(kind: str, component: Component, where: str) -> Component:
    """Return `component` with every option of its plugin filled in."""
    options = validate(registry.config(kind, component.name), component.options, where)
    return Component(name=component.name, options=options.model_dump(mode="json"))
