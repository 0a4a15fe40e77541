"""Asks one of AgentGym's servers, and keeps its rooms.

A server makes a room for each `/create`, and most never take one back. So rooms are used again: an episode takes a free
one, and gives it back. Nothing that is received is run, and no redirect is followed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import httpx2 as httpx

from rftcore.errors import ConfigError, EpisodeError
from rftcore_agentgym.client.contract import Contract, found, wrong
from rftcore_serve.wire import decoded, encoded

MOST = 16 << 20
"""Bytes of the longest answer that is read."""
PAUSE = 0.1
"""Seconds before a server that is full (503) is asked again: AgentGym's clients wait as long."""

Room = int | str


class Connection:
    """The server at `url`; safe to use from several threads."""

    def __init__(self, url: str, contract: Contract, *, timeout: float, patience: float) -> None:
        """`timeout` is that of one request, and `patience` how long a full server is asked again, in seconds."""
        self.url = url.rstrip("/")
        self._contract, self._patience = contract, patience
        # No proxy: what is meant for this machine would go elsewhere.
        self._client = httpx.Client(timeout=timeout, trust_env=False)
        self._free: list[Room] = []
        self._taken: set[Room] = set()
        self._lock = threading.Lock()

    def take(self) -> Room:
        """Return a room that no other episode has, a new one if need be."""
        with self._lock:
            if self._free:
                room = self._free.pop()
                self._taken.add(room)
                return room
        answer = self.post("create", self._contract.creates)
        made = found(answer, self._contract.created, "/create")
        if isinstance(made, bool) or not isinstance(made, int | str):
            raise wrong("/create", answer, "the number of a room")
        with self._lock:
            if made in self._taken or made in self._free:
                raise EpisodeError(
                    f"the server at {self.url} gave room {made} a second time: it has {len(self._taken)}, and all "
                    "are in use; play fewer episodes at once"
                )
            self._taken.add(made)
        return made

    def give(self, room: Room, *, whole: bool) -> None:
        """Give a room back; one in which something went wrong is not used again."""
        with self._lock:
            self._taken.discard(room)
            if whole:
                self._free.append(room)

    def get(self, route: str, room: Room) -> Any:
        """Return the answer to a question about a room."""
        return self._ask("GET", route, params={self._contract.room: room})

    def post(self, route: str, body: Mapping[str, Any] | None) -> Any:
        """Return the answer to a request."""
        content = {} if body is None else {"content": encoded(dict(body))}
        return self._ask("POST", route, headers={"content-type": "application/json"}, **content)

    def close(self) -> None:
        """Close what is open."""
        self._client.close()

    def _ask(self, method: str, route: str, **question: Any) -> Any:
        end = time.monotonic() + self._patience
        while True:
            status, body = self._once(method, route, question)
            if status != 503 or time.monotonic() + PAUSE > end:
                break
            time.sleep(PAUSE)
        shown = body[:200].decode("utf-8", "replace")
        if status != 200:
            raise EpisodeError(
                f"/{route} at {self.url} answered with status {status} ({shown!r}), expected 200; look "
                "at what the server prints, and whether url is what AgentGym calls env_server_base"
            )
        try:
            answer = decoded(body)
        except ValueError as error:
            raise EpisodeError(f"/{route} answered {shown!r}, expected JSON ({error})") from None
        if isinstance(answer, dict) and "error" in answer:
            told = str(answer["error"])[:200]
            raise EpisodeError(f"/{route} at {self.url} answered with an error: {told}")
        return answer

    def _once(self, method: str, route: str, question: dict[str, Any]) -> tuple[int, bytes]:
        try:
            with self._client.stream(method, f"{self.url}/{route}", **question) as response:
                body = bytearray()
                for part in response.iter_bytes():
                    body += part
                    if len(body) > MOST:
                        raise EpisodeError(f"/{route} at {self.url} answered with more than {MOST} bytes")
                return response.status_code, bytes(body)
        except httpx.TimeoutException as error:
            raise EpisodeError(
                f"/{route} at {self.url} did not answer in time ({type(error).__name__}); allow it more "
                "with timeout, or look whether it hangs"
            ) from TimeoutError(str(error))
        except httpx.InvalidURL as error:
            raise ConfigError(f"url: found {self.url!r} ({error}), expected such as http://127.0.0.1:36001") from error
        except httpx.ConnectError as error:
            raise EpisodeError(
                f"nobody serves at {self.url} ({error}); start AgentGym's server of the environment, or "
                "rftcore serve ENV --protocol agentgym"
            ) from error
        except httpx.HTTPError as error:
            raise EpisodeError(f"the server at {self.url} has gone ({type(error).__name__}: {error})") from error
