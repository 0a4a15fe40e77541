"""Makes Gymnasium's environments, and turns what goes wrong with that into sentences for whoever wrote the options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec

from rftcore.errors import ConfigError


def registered(identifier: str) -> EnvSpec:
    """Return what Gymnasium knows under an id, `PACKAGE:ID` or `ID`. Raises ConfigError when it knows nothing."""
    package, _, bare = identifier.rpartition(":")
    try:
        if package:
            import_module(package)  # which registers its environments; Gymnasium would do so in `make` only
        spec: EnvSpec = gymnasium.spec(bare)
    except ImportError as error:
        missing = (error.name or package).partition(".")[0]
        raise ConfigError(
            f"id: found {identifier!r}, but {package!r} cannot be imported ({error}); install the package that has "
            f"{missing!r}, often: pip install {missing.replace('_', '-')}"
        ) from error
    except gymnasium.error.Error as error:
        hint = "" if package else "; Gymnasium loads no package by itself: write PACKAGE:ID"
        raise ConfigError(f"id: Gymnasium does not know {identifier!r}: {error}{hint}") from error
    return spec


def make(spec: EnvSpec, options: Mapping[str, Any], ansi: bool) -> gymnasium.Env[Any, Any]:
    """Return an environment without a limit of turns, which is the rollout's.

    Raises ConfigError when it cannot be made.
    """
    mode = {"render_mode": "ansi"} if ansi else {}
    try:
        # The passive checker would warn of another author's habits in the middle of a run.
        return gymnasium.make(spec, max_episode_steps=-1, disable_env_checker=True, **mode, **options)
    except Exception as error:
        raise ConfigError(
            f"{spec.id} cannot be made with {dict(options)}: {type(error).__name__}: {error}; "
            "correct kwargs and difficulties, or install what it needs"
        ) from error


def derived_name(identifier: str) -> str:
    """Return an id as the name of an environment: `tabular/Blackjack-v0` is `tabular-blackjack-v0`."""
    return re.sub(r"[^a-z0-9_]+", "-", identifier.rpartition(":")[2].lower()).strip("-")
