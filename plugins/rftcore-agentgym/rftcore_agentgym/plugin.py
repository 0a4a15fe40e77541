"""Announces the protocol `agentgym`; imports nothing of it."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import ProtocolSpec


@hookimpl
def rft_protocols() -> list[ProtocolSpec]:
    return [
        ProtocolSpec(
            name="agentgym",
            target="rftcore_agentgym.server:AgentGymProtocol",
            summary="AgentGym's routes and answers, so that its clients play and train on our environments",
        )
    ]
