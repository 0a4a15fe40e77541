"""AgentGym's clients play our environments: the same routes and shapes, and what a local episode would answer.

The shapes are those of the servers at WooooDyy/AgentGym (`agentenv-*/server.py` and what they call), and of the fork
that added SearchQA; the calls are those of its clients (`agentenv/agentenv/envs/*.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2 as httpx
import pytest

from rftcore import ConfigError, registry
from rftcore.environment import Environment
from rftcore.protocol import Offer
from rftcore_agentgym.items import Items
from rftcore_agentgym.server import AgentGymProtocol

Server = Any  # of conftest.py, which no test can import
ITEM = {"alfworld": "game", "webshop": "session_id", "searchqa": "id"}
"""What a reset calls the number of an item, where that is not `data_idx`."""
OPTIONS = {
    "textcraft": {"profile": "original"},
    "babyai": {"profile": "agentgym"},
    "alfworld": {"profile": "agentgym", "action_list": "never"},
    "webshop": {"profile": "agentgym", "products": 60},
    "searchqa": {"profile": "agentgym"},
    "sciworld": {"profile": "agentgym"},
}


def started(serve: Callable[..., Server], name: str) -> tuple[Server, Environment]:
    """Return a server of an environment and the same environment here."""
    arguments = [part for key, value in OPTIONS[name].items() for part in ("--set", f"{key}={value}")]
    return serve(name, *arguments), registry.create("environment", name, OPTIONS[name])


def shape(value: Any) -> Any:
    """Return the types in a JSON value: an object's by key, those in a list as a set of names."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return sorted({str(shape(each)) for each in value})
    return type(value).__name__


class Player:
    """What AgentGym's client of one environment does."""

    def __init__(self, client: httpx.Client, name: str) -> None:
        self.client, self.name = client, name
        self.room_key = "env_idx" if name in ("webshop", "searchqa") else "id"
        body = {"searchqa": {"id": 0}, "textcraft": {"minecraft_dir": "x/", "commands": None, "goal": None}}.get(name)
        self.created = self.answered(client.post("/create", json=body))
        self.room = self.created["id"] if isinstance(self.created, dict) else self.created

    def answered(self, response: httpx.Response) -> Any:
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, **body: Any) -> Any:
        return self.answered(self.client.post(path, json={**body, self.room_key: self.room}))

    def get(self, path: str) -> Any:
        return self.answered(self.client.get(f"{path}?{self.room_key}={self.room}"))

    def reset(self, item: int) -> Any:
        world = {"world_type": "Text"} if self.name == "alfworld" else {}
        return self.post("/reset", **{ITEM.get(self.name, "data_idx"): item}, **world)


def told(answer: Any) -> str:
    """Return the observation in the answer to a reset or a step."""
    if isinstance(answer, str):
        return answer
    if "task_description" in answer:
        return f"{answer['task_description']}\n{answer['observation']}"
    return str(answer[0] if isinstance(answer, list) else answer.get("observation", answer.get("state")))


CREATED = {
    "textcraft": {"id": "int", "observation": "str", "done": "bool", "reward": "int"},
    "babyai": {"id": "int"},
    "alfworld": {"id": "int"},
    "webshop": "int",
    "searchqa": "int",
    "sciworld": {"id": "int"},
}
RESET = {
    "textcraft": {"id": "int", "observation": "str", "done": "bool", "reward": "int"},
    "babyai": {"observation": "str", "reward": "int", "score": "int", "deleted": "bool", "done": "bool"},
    "alfworld": {"id": "int", "observation": "str", "available_actions": ["str"], "task_type": "str"},
    "webshop": ["NoneType", "str"],
    "searchqa": "str",
    "sciworld": {
        "task_name": "str",
        "var_num": "int",
        "task_description": "str",
        "observation": "str",
        "reward": "int",
        "score": "int",
        "deleted": "bool",
        "done": "bool",
    },
}
STEP = {
    "textcraft": {"observation": "str", "reward": "int", "done": "bool"},
    "babyai": {"observation": "str", "reward": "float", "score": "float", "done": "bool"},
    "alfworld": {"observation": "str", "reward": "float", "available_actions": ["str"], "done": "bool"},
    "webshop": {"state": "str", "reward": "float", "done": "bool", "info": "NoneType"},
    "searchqa": {"observation": "str", "reward": "float", "done": "bool", "info": "NoneType"},
    "sciworld": {"observation": "str", "reward": "int", "score": "int", "done": "bool"},
}


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_an_expert_over_agentgyms_routes_sees_and_earns_what_it_would_here(
    serve: Callable[..., Server], name: str
) -> None:
    server, local = started(serve, name)
    items = Items(local)
    item = len(items) - 1  # the last one to test with
    with server.client() as client:
        player = Player(client, name)
        assert shape(player.created) == CREATED[name]
        reset = player.reset(item)
        episode = local.start(items[item])
        assert shape(reset) == RESET[name]
        assert told(reset) == episode.observation
        score, steps = 0.0, 0
        for action in local.oracle(items[item]):
            answer, step = player.post("/step", action=action), episode.step(action)
            # ScienceWorld's server rewards a change of the score, which is the percentage that our reward is a share.
            reward = round(100 * step.reward) - score if name == "sciworld" else step.reward
            score, steps = score + reward, steps + 1
            assert shape(answer) == STEP[name]
            assert (told(answer), answer["reward"], answer["done"]) == (step.observation, reward, step.terminated)
            assert answer.get("score", score) == pytest.approx(score)
            if name == "alfworld":
                assert answer["available_actions"] == list(episode.available_actions() or ())
        assert steps > 0 and answer["done"] and answer["reward"] > 0


