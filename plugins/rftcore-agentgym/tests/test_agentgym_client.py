"""The environment `agentgym` against `rftcore serve`: what is played over HTTP is what is played here."""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rftcore import registry
from rftcore.errors import ConfigError, EpisodeError
from rftcore.testing import Level, Report, examine
from rftcore_agentgym.client.connection import Connection
from rftcore_agentgym.client.environment import AgentGym
from rftcore_agentgym.client.servers import BABYAI
from rftcore_agentgym.items import Items

Server = Any  # of conftest.py, which no test can import
TOKEN = "a-token-of-the-tests-only"
RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "fidelity" / "babyai-agentgym.jsonl.gz"
OPTIONS: dict[str, dict[str, Any]] = {
    "textcraft": {"profile": "original"},
    "babyai": {"profile": "agentgym"},
    "alfworld": {"profile": "agentgym", "action_list": "never"},
    "webshop": {"profile": "agentgym", "products": 60},
    "searchqa": {"profile": "agentgym"},
    "sciworld": {"profile": "agentgym"},
}


def served(serve: Callable[..., Server], name: str, *more: str) -> str:
    """Return what AgentGym calls `env_server_base`."""
    sets = [part for key, value in OPTIONS[name].items() for part in ("--set", f"{key}={value}")]
    return f"{serve(name, *sets, *more).url}/{TOKEN}"


def client(name: str, url: str, train: tuple[int, int] = (0, 0), test: tuple[int, int] = (1, 1)) -> AgentGym:
    return AgentGym(environment=name, url=url, difficulties={"all": {"train": [train], "test": [test]}})


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_an_expert_over_http_sees_and_earns_what_it_would_here(serve: Callable[..., Server], name: str) -> None:
    local = registry.create("environment", name, OPTIONS[name])
    items = Items(local)
    number = len(items) - 1
    remote = client(name, served(serve, name), test=(number, number))
    here, there = local.start(items[number]), remote.start(remote.tasks("test", "all")[0])
    assert there.observation == here.observation
    actions, before = list(local.oracle(items[number])), 0.0
    for action in actions:
        seen, expected = there.step(action), here.step(action)
        assert (seen.observation, seen.terminated) == (expected.observation, expected.terminated)
        # ScienceWorld's server tells points that are gained; here the reward is the share of the task that is done.
        gained, before = 100 * (expected.reward - before), expected.reward
        assert seen.reward == pytest.approx(gained if name == "sciworld" else expected.reward)
        if name == "alfworld":
            assert there.available_actions() == here.available_actions() or seen.terminated
    assert actions and seen.terminated and seen.success
    assert there.step("look") is seen
    there.close()


def examined(serve: Callable[..., Server], name: str, level: Level) -> Report:
    options = {
        "environment": name,
        "url": served(serve, name),
        "difficulties": {"all": {"train": [[0, 5]], "test": [[6, 9]]}},
        "max_turns": 8,
    }
    return examine("agentgym", kind="environment", level=level, options=options)


@pytest.mark.parametrize("name", ["alfworld", "webshop"])
def test_it_keeps_over_http_what_every_environment_promises(serve: Callable[..., Server], name: str) -> None:
    examined(serve, name, "light").require()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_it_keeps_over_http_all_that_takes_minutes_to_check(serve: Callable[..., Server], name: str) -> None:
    examined(serve, name, "full").require()


def test_recorded_episodes_of_babyai_go_the_same_over_http(serve: Callable[..., Server]) -> None:
    if not RECORDINGS.exists():  # They are not part of the repository.
        return
    url = served(serve, "babyai", "--with", "numbers=own")
    with gzip.open(RECORDINGS, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines][::11]
    connection = Connection(url, BABYAI, timeout=60, patience=5)
    turns = 0
    for record in records:
        room = connection.take()
        first = connection.post("reset", {"id": room, "data_idx": record["data_idx"]})
        names = ("observation", "reward", "score", "done")
        assert [first[name] for name in names] == [record[f"first_{name}"] for name in names]
        for turn in record["turns"]:
            answer = connection.post("step", {"id": room, "action": turn["action"]})
            assert (answer["observation"], answer["done"]) == (turn["observation"], turn["done"]), record["data_idx"]
            assert [answer["reward"], answer["score"]] == pytest.approx([turn["reward"], turn["score"]], abs=1e-9)
            turns += 1
        connection.give(room, whole=True)
    assert (len(records), turns) == (20, 296)
    connection.close()


