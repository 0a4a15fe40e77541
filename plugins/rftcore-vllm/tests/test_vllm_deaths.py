"""Servers that a run starts: one that dies is started again, one that only ever dies stops the run with its last words.

The processes are real; behind each stands a contract server of its own in this process.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soak

from rftcore.errors import RunError
from rftcore.sampler import Request
from rftcore_vllm import fleet
from rftcore_vllm.sampler import VllmServerSampler
from rftcore_vllm.servers import stop_all

LAST_WORDS = (
    r"(?s)died 3 times, and answered no episode in between; .*ended with code 1\. "
    r".*OutOfMemoryError: CUDA out of memory.*fewer sampler\.lanes.*then resume the run"
)


def program(path: Path, *command: str) -> None:
    path.write_text(f'#!/bin/sh\nexec {" ".join(command)} "$@"\n')
    path.chmod(0o700)


@pytest.fixture
def connect(
    serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., VllmServerSampler]]:
    """`connect(model, **options)` returns a sampler on servers that it started; what they do `tmp_path` says."""
    made: list[VllmServerSampler] = []

    def make(model: Any, **options: Any) -> VllmServerSampler:
        program(tmp_path / "python", sys.executable)
        relay = Path(__file__).with_name("relay.py")
        targets = ",".join(str(serve(model).port) for _ in range(options.get("replicas", 1)))
        program(tmp_path / "vllm", sys.executable, "-S", str(relay), str(tmp_path), targets)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        monkeypatch.setenv("VLLM_API_KEY", "secret")
        made.append(VllmServerSampler(model=model, **{"timeout": 60.0, "start_timeout": 60.0, **options}))
        return made[-1]

    yield make
    for sampler in made:
        asyncio.run(sampler.close())
    stop_all()


def starts(folder: Path) -> list[int]:
    """Return the process of each start so far."""
    return [int(line) for line in (folder / "starts").read_text().split()]


def sample(sampler: VllmServerSampler, number: int) -> Any:
    return asyncio.run(sampler.sample(Request(number, 0, (5, 6, 7), random.Random(number), 1.0, 4, frozenset())))


def test_a_server_that_dies_of_every_episode_stops_the_run_with_its_last_words(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler], tmp_path: Path
) -> None:
    sampler = connect(build())
    assert len(sample(sampler, 0).token_ids) == 4
    (tmp_path / "fatal").write_text("")
    with pytest.raises(RunError, match=LAST_WORDS):
        soak.play(sampler, soak.Counting(6), lanes=2, tokens=2)
    assert len(starts(tmp_path)) == 3
    with pytest.raises(RunError, match=LAST_WORDS):
        sample(sampler, 1)


def test_a_server_that_answers_between_its_deaths_is_started_again_each_time(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler], tmp_path: Path
) -> None:
    sampler = connect(build())
    for number in range(4):
        assert len(sample(sampler, number).token_ids) == 4
        os.kill(starts(tmp_path)[-1], signal.SIGKILL)
    assert sample(sampler, 4).version == 0
    assert len(starts(tmp_path)) == 5


def test_a_server_that_does_not_start_any_more_stops_the_run_while_it_waits_to_give_it_weights(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler], tmp_path: Path
) -> None:
    model = build()
    sampler = connect(model)
    (tmp_path / "broken").write_text("")
    os.kill(starts(tmp_path)[-1], signal.SIGKILL)
    with pytest.raises(RunError, match=LAST_WORDS):
        sampler.sync(model, 1)
    assert len(starts(tmp_path)) == 3


@pytest.mark.parametrize(("deaths", "ends"), [(2, True), (3, False)])
def test_a_server_that_is_killed_as_it_starts_is_started_again_twice(
    deaths: int, ends: bool, build: Callable[..., Any], connect: Callable[..., VllmServerSampler], tmp_path: Path
) -> None:
    (tmp_path / "killed").write_text(str(deaths))
    if ends:
        assert len(sample(connect(build()), 0).token_ids) == 4
    else:
        with pytest.raises(RunError, match="ended with code 137"):
            connect(build())
    assert len(starts(tmp_path)) == 3


def test_a_server_that_starts_again_reads_its_weights_though_newer_ones_have_come(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler], tmp_path: Path
) -> None:
    model = build()
    sampler = connect(model, replicas=2, folder=str(tmp_path / "weights"))
    (tmp_path / "slow").touch()
    os.kill(starts(tmp_path)[0], signal.SIGKILL)
    sampler.sync(model, 1)  # finds that one is gone
    while len(starts(tmp_path)) < 3:
        time.sleep(0.01)
    sampler.sync(model, 2)
    (tmp_path / "slow").unlink()
    while len(sampler._answering._fleet.up) < 2:
        time.sleep(0.01)
    assert len(starts(tmp_path)) == 3
    assert len(list((tmp_path / "weights").iterdir())) == 1  # what it was started with is gone once it is read


def lose_one(sampler: VllmServerSampler, model: Any, folder: Path) -> None:
    """Kill the first of two servers, and let the sampler find that it is gone."""
    os.kill(starts(folder)[0], signal.SIGKILL)
    sampler.sync(model, 1)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_server_that_was_given_back_as_it_started_again_leaves_no_files_to_the_next_job(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler], tmp_path: Path
) -> None:
    model, weights = build(), tmp_path / "weights"
    sampler = connect(model, replicas=2, folder=str(weights))
    (tmp_path / "slow").touch()
    lose_one(sampler, model, tmp_path)
    until(lambda: len(starts(tmp_path)) == 3)
    asyncio.run(sampler.close())
    (own,) = weights.iterdir()
    (tmp_path / "slow").unlink()
    assert len(sample(connect(model, replicas=2, folder=str(weights)), 0).token_ids) == 4
    assert len(starts(tmp_path)) == 3  # the same servers
    assert not own.exists()


def test_a_start_that_cannot_be_made_is_no_death_leaves_no_folder_and_is_made_again(
    build: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fleet, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(fleet, "LONGEST_PAUSE", 0.05)
    model, weights = build(), tmp_path / "weights"
    sampler = connect(model, replicas=2, folder=str(weights))
    tries = []
    with monkeypatch.context() as disk:
        disk.setattr(os, "link", full)
        disk.setattr(shutil, "copyfile", lambda *names: tries.append(names) or full())
        lose_one(sampler, model, tmp_path)
        until(lambda: len(tries) > 5)
    assert len(sample(sampler, 0).token_ids) == 4  # of the other one
    (reason,) = sampler._answering._fleet.reasons.values()
    assert "No space left on device; make room, or set sampler.folder" in reason
    until(lambda: len(sampler._answering._fleet.up) == 2)
    assert len(starts(tmp_path)) == 3
    assert len(list(weights.iterdir())) == 1


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_other_replicas_answer_while_a_large_model_is_copied_for_one_that_starts_again(
    build: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, copying, copied, copy = build(), threading.Event(), threading.Event(), shutil.copyfile
    sampler = connect(model, replicas=2)

    def slowly(*names: Any) -> None:
        copying.set()
        copied.wait(20.0)
        copy(*names)

    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr("rftcore_vllm.server.shutil.copyfile", slowly)
    lose_one(sampler, model, tmp_path)
    assert copying.wait(30.0)
    began = time.monotonic()
    assert len(sample(sampler, 0).token_ids) == 4
    assert time.monotonic() - began < 15.0
    assert len(starts(tmp_path)) == 2
    copied.set()
    until(lambda: len(sampler._answering._fleet.up) == 2)


@pytest.mark.parametrize("given_up", [False, True])
def test_weights_stay_until_replicas_know_the_newer_ones(
    given_up: bool,
    build: Callable[..., Any],
    connect: Callable[..., VllmServerSampler],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sampler = connect(build())
    (first,) = sampler._held.shelf.path.glob("[!.]*")
    bring, found = sampler._answering.bring, []

    async def look(weights: Any, model: Any) -> None:
        found.append(first.is_dir())
        if given_up:
            raise RunError("no replica has taken them")
        await bring(weights, model)

    monkeypatch.setattr(sampler._answering, "bring", look)
    if given_up:
        with pytest.raises(RunError, match="no replica has taken them"):
            sampler.sync(build(1), 1)
    else:
        sampler.sync(build(1), 1)
    assert found == [True]
    assert first.is_dir() == given_up


def test_a_server_that_cannot_start_stops_the_run_at_once(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler], tmp_path: Path
) -> None:
    (tmp_path / "broken").write_text("")
    with pytest.raises(RunError, match=r"ended with code 1\. The last it printed"):
        connect(build())
    assert len(starts(tmp_path)) == 1


def test_one_that_keeps_dying_stops_a_run_that_has_others(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler], tmp_path: Path
) -> None:
    sampler = connect(build(), replicas=2)
    one, _ = sampler._answering._servers.values()
    (tmp_path / "fatal").write_text(str(one.port))
    with pytest.raises(RunError, match=LAST_WORDS):
        play_on(sampler)
    assert len(starts(tmp_path)) == 4


def play_on(sampler: VllmServerSampler) -> None:
    while True:
        soak.play(sampler, soak.Counting(8), lanes=8, tokens=2)


def test_a_signal_is_told_as_a_shell_does(
    build: Callable[..., Any], connect: Callable[..., VllmServerSampler], tmp_path: Path
) -> None:
    sampler = connect(build())
    (server,) = sampler._answering._servers.values()
    os.kill(starts(tmp_path)[-1], signal.SIGKILL)
    while server.alive:
        server._process.wait()
    assert server.killed
    assert "ended with code 137" in server.death()
