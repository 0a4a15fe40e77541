"""Announces the environment `remote` and the protocol `rftcore`; imports nothing of them."""

from __future__ import annotations

from rftcore.hookspecs import hookimpl
from rftcore.specs import EnvironmentSpec, ProtocolSpec


@hookimpl
def rft_environments() -> list[EnvironmentSpec]:
    return [
        EnvironmentSpec(
            name="remote",
            target="rftcore_serve.remote:Remote",
            summary="plays an environment that another process serves, see `rftcore serve`",
            bridge=True,
        )
    ]


@hookimpl
def rft_protocols() -> list[ProtocolSpec]:
    return [
        ProtocolSpec(
            name="rftcore",
            target="rftcore_serve.server:JsonProtocol",
            summary="JSON over HTTP, for the environment `remote`: a token, sessions, deadlines, OpenAPI",
        )
    ]
