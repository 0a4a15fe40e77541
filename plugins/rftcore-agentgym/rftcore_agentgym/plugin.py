"""Announces the protocol and the environment `agentgym`; imports nothing of them."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import EnvironmentSpec, ProtocolSpec


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    return [
        EnvironmentSpec(
            name="agentgym",
            target="rftcore_agentgym.client.environment:AgentGym",
            summary="plays an environment of AgentGym by the address of its server, which its option `url` says",
            bridge=True,
        )
    ]


@hookimpl
def rft_protocols() -> list[ProtocolSpec]:
    return [
        ProtocolSpec(
            name="agentgym",
            target="rftcore_agentgym.server:AgentGymProtocol",
            summary="AgentGym's routes and answers, so that its clients play and train on our environments",
        )
    ]
