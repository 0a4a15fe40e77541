"""Two processes as torchrun starts them, by torch's own launcher; forked, so that they need not import torch again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.state import AcceleratorState
from accelerate.utils.launch import prepare_multi_gpu_env
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

EXAMPLES = Path(__file__).parents[2] / "examples/launch"


def launched(function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Call `function` in two processes of one launch, and return what each returned, by rank."""
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        run_id="two",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        start_method="fork",
        max_restarts=0,
        monitor_interval=0.1,
    )
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    handlers = {number: signal.getsignal(number) for number in signals}
    try:
        found = elastic_launch(config, _entered)(function, arguments)
    finally:
        for number, handler in handlers.items():  # the launcher leaves its own behind
            signal.signal(number, handler)
    return [found[rank] for rank in range(2)]


def launch_environment(file: str) -> dict[str, str]:
    """Return what `accelerate launch --config_file examples/launch/FILE` adds to the environment of its processes."""
    parser = launch_command_parser()
    arguments = parser.parse_args(["--config_file", str(EXAMPLES / file), "--main_process_port", "0", "anything"])
    arguments, *_ = _validate_launch_command(arguments)
    told = prepare_multi_gpu_env(arguments)
    return {name: value for name, value in told.items() if os.environ.get(name) != value}


def _entered(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    AcceleratorState._reset_state(reset_partial_state=True)  # the parent's, which is alone
    return function(*arguments)
