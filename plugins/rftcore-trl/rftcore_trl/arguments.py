"""Options of the algorithm `grpo` as those of TRL's `GRPOConfig`, or the reason why TRL has no such thing.

`GRPOTrainer` gives each episode one advantage, its reward among those of its task. Of rftcore's algorithms that is
`grpo` alone; and of `grpo`, what TRL computes in the same way: rftcore-grpo's tests hold the two losses together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rftcore.algorithm import Algorithm
from rftcore.errors import ConfigError

_REASONS = {
    "gigpo": "gives each turn a credit of its own",
    "imitation": "learns from demonstrations; TRL's SFTTrainer does",
    "ppo": "needs the values of a critic",
    "reinforce": "compares episodes of different tasks with each other",
    "reinforce_pp": "gives each token a credit of its own",
    "rloo": "compares each episode with the others of its group without it; TRL's RLOOTrainer plays one turn only",
}

_LOSSES = {
    ("clip", "token"): "dapo",
    ("clip", "sequence"): "grpo",
    ("clip", "constant"): "dr_grpo",
    ("cispo", "token"): "cispo",
    ("sapo", "sequence"): "sapo",
}
"""Objective and aggregation -> TRL's loss."""


def grpo_arguments(algorithm: Algorithm) -> dict[str, Any]:
    """Return the keyword arguments of `GRPOConfig` that make TRL learn as `algorithm` does.

    Learning rate, batch sizes and the like are not among them. Raises ConfigError for another algorithm than `grpo`,
    and for options of it that TRL does not have.
    """
    if algorithm.name != "grpo":
        reason = _REASONS.get(algorithm.name, "is none of which the two are known to agree")
        raise ConfigError(
            f"algorithm: found {algorithm.name!r}, which {reason}; expected 'grpo': GRPOTrainer gives each episode one "
            "advantage within its group, and has no critic. Train with rftcore itself"
        )
    options = dict(algorithm.config)
    _check(options)
    cispo = options["objective"] == "cispo"
    arguments = {
        "loss_type": _LOSSES[options["objective"], options["aggregation"]],
        "importance_sampling_level": options["ratio"],
        "scale_rewards": options["scale_rewards"],
        "beta": options["kl"],
        "use_bias_correction_kl": options["kl_correction"],
    }
    if options["objective"] == "sapo":
        arguments |= {
            "sapo_temperature_pos": options["gate_positive"],
            "sapo_temperature_neg": options["gate_negative"],
        }
    else:
        # TRL's bound of CISPO is the weight's own, not its distance from 1.
        arguments |= {"epsilon": options["clip_low"], "epsilon_high": options["clip_high"] + cispo}
    if options["constant_length"] is not None:
        arguments["max_completion_length"] = options["constant_length"]
    return arguments


def _check(options: Mapping[str, Any]) -> None:
    """Raise ConfigError for what TRL does differently, whatever `GRPOConfig` says."""
    wrong = {
        "dynamic_sampling: found true, expected false: TRL keeps groups without variance, and counts their tokens": (
            options["dynamic_sampling"]
        ),
        f"correction: found {options['correction']!r}, expected 'none': TRL corrects for vLLM only": (
            options["correction"] != "none"
        ),
        f"aggregation: found {options['aggregation']!r}, which TRL does not have with {options['objective']!r}": (
            (options["objective"], options["aggregation"]) not in _LOSSES
        ),
        f"clip_low: found {options['clip_low']}, expected 1.0: TRL's CISPO has no lower bound": (
            options["objective"] == "cispo" and options["clip_low"] != 1.0
        ),
    }
    found = [f"algorithm.{text}" for text, applies in wrong.items() if applies]
    if found:
        raise ConfigError("\n".join(found))
