"""The file that `rftcore init` writes: an experiment with every key, its meaning and its default.

Keys, meanings and defaults are those of the schema and of the components' own `Config`: none is written down again
here. All but what to train is commented out, so that the file states what its author decides and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from pydantic import BaseModel

from rftcore import registry
from rftcore.curriculum import parse_train
from rftcore.options import describe
from rftcore.schemas.config import Component, ExperimentConfig

WIDTH = 100
_HEAD = """\
# An experiment. `rftcore train {file} --dry-run` tells what it would do, `rftcore train {file}` does it.
# A key that is commented out has the value that is shown: take the # away, and from the key above it, to change it.
"""
_PLAIN = re.compile(r"[A-Za-z][\w./-]*\Z")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
"""What YAML does not read as text."""


def starter(train: str, file: str) -> str:
    """Return the text of an experiment on `train`, a checkpoint's name such as `textcraft:easy>babyai`.

    With or without its comment signs it is the configuration `{"train": train}`. `file` is what it will be called.
    Raises ConfigError when `train` is no checkpoint's name, PluginError when one of its environments is not installed.
    """
    named = [source.environment for stage in parse_train(train) for source in stage.sources]
    lines = [_HEAD.format(file=file)]
    for row in describe(ExperimentConfig):
        name, default = row["name"], _default(ExperimentConfig, row)
        lines += [f"# {line}" for line in _meaning(ExperimentConfig, row)]
        if name == "train":
            lines.append(f"train: {_yaml(train)}")
        elif name == "environments":
            lines += [f"#{line}" for line in _environments(dict.fromkeys(named))]
        else:
            lines += [f"#{line}" for line in _key(name, default)]
        lines.append("")
    return "\n".join(lines)


def _environments(names: Mapping[str, None]) -> Iterator[str]:
    yield "environments:"
    for name in names:
        below = [f"    {line}" for line in _keys(registry.config("environment", name))]
        yield f"  {name}:" if any(not line.lstrip().startswith("#") for line in below) else f"  {name}: {{}}"
        yield from below


def _keys(model: type[BaseModel]) -> Iterator[str]:
    """Yield the lines of all options of a `Config`; one without a default is a comment."""
    for row in describe(model):
        yield from (f"# {line}" for line in _meaning(model, row))
        if row["required"]:
            yield f"# {row['name']}: has to be stated"
        else:
            yield from _key(row["name"], _default(model, row))


def _key(name: str, default: Any) -> Iterator[str]:
    if isinstance(default, Component):
        options = [f"  {line}" for line in _keys(registry.config(name, default.name))]
        yield from [f"{name}:", f"  name: {default.name}", *options] if options else [f"{name}: {default.name}"]
    elif isinstance(default, BaseModel):
        yield f"{name}:"
        yield from (f"  {line}" for line in _keys(type(default)))
    else:
        yield f"{name}: {_yaml(default)}"


def _default(model: type[BaseModel], row: Mapping[str, Any]) -> Any:
    """Return the default of an option: a component or a section as it is, anything else as JSON has it."""
    default = None if row["required"] else model.model_fields[row["name"]].get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        return default
    if isinstance(default, tuple) and any(isinstance(item, Component) for item in default):
        return [item.name for item in default]
    return row["default"]


def _meaning(model: type[BaseModel], row: Mapping[str, Any]) -> list[str]:
    text = row["doc"]
    for section in getattr(model.model_fields[row["name"]].annotation, "__args__", ()):
        if isinstance(section, type) and issubclass(section, BaseModel) and row["default"] is None:
            keys = ", ".join(f"{key['name']}: {_yaml(key['default'])}" for key in describe(section))
            text = f"{text} It has keys of its own: {keys}".strip()
    return wrap(text, WIDTH)


def _yaml(value: Any) -> str:
    """Return a value on one line; what JSON writes, YAML reads."""
    if isinstance(value, str) and _PLAIN.match(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    return json.dumps(value, ensure_ascii=False)
