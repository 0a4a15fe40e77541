"""The environment `agentgym` against servers that answer as AgentGym's do, where we have no environment of that name.

What they answer is the JSON of the servers at WooooDyy/AgentGym: `agentenv-lmrlgym/agentenv_lmrlgym/*/environment.py`,
`agentenv-sciworld/agentenv_sciworld/environment.py`, `agentenv-sqlgym/agentenv_sqlgym/server.py`,
`agentenv-webarena/agentenv_webarena/server.py` and `agentenv-tool/agentenv_*/*_server.py`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rftcore.errors import EpisodeError
from rftcore_agentgym.client.environment import AgentGym
from rftcore_agentgym.client.servers import CONTRACTS

TOOL = {
    "/create": 0,
    "/reset": "Now new trial starts.\nYou should perform actions to accomplish the goal: G\nGive me one action.",
    "/step": [
        {"observation": "Observation: X\nGive me one action.", "reward": 0.5, "done": False},
        {"observation": "Observation: 4\nGive me one action.", "reward": 1.0, "done": True},
    ],
}
ANSWERS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("academia", "movie", "sheet", "todo", "weather"), TOOL),
    "maze": {
        "/create": {"id": 0},
        "/reset": {"observation": "The goal is at position 8, 6. Your current position is at position 1, 1. "},
        "/step": [
            {"observation": "There is a wall above you.", "reward": 0, "done": False},
            {"observation": "Success", "reward": 1.0, "done": True},
        ],
    },
    "wordle": {
        "/create": {"id": 0},
        "/reset": {"id": 0, "observation": "Let's start Wordle!"},
        "/filtered_vocab": ["a b o u t", "a d i e u"],
        "/step": [
            {"observation": "b y g g b", "reward": 0, "done": False},
            {"observation": "g g g g g", "reward": 1, "done": True},
        ],
    },
    "sciworld": {
        "/create": {"id": 0},
        "/reset": {
            "task_name": "boil",
            "var_num": 0,
            "task_description": "Your task is to boil water.",
            "observation": "This room is called the hallway.",
            "reward": 0,
            "score": 0,
            "deleted": False,
            "done": False,
        },
        "/step": [
            {"observation": "The door is open.", "reward": 3, "score": 3, "done": False},
            {"observation": "You focus on the water.", "reward": 97, "score": 100, "done": True},
        ],
    },
    "sqlgym": {
        "/create": 489_575,
        "/reset": ["Database: ... Question: How many?", None],
        "/step": [{"state": "[(3,)]", "reward": 1.0, "done": True, "info": None}],
    },
    "webarena": {
        "/create": {"env_idx": 0},
        "/reset": {"observation": "[4] RootWebArea 'Dashboard'"},
        "/observation": "OBJECTIVE: find it\nURL: http://homepage.com\nOBSERVATION: [4] RootWebArea",
        "/step": [
            {"observation": "PAGE", "reward": 0.0, "terminated": False, "truncated": False, "info": {"page": {}}},
            {"observation": "PAGE", "reward": 1.0, "terminated": True, "truncated": False, "info": {}},
        ],
    },
}
"""What each route answers; `/step` one after the other."""
BEGUN = {
    **dict.fromkeys(("academia", "movie", "sheet", "todo", "weather"), TOOL["/reset"]),
    "maze": "The goal is at position 8, 6. Your current position is at position 1, 1. ",
    "wordle": "Let's start Wordle!\na b o u t\na d i e u",
    "sciworld": "Your task is to boil water.\nThis room is called the hallway.",
    "sqlgym": "Database: ... Question: How many?",
    "webarena": "OBJECTIVE: find it\nURL: http://homepage.com\nOBSERVATION: [4] RootWebArea",
}
ASKED = {
    **dict.fromkeys(("academia", "movie", "sheet", "todo", "weather"), ({"id": 0}, {"env_idx": 0, "id": 7})),
    "maze": (None, {"id": 0, "game": 7}),
    "wordle": (None, {"id": 0, "seed": 7}),
    "sciworld": (None, {"id": 0, "data_idx": 7}),
    "sqlgym": (None, {"env_idx": 489_575, "item_id": 7}),
    "webarena": (None, {"env_idx": 0, "seed": 0, "idx": 7}),
}
"""The bodies of `/create` and `/reset`, as AgentGym's clients send them."""
SENT = {
    "academia": ("loadPaperNet with Action Input: {}", "Action: loadPaperNet with Action Input: {}"),
    "movie": ('Action: finish with Action Input: {"answer": 4}', 'Action: finish with Action Input: {"answer": 4}'),
    "maze": ("left", "move left"),
    "wordle": ("Adieu", "a d i e u"),
    "sciworld": ("open door", "open door"),
    "sqlgym": ("Thus:\n```sql\nSELECT count(*) FROM t;\n```", "SELECT count(*) FROM t;"),
    "webarena": ("click [12]", "```click [12]```"),
}
"""An action, and what the server reads."""


