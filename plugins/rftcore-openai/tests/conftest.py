"""A real endpoint on loopback that does what it is told: answers, refuses, breaks off, dawdles, and counts."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rftcore_openai import endpoint

KEY = "sk-test-3f9a7c51d2e84b06"
VARIABLE = "RFTCORE_TEST_KEY"


@dataclass
class Reply:
    """What the endpoint does with one request."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    before: float = 0.0
    """Seconds until it begins to answer."""
    drip: float = 0.0
    """Seconds between two bytes."""
    missing: int = 0
    """Bytes that it announces and does not send."""
    reset: bool = False
    """It resets the connection in place of an answer."""


Behaviour = Callable[[dict[str, Any], int], Reply]
"""From a request's body and its number, from 0, to what happens."""


def says(text: str, **changes: Any) -> Reply:
    """An answer with 10 prompt tokens and 2 of its own; `changes` are those of the whole object."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    whole = {"choices": [choice], "usage": {"prompt_tokens": 10, "completion_tokens": 2}, **changes}
    return Reply(json.dumps(whole).encode())


def refuses(status: int, message: str = "no", code: str | None = None, **headers: str) -> Reply:
    """An error as OpenAI words it."""
    body = json.dumps({"error": {"message": message, "type": "error", "code": code}}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(body, status, {"Content-Type": "application/json", **named})


class Chat:
    """The endpoint. `behave` may be changed at any time."""

    def __init__(self) -> None:
        self.behave: Behaviour = lambda body, number: says("f")
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.at: list[float] = []
        self.now, self.most = 0, 0
        self._lock = threading.Lock()
        chat = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with chat._lock:
                    number = len(chat.bodies)
                    chat.bodies.append(body)
                    chat.headers.append({name.lower(): value for name, value in self.headers.items()})
                    chat.paths.append(self.path)
                    chat.at.append(time.monotonic())
                    chat.now += 1
                    chat.most = max(chat.most, chat.now)
                try:
                    self._do(chat.behave(body, number))
                except OSError:
                    self.close_connection = True  # the client has gone
                finally:
                    with chat._lock:
                        chat.now -= 1

            def _do(self, reply: Reply) -> None:
                time.sleep(reply.before)
                if reply.reset:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body) + reply.missing))
                self.end_headers()
                if reply.drip:
                    for position in range(len(reply.body)):
                        self.wfile.write(reply.body[position : position + 1])
                        time.sleep(reply.drip)
                else:
                    self.wfile.write(reply.body)
                if reply.missing:
                    self.close_connection = True

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def chat() -> Iterator[Chat]:
    """An endpoint that answers everything with `f`."""
    server = Chat()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the environment, and waits of milliseconds in place of seconds."""
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 0.004)
