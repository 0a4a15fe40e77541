"""Reads `--set key=value`: dotted keys, values as in YAML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rftcore.errors import ConfigError


def read_settings(settings: Sequence[str] | None) -> dict[str, Any]:
    """Return the nested mapping that `a.b=1`, `c=[1, 2]` and the like describe.

    Raises ConfigError for an item that is not of that form.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    for setting in settings or ():
        if not setting.partition("=")[0].strip() or "=" not in setting:
            raise ConfigError(f"--set {setting}: expected key=value, such as --set max_turns=10")
    try:
        merged = OmegaConf.to_container(OmegaConf.from_dotlist(list(settings or ())), resolve=True)
    except (OmegaConfBaseException, YAMLError) as error:
        raise ConfigError(f"--set {' '.join(settings or ())}: {error}") from error
    assert isinstance(merged, dict)
    return {str(key): value for key, value in merged.items()}
