"""What a server refuses, limits and survives, asked by hand over a socket."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from pydantic import TypeAdapter

from rftcore import ConfigError, registry
from rftcore.environment import Environment
from rftcore.protocol import Offer
from rftcore_serve import worlds
from rftcore_serve.routes import EPISODE, Routes
from rftcore_serve.sessions import Refusal, Sessions
from rftcore_serve.wire import state_of

TOKEN = "a-token-of-the-tests-only"
CORRIDOR = str(Path(__file__).with_name("corridor.py"))
Server = Any  # of conftest.py, which no test can import
TASK = {
    "environment": "corridor",
    "id": "corridor/short/train/0",
    "split": "train",
    "difficulty": "short",
    "seed": 0,
    "data": {"end": 4},
}


@pytest.fixture
def client(corridor: Server) -> Iterator[httpx.Client]:
    with corridor.client() as client:
        yield client


def begin(client: httpx.Client) -> str:
    """Start an episode once there is room; return its name."""
    for _ in range(200):
        begun = client.post("/v1/episodes", json={"task": TASK})
        if begun.status_code == 200:
            return str(begun.json()["episode"])
        assert begun.status_code == 503, begun.text
        time.sleep(0.1)
    raise AssertionError("there was no room")


def failure(response: httpx.Response) -> tuple[int, str, str]:
    error = response.json()["error"]
    assert set(error) == {"kind", "message"}
    return response.status_code, error["kind"], error["message"]


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"]
)
def test_without_the_token_nothing_is_answered(corridor: Server, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    with corridor.client(token=None) as client:
        for method, path in (("GET", "/openapi.json"), ("POST", "/v1/episodes"), ("GET", "/nothing")):
            response = client.request(method, path, headers=headers)
            assert failure(response)[:2] == (401, "unauthorized")
            assert response.headers["www-authenticate"] == "Bearer"
            assert TOKEN not in response.text


def test_an_episode_that_is_not_there_and_a_path_that_is_not_are_404(client: httpx.Client) -> None:
    status, kind, message = failure(client.post("/v1/episodes/nobody/step", json={"action": "right"}))
    assert (status, kind) == (404, "unknown") and "found no episode 'nobody'" in message
    assert failure(client.get("/v1/nothing"))[0] == 404
    assert failure(client.get("/v1/tasks"))[:2] == (405, "method")
    assert client.delete("/v1/episodes/nobody").json() == {"closed": False}


def test_the_limit_of_sessions_is_refused_in_words_and_closing_one_makes_room(client: httpx.Client) -> None:
    names = [begin(client) for _ in range(4)]
    status, kind, message = failure(client.post("/v1/episodes", json={"task": TASK}))
    assert (status, kind) == (503, "full")
    assert "found 4 live episodes, expected fewer than 4" in message and "--with sessions=8" in message
    assert client.delete(f"/v1/episodes/{names[0]}").json() == {"closed": True}
    names[0] = str(client.post("/v1/episodes", json={"task": TASK}).json()["episode"])
    for name in names:
        client.delete(f"/v1/episodes/{name}")


def test_an_episode_that_nobody_asks_for_is_closed_and_its_place_is_free(client: httpx.Client) -> None:
    names = [begin(client) for _ in range(4)]
    others = [begin(client) for _ in range(4)]  # there is room for the last of them once all those are closed
    assert {client.post(f"/v1/episodes/{name}/step", json={"action": "right"}).status_code for name in names} == {404}
    for other in others:
        client.delete(f"/v1/episodes/{other}")


def test_a_step_beyond_the_deadline_costs_the_episode_and_its_place_until_it_returns(client: httpx.Client) -> None:
    name = begin(client)
    status, kind, message = failure(client.post(f"/v1/episodes/{name}/step", json={"action": "sleep 8"}))
    assert (status, kind) == (504, "deadline") and "took longer than 2 s" in message
    assert client.post(f"/v1/episodes/{name}/step", json={"action": "right"}).status_code == 404
    others = [begin(client) for _ in range(3)]
    assert "1 of them busy beyond the deadline" in failure(client.post("/v1/episodes", json={"task": TASK}))[2]
    for other in others:
        client.delete(f"/v1/episodes/{other}")
    others = [begin(client) for _ in range(4)]  # there is room for the last of them once the step has returned
    for other in others:
        client.delete(f"/v1/episodes/{other}")


@pytest.mark.parametrize(
    ("action", "status", "kind", "words"),
    [
        ("break", 500, "failed", "ValueError: the floor gave way"),
        ("quit", 500, "failed", "SystemExit: 0"),
        ("lose", 500, "failed", "the corridor is gone"),
        ("wait", 504, "deadline", "TimeoutError: nobody came"),
        ("nan", 500, "failed", "cannot be sent"),
    ],
)
def test_what_an_environment_raises_is_told_by_its_kind(
    client: httpx.Client, action: str, status: int, kind: str, words: str
) -> None:
    name = begin(client)
    found = failure(client.post(f"/v1/episodes/{name}/step", json={"action": action}))
    assert found[:2] == (status, kind) and words in found[2]
    client.delete(f"/v1/episodes/{name}")


def test_a_body_over_the_limit_is_not_read(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b" " * 1000

    for content in (b"{" + b" " * 20_000, endless()):
        try:
            response = client.post("/v1/episodes", content=content)
        except httpx.WriteError:  # the connection was closed in the middle of what nobody reads
            continue
        assert failure(response)[:2] == (413, "large") and "more than 20000 bytes" in response.text


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "found no JSON"),
        (b"{", 400, "found no JSON"),
        (b"\xff\xfe", 400, "found no JSON"),
        (b"[" * 15_000, 400, "found no JSON"),
        (b'{"task": NaN}', 400, "NaN is no number of JSON"),
        (b"9" * 10_000, 400, "found no JSON"),
        (b"[]", 400, "found JSON of type list"),
        (b"{}", 422, "task: missing; expected a value"),
        (b'{"tsak": 1}', 422, "tsak: unknown key; did you mean 'task'?"),
        (b'{"task": {"environment": "corridor"}}', 422, "task.split: missing"),
    ],
)
def test_what_is_no_request_is_refused_in_words(client: httpx.Client, body: bytes, status: int, words: str) -> None:
    response = client.post("/v1/episodes", content=body)
    assert failure(response)[0] == status and words in response.text


def test_options_are_checked_by_who_knows_them_and_fixed_ones_stay(client: httpx.Client) -> None:
    wrong = client.post("/v1/environment", json={"options": {"lenght": 2}})
    assert failure(wrong) == (422, "invalid", "options.lenght: unknown key; did you mean 'length'?")
    fixed = client.post("/v1/environment", json={"options": {"max_turns": 9}})
    assert failure(fixed)[2] == "options.max_turns: found 9, but whoever serves corridor has fixed 8"
    assert client.post("/v1/environment", json={"options": {"length": 2}}).json()["served"]["options"] == {
        "length": 2,
        "max_turns": 8,
    }


def test_any_number_of_different_options_is_served_one_after_the_other(client: httpx.Client) -> None:
    name = begin(client)  # with no options, which are in use until the end
    for length in range(1, 40):
        told = client.post("/v1/environment", json={"options": {"length": length}})
        assert (told.status_code, told.json()["served"]["options"]["length"]) == (200, length)
    assert client.post(f"/v1/episodes/{name}/step", json={"action": "right"}).status_code == 200
    client.delete(f"/v1/episodes/{name}")


def test_what_is_dropped_is_the_environment_that_is_unused_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "MOST", 2)
    built: list[int] = []

    def make(options: Mapping[str, Any]) -> Environment:
        built.append(options["max_turns"])
        created: Environment = registry.create("environment", "textcraft", options)
        return created

    async def play() -> None:
        sessions = Sessions(8, 60.0, 60.0)
        kept = worlds.Worlds(Offer("textcraft", "1", make), sessions)

        async def begin(turns: int) -> str:
            world = await kept.get({"max_turns": turns})
            task = world.environment.tasks("train", "easy")[0]
            return (await sessions.begin(lambda: world.environment.start(task), world))[0]

        first = await begin(1)
        await asyncio.gather(*(kept.get({"max_turns": 2}) for _ in range(3)))
        await kept.get({"max_turns": 3})  # instead of 2: 1 was used before it, but is being played
        await kept.get({"max_turns": 1})
        assert built == [1, 2, 3]
        second = await begin(3)
        with pytest.raises(Refusal, match="found 2 different sets of options in use, expected no more at once"):
            await kept.get({"max_turns": 4})
        await sessions.close(first)
        with pytest.raises(ConfigError, match="max_turns"):
            await kept.get({"max_turns": 0})
        await kept.get({"max_turns": 1})
        assert built == [1, 2, 3, 0]  # what is wrong costs no place
        await kept.get({"max_turns": 2})
        await kept.get({"max_turns": 3})
        assert built == [1, 2, 3, 0, 2]
        await sessions.close(second)
        kept.end()

    asyncio.run(play())


def test_the_openapi_document_has_every_path_and_the_shape_of_what_it_takes(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert document["security"] == [{"token": []}]
    assert set(document["paths"]["/v1/episodes/{episode}/step"]) == {"post"}
    assert len(document["paths"]) == 10
    schemas = document["components"]["schemas"]
    assert schemas["Action"]["properties"] == {"action": {"title": "Action", "type": "string"}}
    for operations in document["paths"].values():
        for operation in operations.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                assert content["schema"]["$ref"].rpartition("/")[2] in schemas
            answered = operation["responses"]["200"]["content"]["application/json"]["schema"]
            assert answered["$ref"].rpartition("/")[2] in schemas
    named = re.findall(r'"\$ref": *"#/components/schemas/(\w+)"', json.dumps(document))
    assert {"Task", "Served", "JsonValue"} <= set(named) <= set(schemas)
    assert set(schemas["Step"]["required"]) == {"observation", "reward", "terminated"}
    assert "sha256" in schemas["Begun"]["description"]


def test_what_is_answered_has_the_shape_that_the_openapi_document_says(textcraft: Server) -> None:
    unused: Any = None
    routes = {(route.method, route.path): route.answers for route in Routes(unused, unused).table}
    task = registry.create("environment", "textcraft").tasks("train", "easy")[0].model_dump(mode="json")
    stream = {"state": state_of(random.Random(3))}
    asked: dict[str, Any] = {
        "/v1/environment": {},
        "/v1/tasks": {"split": "test", "difficulty": "hard"},
        "/v1/vocabulary": {},
        "/v1/oracle": {"task": task},
        "/v1/episodes": {"task": task},
        EPISODE + "/available_actions": {},
        EPISODE + "/random_action": stream,
        EPISODE + "/expert_action": {},
        EPISODE + "/step": {"action": "inventory"},
        EPISODE: None,
    }
    assert {path for _, path in routes} == set(asked)
    name = ""
    with textcraft.client() as client:
        for path, question in asked.items():
            method = "DELETE" if question is None else "POST"
            told = client.request(method, path.format(episode=name), json=question)
            assert told.status_code == 200, told.text
            shape = TypeAdapter(routes[method, path])
            found = shape.validate_json(told.content)
            assert shape.dump_python(found, mode="json") == told.json()  # and nothing else
            name = told.json().get("episode", name)


def test_a_token_is_made_where_none_is_given_and_said_once(serve: Callable[..., Server]) -> None:
    server = serve("corridor", token=None)
    variable, _, made = server.said[1].strip().partition("=")
    assert variable == "RFTCORE_SERVE_TOKEN" and len(made) >= 40
    with server.client(made) as right, server.client() as wrong:
        assert right.get("/openapi.json").status_code == 200
        assert wrong.get("/openapi.json").status_code == 401
    assert server.stop() == 0
    assert "".join(server.said).count(made) == 1


def refused(*arguments: str, **variables: str) -> str:
    """Return what a server says that cannot be started."""
    command = [sys.executable, "-m", "rftcore.cli", "--plugin", CORRIDOR, "serve", "corridor", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 2 and not done.stdout
    return done.stderr


def test_a_port_that_is_taken_and_a_token_that_is_too_short_are_said_in_words(corridor: Server) -> None:
    port = corridor.url.rpartition(":")[2]
    said = refused("--with", f"port={port}")
    assert f"cannot listen at 127.0.0.1:{port} (Address already in use)" in said and "--with port=0" in said
    assert "found 5 characters, expected 16 at least" in refused(RFTCORE_SERVE_TOKEN="short")


def test_with_a_certificate_it_speaks_tls_to_those_who_trust_it(serve: Callable[..., Server], tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    made += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    server = serve("corridor", "--with", f"certificate={certificate}", "--with", f"key={key}")
    assert server.url.startswith("https://127.0.0.1:")
    from rftcore_serve.remote import Remote

    assert Remote(url=server.url, certificate=str(certificate)).name == "corridor"
    with server.client() as stranger, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        stranger.get("/openapi.json")


def malformed(rng: random.Random) -> bytes:
    """Return bytes that are no request, or not one that can be answered."""
    token = rng.choice([TOKEN, TOKEN, TOKEN, "wrong"])
    path = rng.choice(["/v1/episodes", "/v1/tasks", "/v1/environment", "/v1/episodes/x/step", "/\0", "*", "/%ff", "//"])
    bodies: list[bytes] = [
        rng.randbytes(rng.randrange(200)),
        b'{"task": ' * rng.randrange(1, 2000),
        b'{"options": {"length": "' + b"x" * rng.randrange(1000) + b'"}}',
        b'{"split": "train", "difficulty": ' + str(rng.random()).encode() + b"}",
        b'{"task": {"id": "\\ud800", "environment": 5}, "task": null}',
        b"null",
    ]
    body = rng.choice(bodies)
    length = rng.choice([str(len(body)), "-1", "9" * 30, "x", str(len(body) + 5), str(max(0, len(body) - 3))])
    method = rng.choice(["POST", "POST", "POST", "GET", "DELETE", "PATCH", "\x00", "P" * 300])
    head = f"{method} {path} HTTP/1.{rng.randrange(3)}\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
    head += rng.choice(["", "transfer-encoding: chunked\r\n", "x" * 70_000 + "\r\n", "a: b\r\n" * 300, ": \r\n"])
    whole = head.encode() + f"content-length: {length}\r\n\r\n".encode() + body
    return rng.choice([whole, whole[: rng.randrange(len(whole))], rng.randbytes(rng.randrange(1, 500))])


def settled(server: Server) -> None:
    """Wait until what earlier tests left, and their connections, are gone: nothing changes for longer than idle."""
    deadline, since, last = time.monotonic() + 60, time.monotonic(), server.resources()
    while time.monotonic() < min(deadline, since + 5):
        time.sleep(0.2)
        if server.resources() != last:
            since, last = time.monotonic(), server.resources()


def fuzz(server: Server, requests: int) -> None:
    """Send malformed requests; what they leave behind is nothing, and a request that is right is answered."""
    rng = random.Random(11)
    port = int(server.url.rpartition(":")[2])
    with server.client() as client:
        client.delete(f"/v1/episodes/{begin(client)}")
    settled(server)
    before, said = server.resources(), len(server.said)
    for _ in range(requests):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as raw:
            try:
                raw.sendall(malformed(rng))
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(65536):
                    pass
            except OSError:
                pass  # it may close the connection at once
    with server.client() as client:
        name = begin(client)
        assert client.post(f"/v1/episodes/{name}/step", json={"action": "right"}).status_code == 200
        assert client.delete(f"/v1/episodes/{name}").json() == {"closed": True}
    deadline = time.monotonic() + 20
    while server.resources() != before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert server.resources() == before
    assert server.process.poll() is None
    assert not [line for line in server.said[said:] if "Traceback" in line], server.said[said:]


def test_malformed_requests_raise_nothing_and_leave_nothing(corridor: Server) -> None:
    fuzz(corridor, 300)


@pytest.mark.slow
def test_ten_thousand_malformed_requests_raise_nothing_and_leave_nothing(corridor: Server) -> None:
    fuzz(corridor, 10_000)
