"""Where a protocol over HTTP listens, to whom, and how much it takes: the options that all of them have.

This machine only and with a token, unless it is asked otherwise. uvicorn reads HTTP.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import socket
import ssl
from collections.abc import Callable
from typing import Self

import uvicorn
from pydantic import Field, model_validator

from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore_serve.http import Application
from rftcore_serve.sessions import Sessions
from rftcore_serve.wire import VARIABLE

SHORTEST = 16
"""Characters that a token needs at least."""


class Listening(Frozen):
    """Options of a protocol over HTTP."""

    host: str = "127.0.0.1"
    """Address to listen at: this machine only, unless another one is given."""
    port: int = Field(default=8765, ge=0, le=65535)
    """0 takes a free one."""
    sessions: int = Field(default=256, ge=1)
    """Episodes that are live at once; a further one is refused with 503."""
    idle: float = Field(default=600.0, gt=0)
    """Seconds after which an episode that nobody asks for is closed."""
    deadline: float = Field(default=60.0, gt=0)
    """Seconds that a step, or a start, may take; after that the episode is given up with 504."""
    body: int = Field(default=8 << 20, ge=1024)
    """Largest request in bytes; a larger one is refused with 413."""
    certificate: str = ""
    """File with the certificate (PEM), for TLS; empty: plain HTTP."""
    key: str = ""
    """File with its private key (PEM)."""

    @model_validator(mode="after")
    def _both(self) -> Self:
        if bool(self.certificate) != bool(self.key):
            raise ValueError("certificate and key together, or neither")
        return self


def listen(
    config: Listening,
    application: Callable[[Sessions, str], Application],
    introduced: Callable[[str, str, bool], tuple[str, ...]],
    told: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM.

    `application` is made of the sessions and the token; `introduced` of the address, the token and whether the token
    was made here, and returns the lines to tell. Raises ConfigError when the address, the certificate or the token is
    unfit.
    """
    token, made = _token()
    _check_certificate(config)
    with _listening(config.host, config.port) as listening:
        host, port = listening.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        for line in introduced(f"{'https' if config.certificate else 'http'}://{shown}:{port}", token, made):
            told(line)
        if not config.certificate and not _here(host):
            told("warning: others can reach this address, and read what is sent, token included: see certificate")
        answering = application(Sessions(config.sessions, config.idle, config.deadline), token)
        with contextlib.suppress(KeyboardInterrupt):
            _server(config, answering).run(sockets=[listening])


def _server(config: Listening, application: Application) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            application,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=max(5, int(config.idle)),
            timeout_graceful_shutdown=5,
            ssl_certfile=config.certificate or None,
            ssl_keyfile=config.key or None,
        )
    )


def _check_certificate(config: Listening) -> None:
    if config.certificate:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(config.certificate, config.key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"certificate: {config.certificate!r} with the key {config.key!r} cannot be used "
                f"({error}); expected two files in PEM that belong together"
            ) from error


def _token() -> tuple[str, bool]:
    """Return the token, and whether it was made here."""
    given = os.environ.get(VARIABLE)
    if given is None:
        return secrets.token_urlsafe(32), True
    if len(given) < SHORTEST or not given.isascii() or not given.isprintable() or " " in given:
        raise ConfigError(
            f"{VARIABLE}: found {len(given)} characters, expected {SHORTEST} at least, in ASCII, without spaces; unset "
            "it to have a token made"
        )
    return given, False


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, number)
    except OSError as error:
        raise ConfigError(f"host: {host!r} is no address here ({error}); expected one of this machine") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"port: cannot listen at {host}:{port} ({error.strerror or error}); expected a free one; --with port=0 "
            "takes any"
        ) from error
    return listening


def _here(host: str) -> bool:
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback
