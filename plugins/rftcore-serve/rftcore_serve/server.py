"""The protocol `rftcore`: JSON over HTTP, for the environment `remote`."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rftcore.protocol import Offer, Protocol
from rftcore_serve.application import JsonApplication
from rftcore_serve.listening import Listening, listen
from rftcore_serve.sessions import Sessions
from rftcore_serve.wire import VARIABLE
from rftcore_serve.worlds import Worlds


class JsonProtocol(Protocol):
    """JSON over HTTP."""

    class Config(Listening):
        """Options of the protocol `rftcore`."""

    name: ClassVar[str] = "rftcore"

    def serve(self, offer: Offer, told: Callable[[str], None]) -> None:
        """Serve until SIGINT or SIGTERM. Raises ConfigError when the address, the certificate or the token is unfit."""

        def application(sessions: Sessions, token: str) -> JsonApplication:
            return JsonApplication(offer.name, Worlds(offer, sessions), sessions, token, self.config.body)

        def introduced(url: str, token: str, made: bool) -> tuple[str, ...]:
            shown = f"{VARIABLE}={token}" if made else f"the token is that in {VARIABLE}"
            return f"serving {offer.name} at {url}", shown

        listen(self.config, application, introduced, told)
