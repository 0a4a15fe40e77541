"""From a YAML file and dotted overrides to a checked configuration. OmegaConf merges; pydantic is the one truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rftcore.errors import ConfigError
from rftcore.options import validate
from rftcore.schemas.frozen import Frozen

Config = TypeVar("Config", bound=Frozen)

_COMPONENTS = ("algorithm", "sampler", "executor")
"""Keys that may hold a bare name; written out before merging, so that an override of one option keeps the name."""


def compose(kind: type[Config], source: Path | str | Mapping[str, Any], overrides: Sequence[str] = ()) -> Config:
    """Read `source` (a YAML file or a mapping), apply overrides such as `learner.learning_rate=3e-4`, and validate.

    Raises ConfigError with the path of every wrong key.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    label = "the configuration" if isinstance(source, Mapping) else str(source)
    try:
        given = OmegaConf.create(dict(source)) if isinstance(source, Mapping) else OmegaConf.load(source)
        if not OmegaConf.is_dict(given):
            raise ConfigError(f"{label}: expected keys and values at the top level")
        for key in _COMPONENTS:
            if isinstance(given.get(key), str):
                given[key] = {"name": given[key]}
        for override in overrides:
            if "=" not in override:
                raise ConfigError(f"override {override!r}: expected key=value, such as training.updates=20")
        merged = OmegaConf.merge(given, OmegaConf.from_dotlist(list(overrides)))
        plain = OmegaConf.to_container(merged, resolve=True, throw_on_missing=True)
    except OSError as error:
        raise ConfigError(f"{label} cannot be read: {error.strerror or error}") from error
    except (OmegaConfBaseException, YAMLError) as error:
        raise ConfigError(f"{label} is not usable YAML: {error}") from error
    return validate(kind, plain)