def test_the_actions_that_alfworld_lists_are_shown_where_that_is_asked(serve: Callable[..., Server]) -> None:
    options: dict[str, Any] = {"difficulties": {"all": {"train": [[0, 0]], "test": [[1, 1]]}}, "action_list": "first"}
    world = AgentGym(environment="alfworld", url=served(serve, "alfworld"), **options)
    episode = world.start(world.tasks("train", "all")[0])
    listed = episode.available_actions()
    assert listed and episode.observation.endswith(f"Available actions: [{', '.join(map(json.dumps, listed))}]")
    step = episode.step("look")
    assert "Available actions" not in step.observation
    assert "look" in (episode.available_actions() or ())


def test_the_actions_that_babyai_lists_are_known_and_said(serve: Callable[..., Server]) -> None:
    world = client("babyai", served(serve, "babyai"))
    assert world.facts()["lists_actions"] is True
    episode = world.start(world.tasks("train", "all")[0])
    listed = episode.available_actions()
    assert listed and listed[0] == "turn left" and listed[-1] == "check available actions"
    assert episode.observation.endswith(f"Available actions: [{', '.join(map(json.dumps, listed))}]")
    assert episode.observation.count("Available actions: [") == 1
    near = next(action for action in listed if action.startswith("go to "))
    step = episode.step(near)
    assert step.observation.endswith(f"[{', '.join(map(json.dumps, episode.available_actions() or ()))}]")
    assert episode.available_actions() != listed


def test_rooms_are_used_again_and_a_copy_has_its_own(serve: Callable[..., Server]) -> None:
    world = client("textcraft", served(serve, "textcraft"))
    task = world.tasks("train", "all")[0]
    first = world.start(task)
    second = world.start(task)
    room = first._room
    assert room != second._room
    first.close()
    first.close()
    assert world.start(task)._room == room
    copied = pickle.loads(pickle.dumps(world))
    assert copied.start(task).observation == second.observation


def test_a_server_that_is_away_is_named_with_what_to_do(serve: Callable[..., Server]) -> None:
    away = client("babyai", "http://127.0.0.1:9")
    with pytest.raises(EpisodeError, match=r"nobody serves at .*; start AgentGym's server .*, or rftcore serve"):
        away.start(away.tasks("train", "all")[0])
    address = served(serve, "textcraft").removesuffix(TOKEN)
    locked = client("textcraft", f"{address}another-token")
    with pytest.raises(EpisodeError, match=r"answered with status 401 .*what AgentGym calls env_server_base"):
        locked.start(locked.tasks("train", "all")[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"environment": "web-shop"}, "expected one of AgentGym's; did you mean 'webshop'"),
        ({"action_list": "every"}, "but the server of maze lists no actions, expected 'never'"),
        (
            {"environment": "babyai", "action_list": "first"},
            "the server of babyai lists them in every observation, expected 'every'",
        ),
        ({"environment": "chess"}, "found 'chess', expected one of AgentGym's; it has: academia, alfworld, babyai"),
        ({"difficulties": {"all": {"train": [[0, 9]], "test": [[5, 6]]}}}, "number 5 is in difficulties.all.train"),
        (
            {"difficulties": {"all": {"train": [[3, 2]], "test": [[5, 6]]}}},
            r"found \[3, 2\], expected the first number",
        ),
    ],
)
def test_options_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    fits = {"all": {"train": [[0, 1]], "test": [[2, 2]]}}
    options: dict[str, Any] = {"environment": "maze", "url": "http://127.0.0.1:9/maze", "difficulties": fits}
    assert len(AgentGym(**options).tasks("train", "all")) == 2
    with pytest.raises(ConfigError, match=message):
        AgentGym(**{**options, **changes})
