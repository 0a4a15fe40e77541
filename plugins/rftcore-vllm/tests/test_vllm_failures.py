"""Servers that die, hang, come back, answer nonsense or belong to another run, as a rollout sees them."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import soak

from rftcore.errors import ConfigError, RunError
from rftcore.sampler import Request, SamplerFailure
from rftcore.schemas.trajectory import Group
from rftcore_vllm import replicas
from rftcore_vllm.replica import Replica
from rftcore_vllm.sampler import VllmServerSampler


def play(sampler: VllmServerSampler, episodes: int, *, lanes: int = 16, tokens: int = 6) -> list[Group]:
    return soak.play(sampler, soak.Counting(episodes), lanes=lanes, tokens=tokens)


def ask(number: int = 0, tokens: int = 4) -> Request:
    return Request(number, 0, (5, 6, 7), random.Random(number), 1.0, tokens, frozenset())


def sample(sampler: VllmServerSampler, request: Request) -> Any:
    return asyncio.run(sampler.sample(request))


def test_an_episode_keeps_to_one_replica_and_episodes_are_spread(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    servers = [serve(model), serve(model)]
    sampler = connect(model, *servers)
    for server in servers:
        server.answered.clear()
    groups = play(sampler, 16)
    assert all(trajectory.status == "completed" for group in groups for trajectory in group.trajectories)
    firsts = [{(running.context[1], running.context[2]) for running in server.answered} for server in servers]
    assert not firsts[0] & firsts[1]
    assert len(firsts[0]) == len(firsts[1]) == 8


def test_a_server_killed_in_the_middle_of_a_rollout_costs_no_episode_while_another_is_there(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    doomed, other = serve(model), serve(model)
    sampler = connect(model, doomed, other)
    doomed.last = len(doomed.answered) + 20
    groups = play(sampler, 32, tokens=12)
    trajectories = [trajectory for group in groups for trajectory in group.trajectories]
    assert [trajectory.status for trajectory in trajectories] == ["completed"] * 32
    assert all([turn.version for turn in trajectory.turns] == [0] * 8 for trajectory in trajectories)
    assert all(len(turn.token_ids) == 12 for trajectory in trajectories for turn in trajectory.turns)


def test_episodes_whose_server_is_killed_are_to_the_bit_those_of_servers_that_live(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model, said = build(), []
    for dies in (False, True):
        one, other = serve(model, invariant=True), serve(model, invariant=True)
        sampler = connect(model, one, other)
        if dies:
            one.last = len(one.answered) + 20
        trajectories = [trajectory for group in play(sampler, 32, tokens=6) for trajectory in group.trajectories]
        said.append([[(turn.token_ids, turn.logprobs) for turn in each.turns] for each in trajectories])
    assert said[0] == said[1]


def wait_briefly(
    sampler: VllmServerSampler, monkeypatch: pytest.MonkeyPatch, hanging: Any = None, **waits: float
) -> None:
    """From here on, wait so long only for a server that is away or `hanging`, and a minute for one that answers."""
    replicas, ask = sampler._answering, Replica.ask
    monkeypatch.setattr(replicas, "_config", replicas._config.model_copy(update=waits))

    def asked(replica: Replica, question: Any, *, timeout: float, **more: Any) -> Any:
        return ask(replica, question, timeout=timeout if hanging and hanging(replica.url) else 60.0, **more)

    monkeypatch.setattr(Replica, "ask", asked)


def test_without_another_replica_episodes_are_masked_and_never_a_reward_of_zero(
    build: Callable[..., Any],
    serve: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = build()
    server = serve(model)
    sampler = connect(model, server)
    wait_briefly(sampler, monkeypatch, timeout=1.0, start_timeout=2.0)
    server.last = len(server.answered) + 20
    groups = play(sampler, 6, lanes=2)
    statuses = [trajectory.status for group in groups for trajectory in group.trajectories]
    assert set(statuses) == {"completed", "sampler_error"}
    lost = [trajectory for group in groups for trajectory in group.trajectories if trajectory.status == "sampler_error"]
    assert all(trajectory.masked and trajectory.attempts == 3 for trajectory in lost)
    assert "is not there" in str(lost[-1].error)
    with pytest.raises(RunError, match="no replica has taken the new weights"):
        sampler.sync(build(1), 1)


def test_a_server_that_hangs_is_a_timeout_and_the_other_one_answers(
    build: Callable[..., Any],
    serve: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = build()
    stuck, well = serve(model), serve(model)
    sampler = connect(model, stuck, well)
    hangs = {stuck.url: stuck, well.url: well}
    wait_briefly(sampler, monkeypatch, lambda url: hangs[url].hangs, timeout=1.0)
    stuck.hangs = True
    assert all(len(sample(sampler, ask(number)).token_ids) == 4 for number in range(4))
    well.hangs = True
    with pytest.raises(TimeoutError, match=r"did not answer within 1 s"):
        sample(sampler, ask(9))


def test_a_failure_of_the_server_itself_is_tried_again(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    server = serve(model)
    sampler = connect(model, server)
    server.fails = 1
    assert len(sample(sampler, ask()).token_ids) == 4


@pytest.mark.parametrize("generates", [True, False])
@pytest.mark.parametrize(
    "garbles",
    [
        lambda found: {"detail": "upstream"},
        lambda found: {**found, "choices": [{**found["choices"][0], "finish_reason": "abort"}]},
    ],
)
def test_a_server_that_answers_nonsense_costs_no_episode_while_another_is_there(
    garbles: Callable[[Any], Any],
    generates: bool,
    build: Callable[..., Any],
    serve: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
) -> None:
    model = build()
    well, odd = serve(model, generates=generates), serve(model, generates=generates)
    sampler = connect(model, well, odd)
    odd.garbles = garbles
    groups = play(sampler, 32)
    trajectories = [trajectory for group in groups for trajectory in group.trajectories]
    assert [(trajectory.status, trajectory.attempts) for trajectory in trajectories] == [("completed", 1)] * 32
    fleet = sampler._answering._fleet
    assert [replica.url for replica in fleet.up] == [well.url]
    assert re.search(rf"{odd.url}.* an answer cannot be (read|used)", fleet.reasons[odd.url])


def test_a_question_that_every_server_answers_with_nonsense_is_lost_at_once_and_others_go_on(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    servers = [serve(model), serve(model)]
    sampler = connect(model, *servers)
    asked = []

    def garbles(found: Any) -> Any:
        if found["prompt_token_ids"] != [5, 6, 7]:
            return found
        asked.append(found)
        return {"detail": "upstream"}

    for server in servers:
        server.garbles = garbles
    with pytest.raises(SamplerFailure, match=rf"({servers[0].url}|{servers[1].url}).*an answer cannot be read"):
        sample(sampler, ask())
    assert len(asked) == 2
    assert len(sampler._answering._fleet.up) == 1, "it may be the question, so the last one stays"
    assert len(sample(sampler, Request(1, 0, (8, 9), random.Random(1), 1.0, 4, frozenset())).token_ids) == 4


def test_a_question_that_the_only_server_answers_with_nonsense_costs_no_new_weights(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    server = serve(model)
    sampler = connect(model, server)
    server.calls.clear()
    server.garbles = lambda found: {"detail": "upstream"}
    with pytest.raises(SamplerFailure, match="an answer cannot be read"):
        sample(sampler, ask())
    server.garbles = lambda found: found
    assert len(sample(sampler, ask(1)).token_ids) == 4
    assert [path for path, _ in server.calls] == ["/inference/v1/generate"] * 2


@pytest.mark.parametrize(
    ("path", "name", "kind"),
    [
        ("/v1/models", "data", ConfigError),
        ("/is_sleeping", "is_sleeping", ConfigError),
        ("/reset_prefix_cache", "success", RunError),
    ],
)
def test_a_server_that_does_not_tell_what_a_run_has_to_know_is_named_with_what_it_said(
    path: str,
    name: str,
    kind: type[Exception],
    build: Callable[..., Any],
    serve: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
) -> None:
    model = build()
    server = serve(model)
    server.mute = path
    with pytest.raises(kind, match=rf"{server.url}{path} does not tell its {name}: \{{\}}"):
        connect(model, server)


def test_a_connection_that_a_server_may_be_closing_is_not_used_again(
    build: Callable[..., Any],
    serve: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert replicas.IDLE < 5
    model = build()
    server = serve(model)
    monkeypatch.setattr(replicas, "IDLE", 0.2)
    sampler = connect(model, server)
    assert len(sample(sampler, ask()).token_ids) == 4
    server.idle = 0.5  # only now: a question on a new connection is never broken off, however late it is read
    time.sleep(0.6)
    assert len(sample(sampler, ask(1)).token_ids) == 4
    assert sampler._answering._fleet.failed == 0


def test_a_server_without_the_routes_for_control_is_refused_with_how_to_start_it(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    server = serve(model)
    server.dev = False
    with pytest.raises(ConfigError, match=r"status 404\).*start the server with VLLM_SERVER_DEV_MODE=1"):
        connect(model, server)
    server.dev = True
    sampler = connect(model, server, timeout=1.0)
    server.kill()
    server.dev, server.tag = False, "default"
    server.start()
    with pytest.raises(SamplerFailure, match=r"none of 1 replicas .*start the server with VLLM_SERVER_DEV_MODE=1"):
        sample(sampler, ask())


def test_a_replica_that_this_run_left_paused_is_given_weights_again(
    build: Callable[..., Any],
    serve: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
) -> None:
    model = build()
    server = serve(model)
    sampler = connect(model, server)
    (replica,) = sampler._answering._fleet.replicas
    server.paused = replica.paused = True  # as where the connection broke before the order to go on
    sampler.sync(build(1), 1)
    assert len(sample(sampler, ask()).token_ids) == 4
    assert not replica.paused


def test_a_server_that_a_killed_run_left_paused_is_refused_with_what_lets_the_run_resume(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    server = serve(model)
    server.paused = True  # as where the run was killed after the order to pause
    told = r"POST /wake_up\. A run that was killed while it gave weights leaves .* so: do it on each, then resume"
    with pytest.raises(ConfigError, match=told):
        connect(model, server)


def test_a_port_where_no_server_is_ready_in_time_is_an_error_that_names_it(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    server = serve(build())
    server.kill()
    with pytest.raises(ConfigError, match=rf"found no server at {server.url} within 1 s"):
        connect(build(), server, start_timeout=1.0)
