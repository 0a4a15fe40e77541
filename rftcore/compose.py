"""From a YAML file and dotted overrides to a checked configuration. OmegaConf merges; pydantic is the one truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rftcore.errors import ConfigError
from rftcore.options import validate
from rftcore.schemas.config import Settings, curriculum_for

Config = TypeVar("Config", bound=Settings)

_COMPONENTS = ("algorithm", "sampler", "executor")


def compose(kind: type[Config], source: Path | str | Mapping[str, Any], overrides: Sequence[str] = ()) -> Config:
    """Read `source` (a YAML file or a mapping), apply overrides such as `learner.learning_rate=3e-4`, and validate.

    Raises ConfigError with the path of every wrong key.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    label = "the configuration" if isinstance(source, Mapping) else str(source)
    try:
        loaded = OmegaConf.create(dict(source)) if isinstance(source, Mapping) else OmegaConf.load(source)
        given = OmegaConf.to_container(loaded)
        if not isinstance(given, dict):
            raise ConfigError(f"{label}: expected keys and values at the top level")
        for key in _COMPONENTS:
            usual = kind.model_fields[key].get_default(call_default_factory=True).name
            given[key] = _written_out(given.get(key, usual))
        if isinstance(given.get("train"), str):
            given["train"] = _written_out(curriculum_for(given["train"]).model_dump(mode="json"))
        for override in overrides:
            if not override.partition("=")[0].strip() or "=" not in override:
                raise ConfigError(f"override {override!r}: expected key=value, such as training.updates=20")
        merged = OmegaConf.merge(given, OmegaConf.from_dotlist(list(overrides)))
        plain = OmegaConf.to_container(merged, resolve=True, throw_on_missing=True)
        assert isinstance(plain, dict)
    except OSError as error:
        raise ConfigError(f"{label} cannot be read: {error.strerror or error}") from error
    except (OmegaConfBaseException, YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{label} is not usable YAML: {error}") from error
    return validate(kind, {str(key): value for key, value in plain.items()})


def _written_out(component: Any) -> Any:
    """Return a component as one mapping of its name and options, so that an override of one option keeps the rest."""
    if isinstance(component, str):
        return {"name": component}
    if isinstance(component, Mapping) and component.keys() == {"name", "options"}:
        return {"name": component["name"], **component["options"]}
    return component
