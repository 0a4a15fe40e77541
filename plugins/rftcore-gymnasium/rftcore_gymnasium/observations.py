"""What an agent sees of a Gymnasium environment: its observations in words and numbers, or its own drawing in text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import gymnasium
from gymnasium import spaces

from rftcore.errors import ConfigError
from rftcore_gymnasium.values import plain, supported

Show = Literal["observation", "ansi"]

COLOURS = ("gray", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
"""Gymnasium's names, in the order of the codes 30 to 37 (letters) and 40 to 47 (ground)."""

_COLOURED = re.compile(r"\x1b\[(?P<codes>[\d;]+)m(?P<text>.*?)\x1b\[0m", re.DOTALL)
_ESCAPE = re.compile(r"\x1b\[[\d;]*[A-Za-z]")


def preferred(environment: gymnasium.Env[Any, Any], names: Sequence[str]) -> Show:
    """Return `ansi` where an environment can draw itself and its observation is a bare number, else `observation`."""
    bare = isinstance(environment.observation_space, spaces.Discrete) and not names
    return "ansi" if bare and "ansi" in environment.metadata.get("render_modes", ()) else "observation"


def check_view(environment: gymnasium.Env[Any, Any], show: Show, names: Sequence[str]) -> None:
    """Raise ConfigError when the environment cannot be shown so."""
    space = environment.observation_space
    modes = [str(mode) for mode in environment.metadata.get("render_modes", ())]
    if show == "ansi" and "ansi" not in modes:
        raise ConfigError(f"show: found 'ansi', but it renders {', '.join(modes) or 'nothing'}; use 'observation'")
    problem = supported(space) if show == "observation" else None
    if problem is not None:
        way = "use show='ansi'" if "ansi" in modes else "give it an observation wrapper and register that"
        raise ConfigError(f"id: its observations are of {problem}, expected some that can be read as text; {way}")
    count = int(space.n) if isinstance(space, spaces.Discrete) else 0
    if names and len(names) != count:
        raise ConfigError(
            f"observations: found {len(names)} names, expected as many as there are Discrete observations: {count}"
        )


def seen(environment: gymnasium.Env[Any, Any], observation: Any, show: Show, names: Sequence[str]) -> str:
    """Return what an agent sees now."""
    if show == "ansi":
        drawn: Any = environment.render()
        return without_escapes(str(drawn.getvalue() if hasattr(drawn, "getvalue") else drawn)).strip("\n")
    if names:
        return names[int(observation) - int(getattr(environment.observation_space, "start", 0))]
    return told(observation)


def told(observation: Any) -> str:
    """Return an observation in words: text as it is, a line for each key of a Dict, numbers in brackets."""
    value = plain(observation)
    if isinstance(value, dict):
        return "\n".join(f"{key}: {told(item)}" for key, item in value.items())
    return str(value)


def without_escapes(text: str) -> str:
    """Return `text` with colours in words: a red S as `[red:S]`. They often show where the agent is."""
    return _ESCAPE.sub("", _COLOURED.sub(_in_words, text))


def _in_words(found: re.Match[str]) -> str:
    names = [COLOURS[int(code) % 10] for code in found["codes"].split(";") if code[:1] in "34" and code[1:] in _DIGITS]
    return f"[{names[-1]}:{found['text']}]" if names else found["text"]


_DIGITS = tuple("01234567")
