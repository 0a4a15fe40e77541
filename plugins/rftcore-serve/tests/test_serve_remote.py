"""The environment `remote` is the served one: the same tasks and trajectories, and errors that rollouts understand."""

from __future__ import annotations

import asyncio
import pickle
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2 as httpx
import pytest

from rftcore import ConfigError, plugins, registry
from rftcore.environment import Environment, Episode
from rftcore.errors import EpisodeError
from rftcore.manifests import task_lists
from rftcore.policies.oracle import Oracle
from rftcore.policies.random import Random
from rftcore.policy import Policy
from rftcore.records import read_groups
from rftcore.rollout import PolicyActor, collect
from rftcore.schemas.task import Task
from rftcore.schemas.trajectory import Group
from rftcore.study import Evaluation
from rftcore.testing import examine
from rftcore.testing.environments import lifetimes
from rftcore.testing.report import run
from rftcore.testing.subject import announced
from rftcore_serve.connection import Connection
from rftcore_serve.episode import RemoteEpisode
from rftcore_serve.remote import Remote

Server = Any  # of conftest.py, which no test can import


def played(
    environment: Environment, policy: Policy, tasks: Sequence[Task], samples: int, lanes: int = 1
) -> list[Group]:
    actor = PolicyActor(policy)
    actor.lanes = lanes
    return asyncio.run(collect({environment.name: environment}, actor, tasks, samples, seed=7, turn_limit=6))


@pytest.fixture(scope="module")
def local() -> Environment:
    created: Environment = registry.create("environment", "textcraft")
    return created


def test_task_lists_facts_and_words_are_those_of_the_served_environment(textcraft: Server, local: Environment) -> None:
    remote = Remote(url=textcraft.url)
    assert (remote.name, Remote.name) == ("textcraft", "remote")
    assert task_lists({"textcraft": remote}) == task_lists({"textcraft": local})
    assert remote.facts() == local.facts()
    assert list(remote.vocabulary()) == list(local.vocabulary())
    for name in ("difficulties", "returns", "reward_range", "max_turns", "instructions", "action_templates"):
        assert getattr(remote, name) == getattr(local, name)
    with pytest.raises(ConfigError, match="found difficulty 'medium', expected one of: easy, hard"):
        remote.tasks("train", "medium")


SHIFTS = {"action_list": "first", "renamed": True, "syntax": "tool", "feedback": "dense", "distractors": 1}


def test_a_served_environment_is_shifted_as_a_local_one(textcraft: Server) -> None:
    within = {"url": textcraft.url, "options": {"action_list": "never"}}
    there = registry.create("environment", "shift", {"environment": "remote", "options": within, **SHIFTS})
    here = registry.create("environment", "shift", {"environment": "textcraft", **SHIFTS})
    assert there.name == here.name == "textcraft-listed-first-renamed-tool-dense-distractors1"
    assert (there.instructions, there.action_templates) == (here.instructions, here.action_templates)
    tasks = [*here.tasks("train", "easy")[:3], *here.tasks("test", "hard")[:3]]
    assert there.tasks("train", "easy")[:3] == here.tasks("train", "easy")[:3]
    for policy in (Random(), Oracle()):
        assert played(there, policy, tasks, 2, lanes=4) == played(here, policy, tasks, 2)


@pytest.mark.parametrize("policy", [Random(), Oracle()], ids=["random", "oracle"])
def test_64_concurrent_episodes_equal_local_ones_with_the_same_seed(
    textcraft: Server, local: Environment, policy: Policy
) -> None:
    remote = Remote(url=textcraft.url)
    tasks = [*remote.tasks("train", "easy")[:8], *remote.tasks("test", "hard")[:8]]
    assert played(remote, policy, tasks, 4, lanes=64) == played(local, policy, tasks, 4)


def test_the_expert_from_the_start_is_the_local_one(textcraft: Server, local: Environment) -> None:
    task = local.tasks("train", "hard")[3]
    assert list(Remote(url=textcraft.url).oracle(task)) == list(local.oracle(task)) != []


