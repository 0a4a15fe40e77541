"""From a YAML file and dotted overrides to a checked configuration. OmegaConf merges; pydantic is the one truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rftcore.errors import ConfigError
from rftcore.options import validate
from rftcore.schemas.config import Settings, curriculum_for

if TYPE_CHECKING:
    from omegaconf import DictConfig

Config = TypeVar("Config", bound=Settings)

_COMPONENTS = ("algorithm", "sampler", "executor")
_NAMED = (*_COMPONENTS, "policy")


def compose(kind: type[Config], source: Path | str | Mapping[str, Any], overrides: Sequence[str] = ()) -> Config:
    """Return `merged` as a `kind`. Raises ConfigError with the path of every wrong key."""
    return validate(kind, merged(kind, source, overrides))


def merged(
    kind: type[Settings], source: Path | str | Mapping[str, Any], overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """Read `source` (a YAML file or a mapping) and apply overrides such as `learner.learning_rate=3e-4`, in order.

    A number in an override's key is a place in a list: `axes.transfer.0=babyai`. Raises ConfigError.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    if isinstance(overrides, str):
        raise ConfigError(f"overrides: found the text {overrides!r}, expected a list, such as [{overrides!r}]")
    label = "the configuration" if isinstance(source, Mapping) else str(source)
    try:
        loaded = OmegaConf.create(dict(source)) if isinstance(source, Mapping) else OmegaConf.load(source)
        given = OmegaConf.to_container(loaded)
        if not isinstance(given, dict):
            raise ConfigError(f"{label}: expected keys and values at the top level")
        if "policy" in given and "policy" not in kind.model_fields:
            raise ConfigError(
                f"policy: found {given['policy']!r}, expected none here: a policy plays and is not trained. Under "
                "references it plays beside what is trained; `rftcore evaluate --policy` plays it alone"
            )
        for key in _COMPONENTS:
            usual = kind.model_fields[key].get_default(call_default_factory=True).name
            given[key] = _written_out(given.get(key, usual))
        if isinstance(given.get("algorithms"), dict):
            given["algorithms"] = {key: _written_out(item) for key, item in given["algorithms"].items()}
        if "policy" in given:
            given["policy"] = _written_out(given["policy"])
        if isinstance(given.get("train"), str):
            given["train"] = _written_out(curriculum_for(given["train"]).model_dump(mode="json"))
        whole = OmegaConf.create(given)
        for override in overrides:
            _apply(whole, override)
        plain = OmegaConf.to_container(whole, resolve=True, throw_on_missing=True)
        assert isinstance(plain, dict)
    except OSError as error:
        raise ConfigError(
            f"{label} cannot be read: {error.strerror or error}; expected YAML, as `rftcore init` writes it, or "
            "changes such as training.updates=20"
        ) from error
    except (OmegaConfBaseException, YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{label} is not usable YAML: {error}") from error
    return {str(key): value for key, value in plain.items()}


def _apply(whole: DictConfig, override: str) -> None:
    """Change one value: a mapping is merged into what is there, anything else takes its place."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    key, equals, text = override.partition("=")
    if not key.strip() or not equals:
        raise ConfigError(f"override {override!r}: expected key=value, such as training.updates=20")
    try:
        read = OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]))
        value = read["value"] if isinstance(read, dict) else None
        if key in _NAMED and isinstance(value, str):
            OmegaConf.update(whole, key, _written_out(value), merge=False, force_add=True)
        else:
            OmegaConf.update(whole, key, value, merge=isinstance(value, Mapping), force_add=True)
    except (OmegaConfBaseException, YAMLError, ValueError, TypeError, LookupError) as error:
        problem = str(error).partition("\n")[0]
        raise ConfigError(
            f"override {override!r} cannot be applied: {problem}; expected a key of the configuration, "
            "with the number of an item where it goes through a list, and a value in YAML"
        ) from error


def _written_out(component: Any) -> Any:
    """Return a component as one mapping of its name and options, so that an override of one option keeps the rest."""
    if isinstance(component, str):
        return {"name": component}
    if isinstance(component, Mapping) and component.keys() - {"label"} == {"name", "options"}:
        return {key: item for key, item in component.items() if key != "options"} | component["options"]
    return component
