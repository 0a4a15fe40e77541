"""The protocol `agentgym`: serves an environment as AgentGym's server of it would."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rftcore.errors import ConfigError
from rftcore.protocol import Offer, Protocol
from rftcore_agentgym import alfworld, babyai, sciworld, searchqa, textcraft, webshop
from rftcore_agentgym.application import AgentGymApplication
from rftcore_agentgym.items import Items, Numbers
from rftcore_agentgym.rooms import Rooms
from rftcore_serve.listening import Listening, listen
from rftcore_serve.sessions import Sessions
from rftcore_serve.wire import VARIABLE

DIALECTS = {
    module.DIALECT.environment: module.DIALECT
    for module in (alfworld, babyai, sciworld, searchqa, textcraft, webshop)
}


class AgentGymProtocol(Protocol):
    """What AgentGym's clients speak."""

    class Config(Listening):
        """Options of the protocol `agentgym`."""

        numbers: Numbers = "lists"
        """What the number of an item means: its place in the task lists, or what the environment itself says."""

    name: ClassVar[str] = "agentgym"

    def serve(self, offer: Offer, told: Callable[[str], None]) -> None:
        """Serve until SIGINT or SIGTERM.

        Raises ConfigError when AgentGym has no such environment, or the address, the certificate or the token is unfit.
        """
        dialect = DIALECTS.get(offer.name)
        if dialect is None:
            raise ConfigError(
                f"AgentGym has no server of {offer.name!r} that this protocol knows, expected one of: "
                f"{', '.join(sorted(DIALECTS))}"
            )
        environment = offer.make(dialect.options)
        items = Items(environment, self.config.numbers)

        def application(sessions: Sessions, token: str) -> AgentGymApplication:
            rooms = Rooms(environment, items, sessions)
            return AgentGymApplication(dialect, rooms, sessions, token, self.config.body)

        def introduced(url: str, token: str, made: bool) -> tuple[str, ...]:
            shown = f"{url}/{token}" if made else f"{url}/${VARIABLE}"
            return f"serving {offer.name} at {url}, for clients with env_server_base={shown}", items.described()

        listen(self.config, application, introduced, told)