def test_an_environment_that_is_not_installed_here_is_played(corridor: Server) -> None:
    assert "corridor" not in registry.names("environment")
    remote = Remote(url=corridor.url, options={"length": 2})
    assert remote.config.served.options == {"length": 2, "max_turns": 8}
    episode = remote.start(remote.tasks("test", "short")[1])
    assert type(episode).expert_action is Episode.expert_action  # there is no expert, and it does not look like one
    assert episode.available_actions() is None
    assert episode.observation == "You are at 0 of 2."
    stream, same = random.Random(5), random.Random(5)
    drawn = [episode.random_action(stream) for _ in range(9)]
    assert drawn == ["right" if same.gauss(0.3, 1) > 0 else "left" for _ in range(9)]
    assert stream.getstate() == same.getstate()
    step = episode.step("right")
    assert (step.observation, step.reward, step.terminated) == ("You are at 1 of 2. 走る", 0.0, False)
    assert not episode.step("half of a pair \ud83d \0").valid
    step = episode.step("right")
    assert (step.reward, step.terminated, step.success) == (1 / 3, True, True)
    episode.close()
    episode.close()


def test_wrong_options_are_the_error_that_a_local_environment_would_raise(textcraft: Server) -> None:
    with pytest.raises(ConfigError) as here:
        registry.create("environment", "textcraft", {"max_turn": 5}, "options")
    with pytest.raises(ConfigError) as there:
        Remote(url=textcraft.url, options={"max_turn": 5})
    assert str(there.value) == str(here.value) == "options.max_turn: unknown key; did you mean 'max_turns'?"