@dataclass
class Served:
    """A server, what it answers, and what it was asked."""

    answers: dict[str, Any]
    url: str = ""
    asked: list[tuple[str, Any]] = field(default_factory=list)
    status: int = 200
    full: int = 0
    """So many requests are answered with 503 first."""
    seconds: float = 0.0

    def answer(self, path: str, body: Any) -> Any:
        self.asked.append((path, body))
        time.sleep(self.seconds)
        found = self.answers[path.partition("?")[0]]
        if path == "/step":
            return found[min(sum(route == "/step" for route, _ in self.asked), len(found)) - 1]
        return found


@pytest.fixture
def server() -> Iterator[Served]:
    """A server that answers nothing yet."""
    served = Served({})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            self._answer(json.loads(self.rfile.read(length)) if length else None)

        def do_GET(self) -> None:
            self._answer(None)

        def _answer(self, asked: Any) -> None:
            told = served.answer(self.path, asked)
            status = 503 if served.full else served.status
            served.full = max(0, served.full - 1)
            body = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, args=[0.02])
    thread.start()
    yield served
    listening.shutdown()
    listening.server_close()
    thread.join()


def played(server: Served, name: str, **options: Any) -> AgentGym:
    difficulties = {"all": {"train": [[7, 7]], "test": [[8, 8]]}}
    return AgentGym(environment=name, url=server.url, difficulties=difficulties, **options)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_each_server_is_asked_and_read_as_its_own_client_does(server: Served, name: str) -> None:
    server.answers = ANSWERS[name]
    world = played(server, name)
    episode = world.start(world.tasks("train", "all")[0])
    assert episode.observation == BEGUN[name]
    creates, resets = ASKED[name]
    assert server.asked[:2] == [("/create", creates), ("/reset", resets)]
    action, read = SENT.get(name, ("x", "Action: x"))
    steps = [episode.step(action) for _ in ANSWERS[name]["/step"]]
    room = {key: value for key, value in resets.items() if key == CONTRACTS[name].room}
    assert server.asked[-1] == ("/step", {**room, "action": read})
    key = CONTRACTS[name].observation
    assert [step.observation for step in steps] == [answer[key] for answer in ANSWERS[name]["/step"]]
    assert [step.reward for step in steps] == [answer["reward"] for answer in ANSWERS[name]["/step"]]
    assert [step.terminated for step in steps] == [False] * (len(steps) - 1) + [True]
    assert [step.success for step in steps] == [False] * (len(steps) - 1) + [True]


def test_the_end_of_sciworld_is_a_success_by_its_score_alone(server: Served) -> None:
    failed = {"observation": "That was wrong.", "reward": -103, "score": -100, "done": True}
    server.answers = {**ANSWERS["sciworld"], "/step": [failed]}
    step = (world := played(server, "sciworld")).start(world.tasks("train", "all")[0]).step("focus on door")
    assert (step.reward, step.terminated, step.success, world.returns) == (-103.0, True, False, "sum")


