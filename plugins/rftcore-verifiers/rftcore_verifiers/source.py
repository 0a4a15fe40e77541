"""Reaches into the library verifiers: loads an environment of it, and says in sentences what is wrong with an option.

The library is imported when an environment is made and not before, and is no dependency: it brings the clients of model
services and much more, which nobody needs who only looks at what is installed.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from unittest.mock import patch

from rftcore.errors import ConfigError

INSTALL = "pip install 'verifiers<0.4'"


def library() -> Any:
    """Return `verifiers`. Raises ConfigError when it is not installed, or has no environments that take turns."""
    try:
        verifiers = import_module("verifiers")
    except ImportError as error:
        raise ConfigError(
            f"verifiers cannot be imported ({error}), expected it to be installed; run: {INSTALL}"
        ) from error
    if not hasattr(verifiers, "MultiTurnEnv"):
        found = getattr(verifiers, "__version__", "?")
        raise ConfigError(
            f"verifiers {found} has no MultiTurnEnv: from 0.4 on, its tasks are played by agents and not by turns; "
            f"expected a version before that; run: {INSTALL}"
        )
    return verifiers


def loaded(id: str, arguments: Mapping[str, Any]) -> Any:
    """Return the `verifiers.Environment` that `id` names.

    `id` is that of an installed package, as `verifiers.load_environment` takes it, or `MODULE:NAME` of a class or a
    function that makes one. Raises ConfigError when it cannot be loaded, or cannot be played one episode at a time.
    """
    verifiers = library()
    module, _, name = id.partition(":")
    try:
        with _signals_left_alone():
            if name:
                made = getattr(import_module(module), name)(**arguments)
            else:
                made = verifiers.load_environment(id, **arguments)
    except Exception as error:  # whatever a package of somebody else does when it is loaded
        cause = error.__cause__ or error
        raise ConfigError(
            f"id: {id} cannot be loaded with {dict(arguments)} ({type(cause).__name__}: {cause}), expected a package "
            "of the Environments Hub that is installed, or MODULE:NAME; install it, or correct the arguments"
        ) from error
    if not isinstance(made, verifiers.Environment):
        raise ConfigError(f"id: {id} makes a {type(made).__name__}, expected a verifiers.Environment; name what does")
    if made.requires_group_rollouts:
        raise ConfigError(
            f"id: {id} rewards several episodes of a task by comparing them, expected a reward of each by itself; "
            "take another rubric"
        )
    return made


@contextmanager
def _signals_left_alone() -> Iterator[None]:
    """Keep an environment that is made from taking over Ctrl-C, which it does, and can do in the main thread only."""
    with patch.object(signal, "signal", lambda *_: signal.SIG_DFL):
        yield
