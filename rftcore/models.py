"""The names that stand for models: a distribution's own, a folder, a hub id. Free of torch."""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path

from rftcore.errors import ConfigError

CARD = "card.json"
"""File of a model's folder that says, under `environments`, where imitation warmed it up; checkpoints keep it."""


def find_model(name: str) -> Path | str:
    """Return the folder of a model that a distribution ships (`rftcore/NAME`), a local folder, or a hub id as it is.

    Raises ConfigError when the distribution is missing or cannot make its model, or the folder is not a model.
    """
    owner, _, short = name.partition("/")
    if owner == "rftcore" and short:
        module = f"rftcore_{short.replace('-', '_')}"
        try:
            package = import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise ConfigError(f"model: {name!r} is not installed; try 'pip install rftcore-{short}'") from error
        return Path(package.folder())
    path = Path(name)
    if path.is_dir():
        if not any((path / file).is_file() for file in ("config.json", "adapter_config.json")):
            raise ConfigError(f"model: the folder {name!r} holds no config.json, so it is no Hugging Face model")
        return path
    if name.startswith((".", "/", "~")):
        raise ConfigError(f"model: there is no folder {name!r}")
    return name


def ask_hub(name: str) -> None:
    """Look a hub id up before anything is made for it: its configuration is fetched, or found in the local cache.

    Other names need no hub. Raises ConfigError when the hub does not know the id, or cannot be asked.
    """
    if isinstance(find_model(name), Path):
        return
    from huggingface_hub import hf_hub_download

    try:
        hf_hub_download(name, "config.json")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"model: found {name!r}, which is no folder, and the hub has not given it: {str(error).strip()}\n"
            "  expected rftcore/tiny or another that is installed, a folder, or the id of a model on the hub"
        ) from error


def fingerprint(name: str) -> str:
    """Return what identifies a model: the sha256 of its weights, shape, tokenizer and chat template, or its hub id."""
    found = find_model(name)
    if isinstance(found, str):
        return found
    files = {file for pattern in _IDENTITY for file in found.glob(pattern) if file.name not in _TRAINING}
    parts = [f"{file.name} {sha256(file)}\n" for file in sorted(files)]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


_TRAINING = ("optimizer.safetensors", "critic.safetensors")
"""What a checkpoint holds besides its model."""

_IDENTITY = (
    "*.safetensors",
    "*.jinja",
    "config.json",
    "adapter_config.json",
    "tokenizer*.json",
    "vocab.json",
    "merges.txt",
)


def sha256(file: Path) -> str:
    """Return the sha256 of a file's content (64 hex digits)."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
