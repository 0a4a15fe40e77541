"""Registers the small environments of `text_games.py`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def text_games() -> ModuleType:
    spec = importlib.util.spec_from_file_location("text_games", Path(__file__).with_name("text_games.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.register()
    return module
