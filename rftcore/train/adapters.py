"""LoRA adapters (arXiv 2106.09685) through peft: added, loaded, off, merged; what does not fit is said plainly.

The weights under them never change. So the start policy is the trained model with its adapters off, and a checkpoint
holds adapters alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from rftcore.errors import ConfigError, RunError
from rftcore.schemas.config import LoRA

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_LORA = re.compile(r"base_model\.model\.(?P<layer>.+)\.lora_(?P<side>[AB])\.weight")


def is_adapter(source: Path | str) -> bool:
    """Whether a folder holds an adapter, and not a whole model."""
    return (Path(source) / _CONFIG).is_file()


def with_adapters(model: Any, config: LoRA) -> Any:
    """Return `model` with adapters to train: fresh ones, or those that it came with.

    Raises ConfigError when those are not of this rank and alpha, or when `targets` names no layer of the model.
    """
    from peft import LoraConfig, get_peft_model

    if hasattr(model, "peft_config"):
        _check_same(next(iter(model.peft_config.values())), config)
        return model
    linear = {name.rpartition(".")[2] for name, layer in model.named_modules() if isinstance(layer, torch.nn.Linear)}
    targets = config.targets if isinstance(config.targets, str) else list(config.targets)
    unknown = [] if isinstance(targets, str) else [name for name in targets if not _named(model, name)]
    settings = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # peft divides it by the rank, and takes any number
        target_modules=targets,
        task_type="CAUSAL_LM",
    )
    try:
        if unknown:
            raise ValueError(f"no layer is called {', '.join(unknown)}")
        return get_peft_model(model, settings)
    except ValueError as error:
        raise ConfigError(
            f"learner.lora.targets: found {config.targets!r}, expected 'all-linear' or names of layers of this model, "
            f"such as {', '.join(sorted(linear - {'lm_head'}))} ({error})"
        ) from error


def load_adapter(folder: Path, dtype: torch.dtype) -> Any:
    """Load the adapter in `folder` onto the model that it was trained from, ready to be trained on.

    Raises RunError when that model is not there, or is another one.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))["base_model_name_or_path"]
    if Path(base).is_absolute() and not Path(base).is_dir():
        raise RunError(
            f"the adapter in {str(folder)!r} was trained from the model in {base!r}, which is not there. Bring it "
            f"back, or write where it is now into {_CONFIG}, as base_model_name_or_path"
        )
    model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
    misfits = _misfits(model, folder / _WEIGHTS)
    if misfits:
        raise RunError(
            f"the adapter in {str(folder)!r} does not fit the model {base!r}: {misfits[0]}"
            + (f", and {len(misfits) - 1} more of its weights do not fit" if len(misfits) > 1 else "")
            + f". Expected the model that it was trained from; {_CONFIG} names it, as base_model_name_or_path"
        )
    return PeftModel.from_pretrained(model, folder, is_trainable=True)


@contextmanager
def as_start_policy(model: Any, trained: Any) -> Iterator[None]:
    """Meanwhile `model` computes what the start policy does: if it is `trained` itself, with its adapters off."""
    if model is not trained:
        yield
        return
    with model.disable_adapter():
        yield


def merged(model: Any) -> Any:
    """Return the whole model with its adapters added to its weights, in place; one without adapters as it is."""
    return model.merge_and_unload() if hasattr(model, "peft_config") else model


def _check_same(found: Any, config: LoRA) -> None:
    for key, own, given in (("rank", found.r, config.rank), ("alpha", found.lora_alpha, config.alpha)):
        if own != given:
            raise ConfigError(
                f"learner.lora.{key}: found {given}, but the adapter that training starts from has {own}. Expected the "
                "same, for that adapter is trained on; to start another one, merge it first: rftcore export --merge"
            )


def _named(model: Any, target: str) -> bool:
    return any(name == target or name.endswith(f".{target}") for name, _ in model.named_modules())


def _misfits(model: Any, weights: Path) -> list[str]:
    """Say which weights of an adapter belong to layers that the model does not have, or has in another shape."""
    layers, found = dict(model.named_modules()), []
    for key, weight in load_file(weights).items():
        named = _LORA.fullmatch(key)
        layer = None if named is None else layers.get(named["layer"])
        if named is not None and layer is None:
            found.append(f"it is for a layer {named['layer']}, which that model does not have")
        elif named is not None and isinstance(layer, torch.nn.Linear):
            side = 1 if named["side"] == "A" else 0
            has, needs = weight.shape[side], layer.weight.shape[side]
            if has != needs:
                found.append(f"it is {has} wide at {named['layer']}, where that model is {needs}")
    return found
