"""Asks a server, and turns what goes wrong into the errors that a local environment would raise.

`ConfigError` when a person has to change something, `TimeoutError` when the server or its environment took too long,
`EpisodeError` when the episode is lost: the rollout then tries again with a fresh one.
"""

from __future__ import annotations

import os
import ssl
import time
from typing import Any

import httpx2 as httpx

from rftcore.errors import ConfigError, EpisodeError
from rftcore_serve.wire import decoded, encoded

WAITS = (0.05, 1.0)
"""Seconds before the first retry, doubled with each, and at most."""


class Connection:
    """Sends requests to the server at `url`; safe to use from several threads."""

    def __init__(self, url: str, variable: str, certificate: str, *, timeout: float, patience: float) -> None:
        """`timeout` is that of one request, and `patience` how long a server that is away is waited for, in seconds."""
        self.url = url.rstrip("/")
        self._variable, self._patience = variable, patience
        token = os.environ.get(variable, "")
        if not token:
            raise ConfigError(
                f"token_variable: the environment variable {variable} is not set, expected the token of the server at "
                f"{self.url}, which `rftcore serve` prints; export {variable}=TOKEN"
            )
        # No proxy: what is meant for this machine, and its token, would go elsewhere.
        self._client = httpx.Client(
            headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
            timeout=timeout,
            verify=_trusted(certificate),
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=60),
        )

    def ask(self, path: str, question: dict[str, Any], *, wait: bool = False) -> Any:
        """Return the answer. With `wait`, a server that is away, or full, is asked again for a while."""
        end = time.monotonic() + (self._patience if wait else 0.0)
        pause = WAITS[0]
        while True:
            try:
                return self._once("POST", path, question)
            except _Away:
                if time.monotonic() + pause > end:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, WAITS[1])

    def drop(self, episode: str) -> None:
        """Have an episode closed; raises EpisodeError when the server does not answer."""
        self._once("DELETE", f"/v1/episodes/{episode}", None)

    def close(self) -> None:
        """Close what is open."""
        self._client.close()

    def _once(self, method: str, path: str, question: dict[str, Any] | None) -> Any:
        body = None if question is None else encoded(question)
        try:
            response = self._client.request(method, f"{self.url}{path}", content=body)
        except httpx.ConnectTimeout as error:
            raise _Away(f"the server at {self.url} does not answer") from error
        except httpx.TimeoutException as error:
            raise TimeoutError(f"the server at {self.url} did not answer in time ({type(error).__name__})") from error
        except httpx.ConnectError as error:
            raise _Away(f"nobody serves at {self.url} ({error}); start it: rftcore serve ENV") from error
        except httpx.InvalidURL as error:
            raise ConfigError(f"url: found {self.url!r} ({error}), expected such as http://127.0.0.1:8765") from error
        except httpx.HTTPError as error:
            raise _Away(f"the server at {self.url} has gone ({type(error).__name__}: {error})") from error
        return self._read(response)

    def _read(self, response: httpx.Response) -> Any:
        try:
            answer = decoded(response.content)
            assert isinstance(answer, dict)
            failure = answer["error"] if response.status_code != 200 else {}
            kind, message = str(failure.get("kind")), str(failure.get("message"))
        except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
            found = f"HTTP {response.status_code}: {response.text[:60]!r}"
            if response.status_code >= 500:  # such as a proxy while the server is started again
                raise _Away(f"what answers at {self.url} has failed ({found}); is the server there?") from None
            raise ConfigError(
                f"url: what answers at {self.url} is no environment of `rftcore serve` ({found}); expected its address"
            ) from None
        if response.status_code == 200:
            return answer
        if kind == "unauthorized":
            raise ConfigError(f"the server at {self.url} {message}; expected its token in {self._variable}")
        if kind == "invalid":
            raise ConfigError(message)
        if kind == "deadline":
            raise TimeoutError(message)
        if kind == "full":
            raise _Away(f"the server at {self.url} is full: {message}")
        raise EpisodeError(message)


class _Away(EpisodeError):
    """Asking again may help."""


def _trusted(certificate: str) -> ssl.SSLContext | bool:
    if not certificate:
        return True
    try:
        return ssl.create_default_context(cafile=certificate)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"certificate: {certificate!r} cannot be used ({error}); expected a file in PEM") from error
