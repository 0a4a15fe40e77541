"""A retriever behind HTTP: the protocol of Search-R1's retrieval server.

A query is posted as `{"queries": [query], "topk": k, "return_scores": true}`; the answer is `{"result": [[...]]}` with
`{"document": {"contents": ...}, "score": ...}` for each passage. The server is not trusted with time or memory, and
what goes wrong is a failure of the machine, never of the agent.
"""

from __future__ import annotations

import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

from rftcore.errors import ConfigError, EpisodeError
from rftcore_searchqa.retriever import Passage

LONGEST = 16 * 1024 * 1024
"""Bytes of an answer."""
_CHUNK = 1 << 16
_OTHER_FORMS = (ValueError, LookupError, TypeError, AttributeError)
"""What reading an answer of another form than expected raises."""


class HttpRetriever:
    """Asks a server; a connection for each query."""

    def __init__(self, url: str, timeout: float) -> None:
        """Take the address and the seconds that a search may last. Raises ConfigError when it is no http address."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"url: found {url!r}, expected http://HOST:PORT/retrieve")
        self._url, self._timeout = url, timeout

    def search(self, query: str, topk: int) -> list[Passage]:
        """Return the server's passages. Raises EpisodeError when it does not answer in time, or not as it should."""
        asked = json.dumps({"queries": [query], "topk": topk, "return_scores": True}).encode()
        try:
            answer = json.loads(self._post(asked))
            found = [_passage(entry) for entry in answer["result"][0]]
        except (OSError, http.client.HTTPException, RecursionError, *_OTHER_FORMS) as error:
            raise EpisodeError(
                f"{self._url} gave no passages ({type(error).__name__}: {error}); expected an answer of Search-R1's "
                f"retrieval server within {self._timeout:g} s"
            ) from error
        return found[:topk]

    def _post(self, body: bytes) -> bytes:
        parts = urlsplit(self._url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        deadline = time.monotonic() + self._timeout
        connection = kind(str(parts.hostname), parts.port, timeout=self._timeout)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise ValueError(f"status {response.status}")
            content = bytearray()
            while chunk := response.read1(_CHUNK):
                content += chunk
                if len(content) > LONGEST:
                    raise ValueError(f"an answer of more than {LONGEST >> 20} MB")
                if time.monotonic() > deadline:
                    raise TimeoutError("the answer took too long")
            return bytes(content)
        finally:
            connection.close()


def _passage(entry: Any) -> Passage:
    """Read one passage; a server that was asked for scores and gives none is understood too."""
    document = entry.get("document", entry)
    contents = document["contents"]
    if not isinstance(contents, str):
        raise TypeError("found contents that are no text")
    return Passage(contents, float(entry.get("score", 0.0)))
