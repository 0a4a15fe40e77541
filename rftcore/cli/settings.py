"""Reads `key=value`, as `--set` and other options take it: dotted keys, values as in YAML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rftcore.errors import ConfigError


def read_settings(
    settings: Sequence[str] | None, option: str = "--set ", example: str = "max_turns=10"
) -> dict[str, Any]:
    """Return the nested mapping that `a.b=1`, `c=[1, 2]` and the like describe.

    Raises ConfigError for an item that is not of that form, which names the option, "" where there is none.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    for setting in settings or ():
        if not setting.partition("=")[0].strip() or "=" not in setting:
            raise ConfigError(f"{option}{setting}: expected key=value, such as {option}{example}")
    try:
        merged = OmegaConf.to_container(OmegaConf.from_dotlist(list(settings or ())), resolve=True)
    except (OmegaConfBaseException, YAMLError) as error:
        raise ConfigError(f"{option}{' '.join(settings or ())}: {error}") from error
    assert isinstance(merged, dict)
    return {str(key): value for key, value in merged.items()}
