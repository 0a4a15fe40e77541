"""An environment for rftcore in a Python that rftcore does not run on: the standard library alone, from 3.7 on.

    RFTCORE_SERVE_TOKEN=a-token-of-my-own python3.8 examples/other_python/server.py 8765
    RFTCORE_SERVE_TOKEN=a-token-of-my-own rftcore play remote --set url=http://127.0.0.1:8765 --oracle

What is played comes first, then the protocol, as `GET /openapi.json` of `rftcore serve` describes it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import random
import re
import secrets
import sys
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SERVED = {"name": "guess", "version": "1", "options": {}}  # raise the version when the same actions lead elsewhere
SIZES = {"easy": 16, "hard": 256}
ABOUT = {
    "served": SERVED,
    "difficulties": list(SIZES),
    "returns": "last",
    "reward_range": [0.0, 1.0],
    "max_turns": 10,
    "instructions": "Find the number. Answer with one command: guess N",
    "action_templates": ["guess {number}"],
    "facts": {"license": "Apache-2.0"},
}


class Guess:
    """One episode: a number between bounds that each guess narrows."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.number, self.low, self.high = task["data"]["number"], 0, task["data"]["size"] - 1
        self.observation = f"The number is from 0 to {self.high}."
        self.end: dict[str, Any] | None = None

    def step(self, action: str) -> dict[str, Any]:
        if self.end is not None:
            return self.end
        found = re.match(r"\s*guess ([0-9]{1,6})\s*$", action)
        guess = int(found.group(1)) if found else None
        if guess is None:
            self.observation = "That is no guess."
        elif guess == self.number:
            self.observation = "Yes."
        elif guess < self.number:
            self.observation, self.low = f"It is more than {guess}.", max(self.low, guess + 1)
        else:
            self.observation, self.high = f"It is less than {guess}.", min(self.high, guess - 1)
        won = guess == self.number
        step = {"observation": self.observation, "reward": float(won), "terminated": won, "truncated": False}
        step.update(success=won, valid=guess is not None)
        self.end = step if won else None
        return step

    def random_action(self, rng: random.Random) -> str:
        return f"guess {rng.randint(self.low, self.high)}"

    def expert_action(self) -> str | None:
        return None if self.end else f"guess {(self.low + self.high) // 2}"


def tasks(split: str, difficulty: str) -> list[dict[str, Any]]:
    size = SIZES[difficulty]
    numbers = [number for number in range(size) if (number % 4 == 1) == (split == "test")]
    return [
        {
            "environment": "guess",
            "id": f"guess/{difficulty}/{split}/{number}",
            "split": split,
            "difficulty": difficulty,
            "seed": number,
            "data": {"number": number, "size": size},
        }
        for number in numbers
    ]


def oracle(task: dict[str, Any]) -> list[str]:
    episode, actions = Guess(task), []
    while episode.end is None:
        actions.append(str(episode.expert_action()))
        episode.step(actions[-1])
    return actions


MOST = 256  # episodes at once; beyond them, the one that was unused for longest is closed
EPISODES: OrderedDict[str, Guess] = OrderedDict()
CANONICAL = json.dumps(SERVED, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
IDENTITY = hashlib.sha256(CANONICAL.encode()).hexdigest()  # by which a run notices another environment


def answered(path: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a request; raises KeyError for what is not there and ValueError for what is wrong."""
    if asked.get("options"):
        raise ValueError(f"options: found {', '.join(asked['options'])}, but this environment has none")
    if path == "/v1/environment":
        return ABOUT
    if path == "/v1/tasks":
        if asked["difficulty"] not in SIZES:
            raise ValueError(f"found difficulty {asked['difficulty']!r}, expected one of: {', '.join(SIZES)}")
        return {"tasks": tasks(asked["split"], asked["difficulty"])}
    if path == "/v1/vocabulary":
        return {"texts": ["The number is from 0 to. Yes. That is no guess. It is more less than."]}
    if path == "/v1/oracle":
        return {"actions": oracle(asked["task"])}
    if path == "/v1/episodes":
        name, episode = secrets.token_urlsafe(16), Guess(asked["task"])
        EPISODES[name] = episode
        if len(EPISODES) > MOST:
            EPISODES.popitem(last=False)
        return {"episode": name, "observation": episode.observation, "expert": True, "identity": IDENTITY}
    name, _, what = path[len("/v1/episodes/") :].partition("/")
    if what == "":  # DELETE
        return {"closed": EPISODES.pop(name, None) is not None}
    episode = EPISODES[name]
    EPISODES.move_to_end(name)
    if what == "step":
        return episode.step(asked["action"])
    if what == "available_actions":
        return {"actions": None}  # or all that would be understood now
    if what == "expert_action":
        return {"action": episode.expert_action()}
    if what == "random_action":
        rng = random.Random()
        version, numbers, gauss = asked["state"]
        rng.setstate((version, tuple(numbers), gauss))
        return {"action": episode.random_action(rng), "state": rng.getstate()}
    raise KeyError(path)


class Handler(BaseHTTPRequestHandler):
    protocol_version, wbufsize, disable_nagle_algorithm = "HTTP/1.1", -1, True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        expected = ("Bearer " + TOKEN).encode()
        try:
            if not hmac.compare_digest(self.headers.get("authorization", "").encode(), expected):
                self.tell(401, failure("unauthorized", "found a wrong token"))
                return
            self.tell(200, answered(self.path, json.loads(body.decode() or "{}")))
        except KeyError as error:
            self.tell(404, failure("unknown", f"found no {error}"))
        except ValueError as error:
            self.tell(422, failure("invalid", str(error)))
        except Exception as error:
            self.tell(500, failure("failed", f"{type(error).__name__}: {error}"))

    def do_DELETE(self) -> None:
        self.do_POST()

    def tell(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


def failure(kind: str, message: str) -> dict[str, Any]:
    return {"error": {"kind": kind, "message": message}}


if __name__ == "__main__":
    TOKEN = os.environ["RFTCORE_SERVE_TOKEN"]
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(f"serving guess at http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
