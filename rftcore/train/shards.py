"""Weights split over the processes of a launch by FSDP2, as accelerate was told to, and whole copies that follow them.

Each process keeps a part of every weight, of its gradient and of AdamW's averages; a layer is gathered while a forward
or backward pass is in it. So all processes have to make equally many passes, through the model's own forward. Sampler
and checkpoints want whole weights: each process also keeps a copy of the model for them.
"""

from __future__ import annotations

import copy
import os
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import FullyShardedDataParallelPlugin
from accelerate.utils.fsdp_utils import fsdp2_prepare_auto_wrap_policy

from rftcore import launch
from rftcore.errors import ConfigError


def is_split(model: Any) -> bool:
    """Whether each process has a part of the weights only: FSDP2 gives the class of such a model this method."""
    return hasattr(model, "unshard")


def check_launch(accelerator: Accelerator) -> None:
    """Refuse what would not add up to the update of one process. Raises ConfigError."""
    kind = accelerator.distributed_type.value
    if kind not in ("NO", "MULTI_CPU", "MULTI_GPU", "FSDP"):
        raise ConfigError(
            f"found a launch of the kind {kind}, expected plain data parallelism (torchrun, or "
            "examples/launch/gpus.yaml) or FSDP2 (examples/launch/fsdp2.yaml)"
        )
    if accelerator.num_processes != launch.count():
        raise ConfigError(
            f"found {launch.count()} processes, of which accelerate connects {accelerator.num_processes}: on this "
            "device their gradients would not be added up; expected device cpu or cuda, or one process"
        )


def check_splitting() -> None:
    """Refuse what would give the copies other weights, or put the parts where the learner does not look for them.

    To be called before a model is loaded. Raises ConfigError.
    """
    if launch.count() > 1 and os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true":
        raise ConfigError(
            "found a launch with DeepSpeed, expected FSDP2 (examples/launch/fsdp2.yaml), which splits the same things, "
            "or whole weights on every process (examples/launch/gpus.yaml)"
        )
    if not launch.splits():
        return
    told = {  # what accelerate reads too
        "fsdp_version": (os.environ.get("FSDP_VERSION", "1"), "2"),
        "fsdp_cpu_ram_efficient_loading": (os.environ.get("FSDP_CPU_RAM_EFFICIENT_LOADING", "false").lower(), "false"),
        "fsdp_activation_checkpointing": (os.environ.get("FSDP_ACTIVATION_CHECKPOINTING", "false").lower(), "false"),
        "fsdp_offload_params": (os.environ.get("FSDP_OFFLOAD_PARAMS", "false").lower(), "false"),
        "mixed_precision": (os.environ.get("ACCELERATE_MIXED_PRECISION", "no"), "no"),
    }
    for key, (found, expected) in told.items():
        if found != expected:
            raise ConfigError(
                f"the weights are to be split over {launch.count()} processes, and {key} is {found!r}, expected "
                f"{expected!r}: start from examples/launch/fsdp2.yaml, and choose the precision with dtype"
            )


def split(model: Any) -> tuple[Any, Any]:
    """Return `model` with its weights split over the processes of this launch, and a whole copy of it."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    whole, plugin = copy.deepcopy(model), FullyShardedDataParallelPlugin()
    mesh = init_device_mesh(next(model.parameters()).device.type, (launch.count(),))
    is_gathered_alone = fsdp2_prepare_auto_wrap_policy(plugin, model)
    for module in [*model.modules()][:0:-1]:
        if is_gathered_alone is not None and is_gathered_alone(module):
            fully_shard(module, mesh=mesh, reshard_after_forward=plugin.reshard_after_forward)
    fully_shard(model, mesh=mesh)
    for module in model.modules():
        if is_split(module):  # a loss divides by the totals of all processes already: gradients add up
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)
    return model, whole


def follow(whole: Any, model: Any) -> None:
    """Give the copy `whole` the present weights of the split `model`. All processes call this together."""
    targets = dict(whole.named_parameters())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                targets[name].copy_(gathered(parameter))


def gathered(tensor: Any) -> torch.Tensor:
    """Return a tensor whole, wherever its parts are. All processes call this together."""
    whole: torch.Tensor = tensor.full_tensor() if _has_parts(tensor) else tensor
    return whole


def divided(tensor: torch.Tensor, like: Any) -> torch.Tensor:
    """Return this process's part of a `tensor` that all have, divided as `like` is and on its device."""
    tensor = tensor.to(like.device)
    if not _has_parts(like):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor, like.device_mesh, like.placements, src_data_rank=None)


def _has_parts(tensor: torch.Tensor) -> bool:
    """Whether this is a DTensor, whose class is not imported where nothing is split."""
    return hasattr(tensor, "full_tensor")
