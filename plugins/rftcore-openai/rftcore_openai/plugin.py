"""Announces the policy `openai`; imports nothing of it."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import PolicySpec


@hookimpl
def rft_policies() -> tuple[PolicySpec, ...]:
    """Announce the policy, and which of its options change no answer."""
    return (
        PolicySpec(
            name="openai",
            target="rftcore_openai.policy:OpenAI",
            summary="a model behind an OpenAI-compatible chat endpoint; it is evaluated and cannot be trained",
            chat=True,
            incidental=("budget", "concurrency", "key_variable", "prices", "retries", "timeout"),
        ),
    )
