"""What a number was computed on: the machine, as far as arithmetic depends on it. Free of torch.

No name of a machine and none of a user: a report is made to be published.
"""

from __future__ import annotations

import os
import platform
import re
from functools import cache
from pathlib import Path
from typing import Any

from rftcore.executors.machine import cores

ARITHMETIC = (
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "MKL_CBWR",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)
"""Environment variables that decide in which order, and how precisely, numbers are added up."""


def hardware(root: Path = Path("/")) -> dict[str, Any]:
    """Return what is known of this machine; `root` is that of its file system. What is not known is left out."""
    variables = {name: os.environ[name] for name in ARITHMETIC if name in os.environ}
    return {**_machine(root), **({"variables": variables} if variables else {})}


@cache
def _machine(root: Path) -> dict[str, Any]:
    found = {
        "machine": platform.machine(),
        "cpu": _first(root / "proc/cpuinfo", r"^model name\s*:\s*(.+)$"),
        "cores": os.cpu_count(),
        "cores_allowed": cores(),
        "memory_gib": _memory(root),
        "gpus": _gpus(root),
        "gpu_driver": _first(root / "proc/driver/nvidia/version", r"Kernel Module.*?\s(\d+\.\d+[\d.]*)\s"),
        "system": platform.system(),
        "system_release": platform.release(),
        "python": platform.python_version(),
    }
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def _first(file: Path, pattern: str) -> str | None:
    try:
        found = re.search(pattern, file.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    except OSError:
        return None
    return None if found is None else found[1].strip()


def _memory(root: Path) -> float | None:
    kilobytes = _first(root / "proc/meminfo", r"^MemTotal:\s*(\d+) kB$")
    return None if kilobytes is None else round(int(kilobytes) / 2**20, 1)


def _gpus(root: Path) -> list[str]:
    """Return the models of the NVIDIA GPUs, as their driver names them."""
    files = sorted((root / "proc/driver/nvidia/gpus").glob("*/information"))
    return [model for file in files if (model := _first(file, r"^Model:\s*(.+)$")) is not None]
