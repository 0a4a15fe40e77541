"""Servers that die, hang, come back, answer nonsense or belong to another run, as a rollout sees them."""

from __future__ import annotations

import asyncio
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soak
from contract_engine import Engine

from rftcore.errors import ConfigError, RunError
from rftcore.sampler import Request, SamplerFailure
from rftcore.schemas.config import LoRA
from rftcore.schemas.trajectory import Group
from rftcore.train.adapters import with_adapters
from rftcore.train.checkpoint import load_model
from rftcore_vllm import replicas
from rftcore_vllm.replica import Replica
from rftcore_vllm.sampler import VllmServerSampler


@pytest.fixture
def connect() -> Iterator[Callable[..., VllmServerSampler]]:
    """`connect(model, *servers, **options)` returns a sampler on contract servers."""
    made: list[VllmServerSampler] = []

    def make(model: Any, *servers: Any, **options: Any) -> VllmServerSampler:
        urls = tuple(server.url for server in servers)
        chosen = {"timeout": 60.0, "start_timeout": 60.0, **options}
        made.append(VllmServerSampler(urls=urls, model=model, **chosen))
        return made[-1]

    yield make
    for sampler in made:
        asyncio.run(sampler.close())


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


def test_a_server_that_comes_back_gets_the_present_weights_before_the_first_question(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    old, new = build(), build(1)
    server = serve(old)
    sampler = connect(old, server)
    server.kill()
    began = threading.Timer(0.5, server.start)
    began.start()
    sampler.sync(new, 5)
    assert sample(sampler, ask()).version == 5
    server.kill()
    server.engines["policy"].decoder.load(old)
    server.tag = "default"
    server.start()
    again = sample(sampler, ask(1))
    assert again.version == 5
    assert server.tag != "default"
    paths = [path for path, _ in server.calls]
    assert paths.count("/collective_rpc") == 6  # three loads, each with its refresh of the head


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
    assert len(sample(sampler, Request(1, 0, (8, 9), random.Random(1), 1.0, 4, frozenset())).token_ids) == 4


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


def test_a_head_that_kept_the_old_weights_stops_the_run(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    server = serve(model, stale_head=True)
    sampler = connect(model, server)  # the extension of the worker mends it
    sampler.sync(build(1), 1)
    server.extended = False
    with pytest.raises(RunError, match=r"logprobs of .* and of the learner differ by .*rftcore_vllm.worker.Extension"):
        sampler.sync(build(2), 2)


@pytest.mark.parametrize("generates", [True, False])
def test_weights_of_another_run_stop_this_one(
    generates: bool,
    build: Callable[..., Any],
    serve: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
) -> None:
    model = build()
    server = serve(model, generates=generates)
    mine, other = connect(model, server), connect(build(1), server)
    assert sample(other, ask()).version == 0
    with pytest.raises(RunError, match="which this run did not load"):
        sample(mine, ask())


@pytest.mark.parametrize("generates", [True, False])
def test_a_server_that_was_started_anew_between_two_questions_gets_the_present_weights(
    generates: bool,
    build: Callable[..., Any],
    serve: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
) -> None:
    model = build()
    server = serve(build(1), generates=generates)
    sampler = connect(model, server)
    _start_anew(server, build(1))
    alike = connect(model, serve(model, generates=generates))
    again, expected = (sample(one, ask(tokens=12)) for one in (sampler, alike))
    assert again.version == 0
    assert again.token_ids == expected.token_ids
    assert again.logprobs == pytest.approx(expected.logprobs, abs=1e-4)


def test_an_answer_tells_the_weights_that_made_it_while_they_are_still_compared(
    build: Callable[..., Any],
    serve: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sampler = connect(build(), serve(build(), generates=False))
    loaded, go = threading.Event(), threading.Event()
    compare = replicas.Replicas._compare

    async def held(self: Any, replica: Any, model: Any) -> None:
        loaded.set()
        await asyncio.to_thread(go.wait)
        await compare(self, replica, model)

    monkeypatch.setattr(replicas.Replicas, "_compare", held)
    sync = threading.Thread(target=sampler.sync, args=(build(1), 7))
    sync.start()
    loaded.wait()
    version = sample(sampler, ask()).version
    go.set()
    sync.join()
    assert version == 7


def _start_anew(server: Any, model: Any) -> None:
    server.kill()
    server.base, server.engines, server.tag = model, {"policy": Engine(model)}, "default"
    server.start()


def test_nothing_is_sampled_while_asleep(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    server = serve(model)
    sampler = connect(model, server)
    sampler.sleep()
    assert server.asleep
    with pytest.raises(RunError, match="asleep and cannot sample"):
        sample(sampler, ask())
    with pytest.raises(RunError, match="asleep and cannot take new weights"):
        sampler.sync(model, 1)
    with pytest.raises(ConfigError, match="is asleep, and would never answer"):
        connect(model, server)
    sampler.wake()
    assert len(sample(sampler, ask()).token_ids) == 4


def test_the_key_comes_from_the_environment(
    build: Callable[..., Any],
    serve: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = build()
    server = serve(model, key="secret")
    monkeypatch.delenv("VLLM_API_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"refused the key; .* in the variable VLLM_API_KEY"):
        connect(model, server)
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    assert len(sample(connect(model, server), ask()).token_ids) == 4


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


def test_adapters_are_loaded_again_into_a_server_that_was_started_anew(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler], tmp_path: Path
) -> None:
    build(3).save_pretrained(tmp_path / "under")
    model = with_adapters(load_model(tmp_path / "under"), LoRA(rank=8, alpha=16.0)).eval()
    server = serve(build())
    sampler = connect(model, server)
    before = sample(sampler, ask(tokens=12))
    _start_anew(server, build())
    after = sample(sampler, ask(tokens=12))
    assert (after.version, after.token_ids) == (0, before.token_ids)
    _start_anew(server, build())
    sampler.sync(model, 1)
    again = sample(sampler, ask(tokens=12))
    assert (again.version, again.token_ids) == (1, before.token_ids)
    assert sampler.gap < 1e-4


def test_a_port_where_no_server_is_ready_in_time_is_an_error_that_names_it(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    server = serve(build())
    server.kill()
    with pytest.raises(ConfigError, match=rf"found no server at {server.url} within 1 s"):
        connect(build(), server, start_timeout=1.0)


def test_an_old_server_does_not_tell_versions_and_an_answer_across_a_sync_fails(
    build: Callable[..., Any], serve: Callable[..., Any], connect: Callable[..., VllmServerSampler]
) -> None:
    model = build()
    server = serve(model, generates=False)
    sampler = connect(model, server)
    assert sample(sampler, ask()).version == 0
    server.paused = True  # so that it samples until the new weights are there
    failures: list[Exception] = []

    def long() -> None:
        try:
            sample(sampler, ask(1, tokens=500))
        except SamplerFailure as failure:
            failures.append(failure)

    rollout = threading.Thread(target=long)
    rollout.start()
    while not server.engines["policy"].running:
        time.sleep(0.005)
    sampler.sync(build(1), 1)
    rollout.join()
    (failure,) = failures
    assert "new weights came while this server sampled" in str(failure)
