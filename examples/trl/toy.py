"""The arguments of TRL's trainers that make these examples run quietly in a minute on a CPU; a real run has its own."""

from __future__ import annotations

from typing import Any

ON_A_CPU: dict[str, Any] = {
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "logging_steps": 1,
    "disable_tqdm": True,
    "report_to": [],
}
