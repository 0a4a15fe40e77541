"""Models on disk: atomic folders of safetensors whose every file is hashed.

A checkpoint is written beside its place and renamed into it, so a killed run leaves the old one or the new one, never
half. Between the two renames it leaves both beside the place, for `rftcore.checkpoint.put_back`. Nothing is pickled:
the optimizer's state and a critic are safetensors too.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from rftcore.checkpoint import INDEX, beside, verify
from rftcore.errors import RunError
from rftcore.models import sha256
from rftcore.train.adapters import is_adapter, load_adapter, merged
from rftcore.train.shards import divided, gathered

_OPTIMIZER = "optimizer.safetensors"
_CRITIC = "critic.safetensors"


def load_model(source: Path | str, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Any:
    """Load a causal LM (with its LoRA adapter, if the folder holds one) from a folder or hub id.

    Raises RunError when files are missing or damaged.
    """
    from transformers import AutoModelForCausalLM

    verify(source)
    model: Any
    try:
        with no_bars():
            if isinstance(source, Path) and is_adapter(source):
                model = load_adapter(source, dtype)
            else:
                model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype)
    except RunError:
        raise
    except Exception as error:  # loaders raise OSError, ValueError, SafetensorError, KeyError, ...
        raise RunError(f"no model could be loaded from {str(source)!r}: {error}") from error
    return model.to(device).eval()


def save_checkpoint(
    folder: Path,
    model: Any,
    tokenizer: Any,
    state: dict[str, Any],
    averages: dict[str, torch.Tensor] | None = None,
    *,
    critic: torch.nn.Module | None = None,
    files: Mapping[str, bytes | None] = MappingProxyType({}),
) -> None:
    """Write model, tokenizer and `state` to `folder`, in place of what was there. Atomically.

    With them go an optimizer's `averages`, as `optimizer_state` returned them, and what is trained of a critic, if
    there are any.

    `files` are others that go with it, by name: those that are not None. Raises RunError when the disk is full or the
    folder cannot be written; the checkpoint that was there stays.
    """
    staging, aside = beside(folder)
    try:
        shutil.rmtree(staging, ignore_errors=True)
        _write(staging, model, tokenizer, state, averages, critic, files)
        if folder.exists():
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
        staging.rename(folder)
        _sync(folder.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise RunError(
            f"the checkpoint {str(folder)!r} cannot be written: {error}. Nothing that was complete is lost; "
            "make room or change the permissions, then resume the run"
        ) from error
    shutil.rmtree(aside, ignore_errors=True)


def save_whole(folder: Path, source: Path, dtype: str) -> None:
    """Write the model of the checkpoint `source`, its adapters merged, to `folder` as `dtype`; not its tokenizer."""
    with no_bars():
        merged(load_model(source, dtype=getattr(torch, dtype))).save_pretrained(folder)


def _write(
    staging: Path,
    model: Any,
    tokenizer: Any,
    state: dict[str, Any],
    averages: dict[str, torch.Tensor] | None,
    critic: torch.nn.Module | None,
    files: Mapping[str, bytes | None],
) -> None:
    staging.mkdir(parents=True)
    for name, content in files.items():
        if content is not None:
            (staging / name).write_bytes(content)
    with no_bars():
        model.save_pretrained(staging)
    tokenizer.save_pretrained(staging)
    if averages is not None:
        save_file(averages, staging / _OPTIMIZER)
    if critic is not None:
        weights = {name: parameter.detach().cpu().contiguous() for name, parameter in _trainable(critic)}
        save_file(weights, staging / _CRITIC)
    hashed = {file.name: {"bytes": file.stat().st_size, "sha256": sha256(file)} for file in sorted(staging.iterdir())}
    (staging / INDEX).write_text(json.dumps({"schema_version": 1, "state": state, "files": hashed}, indent=1))
    for file in staging.iterdir():
        _sync(file)


def restore_critic(folder: Path, critic: torch.nn.Module) -> None:
    """Load what is trained of a critic, as `save_checkpoint` wrote it."""
    stored = load_file(folder / _CRITIC)
    with torch.no_grad():
        for name, parameter in _trainable(critic):
            parameter.copy_(stored[name])


def optimizer_state(
    model: Any, optimizer: torch.optim.Optimizer, critic: torch.nn.Module | None = None
) -> dict[str, torch.Tensor]:
    """Return the state of an optimizer of model and critic, whole and on the CPU, by `parameter/key`.

    Of split weights all processes call this together.
    """
    return {
        f"{name}/{key}": gathered(torch.as_tensor(value)).detach().cpu().contiguous()
        for name, parameter in _trainable(model, critic)
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def restore_optimizer(
    folder: Path, model: Any, optimizer: torch.optim.Optimizer, critic: torch.nn.Module | None = None
) -> None:
    """Load the state of an optimizer of model and critic that `save_checkpoint` wrote; each process takes its part."""
    stored = load_file(folder / _OPTIMIZER)
    for name, parameter in _trainable(model, critic):
        keys = [key for key in stored if key.rpartition("/")[0] == name]
        optimizer.state[parameter] = {
            key.rpartition("/")[2]: divided(stored[key], parameter) if stored[key].ndim else stored[key] for key in keys
        }


def _trainable(model: Any, critic: torch.nn.Module | None = None) -> list[tuple[str, torch.nn.Parameter]]:
    found = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    return found if critic is None else [*found, *((f"critic/{name}", own) for name, own in _trainable(critic))]


@contextlib.contextmanager
def no_bars() -> Iterator[None]:
    """Keep transformers' own progress bars out of ours."""
    from transformers.utils import logging

    bars: Any = logging  # has no types
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