def test_todo_rewards_true(server: Served) -> None:
    server.answers = {**TOOL, "/step": [{"observation": "Observation: done", "reward": True, "done": True}]}
    step = (world := played(server, "todo")).start(world.tasks("train", "all")[0]).step("finish")
    assert (step.reward, step.success) == (1.0, True)


@pytest.mark.parametrize(
    ("route", "answer", "message"),
    [
        ("/create", {"number": 1}, r"/create answered .*, expected a value at id; is this the server of this"),
        ("/create", {"id": None}, "expected the number of a room"),
        ("/create", {"error": "out of memory"}, "/create at .* answered with an error: out of memory"),
        ("/reset", {"observation": 3}, "/reset answered .*, expected text at observation"),
        ("/reset", "text", "expected a value at observation"),
        ("/reset", b"<html>", "answered '<html>', expected JSON"),
        ("/step", [{"observation": "x", "reward": "1", "done": False}], "expected a number at reward"),
        ("/step", [{"observation": "x", "reward": 1, "done": 0}], "expected true or false at done"),
        ("/step", [b'{"observation": "x", "reward": NaN, "done": false}'], "expected JSON"),
        ("/step", [{"error": "The task with environment 0 has finished."}], "has finished"),
    ],
)
def test_an_answer_of_another_shape_is_an_error_of_the_episode(
    server: Served, route: str, answer: Any, message: str
) -> None:
    server.answers = {**ANSWERS["maze"], route: answer}
    world = played(server, "maze")
    with pytest.raises(EpisodeError, match=message):
        world.start(world.tasks("train", "all")[0]).step("left")


def test_a_server_that_fails_hangs_or_is_full_is_an_error_with_what_to_do(server: Served) -> None:
    server.answers = ANSWERS["maze"]
    server.status = 500
    with pytest.raises(EpisodeError, match=r"/create .* answered with status 500 .* look at what the server prints"):
        (world := played(server, "maze")).start(world.tasks("train", "all")[0])
    server.status, server.full = 200, 3
    with pytest.raises(EpisodeError, match="answered with status 503"):
        (world := played(server, "maze", patience=0.0)).start(world.tasks("train", "all")[0])
    (world := played(server, "maze", patience=60.0)).start(world.tasks("train", "all")[0])  # asked until there is room
    assert server.full == 0
    server.seconds = 0.5
    with pytest.raises(EpisodeError, match=r"did not answer in time .* allow it more with timeout") as caught:
        (world := played(server, "maze", timeout=0.1)).start(world.tasks("train", "all")[0])
    assert isinstance(caught.value.__cause__, TimeoutError)  # the rollout calls it a timeout


def test_a_room_that_is_given_twice_is_refused_and_one_that_failed_is_not_used_again(server: Served) -> None:
    server.answers = {**ANSWERS["sqlgym"]}
    world = played(server, "sqlgym")
    task = world.tasks("train", "all")[0]
    episode = world.start(task)
    with pytest.raises(EpisodeError, match=r"gave room 489575 a second time: it has 1, .* play fewer episodes at once"):
        world.start(task)
    server.answers["/step"] = [{"state": "x", "reward": 0.0, "info": None}]
    with pytest.raises(EpisodeError, match="expected a value at done"):
        episode.step("SELECT 1")
    episode.close()
    created = sum(path == "/create" for path, _ in server.asked)
    world.start(task)
    assert sum(path == "/create" for path, _ in server.asked) == created + 1


def test_an_answer_without_end_is_not_read_to_its_end(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rftcore_agentgym.client.connection.MOST", 1000)
    server.answers = {**ANSWERS["maze"], "/reset": {"observation": "x" * 2000}}
    with pytest.raises(EpisodeError, match="answered with more than 1000 bytes"):
        (world := played(server, "maze")).start(world.tasks("train", "all")[0])


def test_what_is_blank_is_not_sent(server: Served) -> None:
    server.answers = ANSWERS["maze"]
    episode = (world := played(server, "maze")).start(world.tasks("train", "all")[0])
    step = episode.step(" \n\0")
    assert (step.valid, step.terminated) == (False, False)
    assert server.asked[-1][0] == "/reset"