def test_what_is_asked_beside_the_steps_has_agentgyms_shapes(serve: Callable[..., Server]) -> None:
    with started(serve, "webshop")[0].client() as client:
        shop = Player(client, "webshop")
        page = shop.reset(0)[0]
        assert shop.get("/observation") == page
        assert shop.get("/instruction_text") and shop.get("/instruction_text") in page
        assert shop.get("/available_actions") == {"has_search_bar": True, "clickables": ["search"]}
        assert set(shop.get("/state")) == {"url", "html", "instruction_text"}
        shop.post("/step", action=f"search[{shop.get('/instruction_text')}]")
        offered = shop.get("/available_actions")
        assert not offered["has_search_bar"] and "Back to Search" in offered["clickables"]
        assert shop.room in shop.answered(client.get("/list_envs"))
        assert shop.post("/close") == {"closed": True}
        assert shop.post("/close") == {"closed": False}
    with started(serve, "textcraft")[0].client() as client:
        crafting = Player(client, "textcraft")
        assert crafting.get("/observation") == crafting.created["observation"]
        detail = {"observation": "str", "done": "bool", "reward": "int", "deleted": "bool"}
        assert shape(crafting.get("/detail")) == detail
        assert crafting.answered(client.get("/")) == "This is environment TextCraft."


def test_an_end_of_sciworld_is_a_fatal_mistake_or_a_limit(serve: Callable[..., Server]) -> None:
    server, local = started(serve, "sciworld")
    item = next(number for number in range(50) if Items(local)[number].data["kind"] == "find-plant")
    with server.client() as client:
        player = Player(client, "sciworld")
        begun = player.reset(item)
        assert player.get("/observation") == begun["observation"]
        assert player.get("/detail") == begun
        seen = player.post("/step", action="look around")
        assert player.get("/detail") == {**begun, **seen}
        wrong = player.post("/step", action="focus on agent")
        assert (wrong["reward"], wrong["score"], wrong["done"]) == (-100 - seen["score"], -100, True)
        finished = {"error": f"The task with environment {player.room} has finished."}
        assert player.post("/step", action="look around") == player.get("/detail") == finished
        player.reset(item)
        for _ in range(20):
            waited = player.post("/step", action="wait")
            if waited["done"]:
                break
        assert (waited["reward"], waited["score"], waited["done"]) == (0, 0, True)
        assert player.answered(client.get("/")) == "This is environment ScienceWorld."


def test_a_number_of_nobody_is_an_answer_or_a_status_as_agentgym_has_it(serve: Callable[..., Server]) -> None:
    with started(serve, "babyai")[0].client() as client:
        assert client.post("/step", json={"id": 999, "action": "drop"}).json() == {"error": "The id 999 is not valid."}
        room = client.post("/create").json()["id"]
        unbegun = client.post("/step", json={"id": room, "action": "drop"}).json()
        assert unbegun == {"error": f"The environment {room} has not been reset."}
        nowhere = client.post("/reset", json={"id": room, "data_idx": -1}).json()
        assert "found item -1, expected 0 to" in nowhere["error"]
        missing = client.post("/step", json={"id": room})
        assert (missing.status_code, missing.json()) == (422, {"detail": "action: missing; expected a value"})
        assert (client.post("/nothing").status_code, client.get("/step").status_code) == (404, 405)
        assert client.post("/step", content=b"{").status_code == 400
    with started(serve, "webshop")[0].client() as client:
        assert client.post("/step", json={"env_idx": 999, "action": "click[x]"}).status_code == 404


def test_the_address_holds_the_token_and_without_it_nothing_is_answered(serve: Callable[..., Server]) -> None:
    server = started(serve, "textcraft")[0]
    for token in ("", "another-token-altogether", "create"):
        with server.client(token) as client:
            assert client.post("/create", json={}).status_code == 401
    assert server.said[0].strip().endswith("for clients with env_server_base=" + server.url + "/$RFTCORE_SERVE_TOKEN")
    assert server.said[1].startswith("items: 0 to ") and " train easy, " in server.said[1]


def test_agentgyms_own_numbers_mean_its_levels_and_seeds(serve: Callable[..., Server]) -> None:
    local: Any = registry.create("environment", "babyai", OPTIONS["babyai"])
    task = local.task(41)
    assert (task.data["level"], task.seed, task.difficulty) == ("GoToRedBall", 1, "easy")
    assert Items(local, "own")[41] == task
    with pytest.raises(ConfigError, match="found item -1 of babyai, expected 0 or more"):
        local.task(-1)
    own = serve("babyai", "--set", "profile=agentgym", "--with", "numbers=own")
    with own.client() as client:
        assert told(Player(client, "babyai").reset(41)) == local.start(task).observation
    with pytest.raises(ConfigError, match="found 'own', but textcraft has none; expected 'lists'"):
        Items(registry.create("environment", "textcraft"), "own")


def test_an_environment_that_agentgym_has_not_is_refused_with_those_that_it_has() -> None:
    offer = Offer("corridor", "1", lambda options: registry.create("environment", "textcraft", options))
    with pytest.raises(ConfigError, match=r"'corridor'.*expected one of: alfworld, babyai, sciworld, searchqa, text"):
        AgentGymProtocol().serve(offer, print)