def test_a_wrong_or_missing_token_and_an_address_without_a_server_say_what_to_do(
    corridor: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RFTCORE_SERVE_TOKEN", "another-token-altogether")
    with pytest.raises(ConfigError, match=r"found a wrong token.*expected its token in RFTCORE_SERVE_TOKEN"):
        Remote(url=corridor.url)
    monkeypatch.delenv("RFTCORE_SERVE_TOKEN")
    with pytest.raises(ConfigError, match=r"RFTCORE_SERVE_TOKEN is not set, .*export RFTCORE_SERVE_TOKEN=TOKEN"):
        Remote(url=corridor.url)
    monkeypatch.setenv("OTHER", "x")
    with pytest.raises(ConfigError, match=r"nobody serves at http://127.0.0.1:9 .*start it: rftcore serve ENV"):
        Remote(url="http://127.0.0.1:9", token_variable="OTHER")


def test_a_copy_and_a_stored_configuration_play_what_they_were_made_with_or_nothing(corridor: Server) -> None:
    remote = Remote(url=corridor.url, options={"length": 3})
    assert pickle.loads(pickle.dumps(remote)).config == remote.config
    stored = remote.config.model_dump(mode="json")
    other = {**stored["served"], "options": {"length": 5, "max_turns": 8}}
    with pytest.raises(ConfigError, match=r"plays corridor with other options \(length was 5 and is 3\)"):
        Remote(**{**stored, "served": other})
    with pytest.raises(ConfigError, match=r"plays corridor \(behaviour version 3\), expected corridor \(behaviour ver"):
        Remote(**{**stored, "served": {**stored["served"], "version": "2"}})


def test_who_plays_imports_nothing_of_who_serves_and_the_other_way_round() -> None:
    code = "import sys, {}; print(*sorted(name for name in sys.modules if name.startswith(('rftcore_serve.', {!r}))))"
    loaded = {}
    for module, foreign in (("rftcore_serve.remote", "uvicorn"), ("rftcore_serve.server", "httpx")):
        done = subprocess.run([sys.executable, "-c", code.format(module, foreign)], capture_output=True, check=True)
        loaded[module] = set(done.stdout.decode().split())
    assert loaded["rftcore_serve.remote"] == {
        f"rftcore_serve.{name}" for name in ("connection", "episode", "remote", "wire")
    }
    served = loaded["rftcore_serve.server"]
    assert not served & {f"rftcore_serve.{name}" for name in ("connection", "episode", "remote")}
    assert "rftcore_serve.routes" in served and not any(name.startswith("httpx") for name in served)


class Troublemaker(Policy):
    """Does what makes trouble at the second turn of its second sample."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self._action = action

    async def act(self, task: Task, episode: Episode, turn: int, sample: int, rng: random.Random) -> str:
        return self._action if (sample, turn) == (1, 1) else "right"


@pytest.mark.parametrize(
    ("action", "status", "words"),
    [
        ("lose", "environment_error", "the corridor is gone"),
        ("break", "environment_error", "ValueError: the floor gave way"),
        ("quit", "environment_error", "SystemExit: 0"),
        ("nan", "environment_error", "cannot be sent"),
        ("wait", "timeout", "nobody came"),
        ("sleep 3", "timeout", "took longer than 2 s"),
    ],
)
def test_a_rollout_counts_what_went_wrong_there_as_it_counts_it_here(
    corridor: Server, action: str, status: str, words: str
) -> None:
    remote = Remote(url=corridor.url)
    tasks = remote.tasks("train", "short")[:1]
    actor = PolicyActor(Troublemaker(action))
    (group,) = asyncio.run(collect({"corridor": remote}, actor, tasks, 2, seed=1))
    good, bad = group.trajectories
    assert (good.status, good.success, good.attempts) == ("completed", True, 1)
    assert (bad.status, bad.attempts, len(bad.turns)) == (status, 3, 1)
    assert bad.error is not None and words in bad.error


def test_a_server_killed_in_the_middle_of_an_episode_costs_that_episode_and_the_run_goes_on(
    serve: Callable[..., Server], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve("corridor")
    steps, whole = 0, RemoteEpisode.step
    failures: list[str] = []

    def step(episode: RemoteEpisode, action: str) -> Any:
        nonlocal steps
        steps += 1
        if steps == 30:
            server.kill()
            threading.Thread(target=server.start).start()
        try:
            return whole(episode, action)
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error}")
            raise

    monkeypatch.setattr(RemoteEpisode, "step", step)
    config = {
        "name": "killed",
        "policy": "random",
        "environments": {"corridor": {"name": "remote", "url": server.url, "patience": 200}},
        "evaluation": {"tasks": 4, "samples": 3},
    }
    evaluation = Evaluation(config)
    served = evaluation.config.environments["corridor"]["served"]
    assert served == {"name": "corridor", "version": "3", "options": {"length": 4, "max_turns": 8}}
    report = evaluation.run(tmp_path)
    assert len(failures) == 1 and "nobody serves at" in failures[0]
    assert [cell.difficulty for cell in report.references] == ["short", "long", "longest"]
    groups = [group for file in (tmp_path / "killed" / "cells").glob("*.jsonl") for group in read_groups(file)]
    stored = [trajectory for group in groups for trajectory in group.trajectories]
    assert sorted(trajectory.attempts for trajectory in stored) == [1] * 35 + [2]
    assert {trajectory.status for trajectory in stored} <= {"completed", "truncated"}
    assert Evaluation(config).id == evaluation.id


def test_a_name_that_is_not_the_served_one_is_refused_with_the_right_one(corridor: Server) -> None:
    with pytest.raises(ConfigError, match=r"'remote' plays the environment 'corridor' here, expected 'hallway'"):
        Evaluation({"policy": "random", "environments": {"hallway": {"name": "remote", "url": corridor.url}}})


def test_an_instance_in_python_is_written_as_the_component_that_it_is(corridor: Server) -> None:
    evaluation = Evaluation(policy="random", environments=[Remote(url=corridor.url)])
    assert evaluation.config.environments["corridor"]["name"] == "remote"


def test_bridges_are_left_out_where_every_installed_environment_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [name for name in registry.names("environment") if name not in ("textcraft", "remote")]
    monkeypatch.setenv("RFTCORE_BLOCK", ",".join(others))
    monkeypatch.setattr(plugins, "_found", None)
    assert registry.names("environment") == ("remote", "textcraft")
    assert list(Evaluation(policy="random").config.environments) == ["textcraft"]


def test_it_keeps_what_every_environment_promises(textcraft: Server) -> None:
    report = examine("remote", level="light", options={"url": textcraft.url})
    report.require()
    assert {result.verdict for result in report.results} <= {"kept", "not applicable"}


def test_it_keeps_no_memory_of_what_was_played(textcraft: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifetimes, "SECONDS", 120.0)
    monkeypatch.setattr(lifetimes, "STARTS", 120)
    monkeypatch.setattr(lifetimes, "WALKS", 60)
    remote = announced("environment", "remote", {"url": textcraft.url}, "full")
    for check in (lifetimes.starts_keep_memory, lifetimes.walks_keep_memory):
        result = run(check, remote)
        assert (result.verdict, result.problems) == ("kept", ())


@pytest.mark.slow
def test_it_keeps_what_every_environment_promises_at_length(textcraft: Server) -> None:
    examine("remote", level="full", options={"url": textcraft.url}).require()


def test_a_question_that_waits_for_a_server_is_asked_again_when_the_connection_breaks_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RFTCORE_SERVE_TOKEN", "t")
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        for number in range(3):
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                if number % 2:  # the others are broken off, as when a server is killed
                    head = b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\nconnection: close\r\n\r\n"
                    client.sendall(head + b'{"answer": 42}')

    thread = threading.Thread(target=answer)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    connection = Connection(url, "RFTCORE_SERVE_TOKEN", "", timeout=30, patience=30)
    try:
        assert connection.ask("/v1/tasks", {}, wait=True) == {"answer": 42}
        with pytest.raises(EpisodeError, match="has gone"):
            connection.ask("/v1/tasks", {})
    finally:
        connection.close()
        thread.join()
        listener.close()


class Proxy(ThreadingHTTPServer):
    """Stands before a server, as nginx does, and says so in HTML while the server is away."""

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.upstream, self.url = upstream, f"http://127.0.0.1:{self.server_port}"
        self.broken: set[str] = set()
        """Ends of paths whose next request is answered with 502."""
        self.failed: list[str] = []


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers.get("content-length", 0)))
        what = self.path.rpartition("/")[2]
        if what in self.server.broken:
            self.server.broken.remove(what)
            self.server.failed.append(what)
            status, body = 502, b"<html><h1>502 Bad Gateway</h1></html>"
        else:
            headers = {"authorization": self.headers["authorization"]}
            answer = httpx.request(self.command, self.server.upstream + self.path, content=asked, headers=headers)
            status, body = answer.status_code, answer.content
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_DELETE(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def test_a_proxy_that_finds_no_server_costs_an_episode_at_a_step_and_is_waited_for_at_a_start(
    corridor: Server,
) -> None:
    proxy = Proxy(corridor.url)
    thread = threading.Thread(target=proxy.serve_forever, args=[0.02])
    thread.start()
    try:
        proxy.broken = {"environment"}
        with pytest.raises(ConfigError, match=r"has failed \(HTTP 502: '<html><h1>502.*is the server there"):
            Remote(url=proxy.url)
        remote = Remote(url=proxy.url)
        tasks = remote.tasks("train", "short")[:1]
        proxy.broken = {"episodes", "step"}
        (group,) = asyncio.run(collect({"corridor": remote}, PolicyActor(Random()), tasks, 2, seed=1))
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
    assert proxy.failed == ["environment", "episodes", "step"]
    assert sorted(trajectory.attempts for trajectory in group.trajectories) == [1, 2]
    assert {trajectory.status for trajectory in group.trajectories} <= {"completed", "truncated"}
