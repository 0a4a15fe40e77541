"""Which policies play in a run, what of them decides its numbers, and how each of them acts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rftcore import registry
from rftcore.chat import ChatActor
from rftcore.formats import prompt_format
from rftcore.policy import ChatPolicy, Policy
from rftcore.rollout import Actor, PolicyActor
from rftcore.schemas.config import EvaluationConfig, PolicyComponent, Settings


def players(config: Settings) -> tuple[PolicyComponent, ...]:
    """Return the policies that play: an evaluation's own, or the references."""
    if isinstance(config, EvaluationConfig) and config.policy is not None:
        return (config.policy,)
    return config.references


def chats(policy: PolicyComponent) -> bool:
    """Return whether a policy is a `ChatPolicy`, which the run's prompt format, history and shots are for."""
    spec: Any = registry.spec("policy", policy.name)
    return bool(spec.chat)


def check_player(policy: PolicyComponent) -> None:
    """Raise ConfigError when a `ChatPolicy` could not play here, such as without a key; says nothing of the others."""
    if chats(policy):
        registry.create("policy", policy.name, policy.options, "policy").check()


def policy_identity(policy: PolicyComponent) -> Any:
    """Return a policy as answers depend on it: its name, with options if it has any that change an answer."""
    spec: Any = registry.spec("policy", policy.name)
    options = {key: value for key, value in policy.options.items() if key not in spec.incidental}
    return policy.model_copy(update={"options": options}).model_dump(mode="json")


def policy_actor(config: Settings, policy: PolicyComponent, place: Path) -> Actor:
    """Return a policy as it plays; a `ChatPolicy` keeps in the folder `place` what has to outlive a killed process."""
    chosen: Policy | ChatPolicy = registry.create("policy", policy.name, policy.options, "policy")
    if isinstance(chosen, Policy):
        return PolicyActor(chosen)
    chosen.open(place)
    return ChatActor(chosen, prompt_format(config.format), history=config.history, shots=config.shots)
