"""Two thousand episodes at once take no thread and no file each: a short form of `make soak`."""

from __future__ import annotations

import threading
from dataclasses import replace

import psutil
import soak

from rftcore import registry


def test_two_thousand_episodes_run_at_once_and_take_no_thread_and_no_file() -> None:
    environment = registry.create("environment", "textcraft")
    threads, files = threading.active_count(), psutil.Process().num_fds()
    played = soak.play(environment, 2000, 0.02, seed=0)
    assert played.at_once == 2000
    assert played.episodes == 4000
    assert soak.judged([played], 2000, threads, files) == []


def test_what_a_soak_must_not_show_is_said() -> None:
    sound = soak.Round(episodes=20, at_once=10, threads=1, files=9, memory=100 * 2**20, problems=())
    grown = replace(sound, memory=104 * 2**20)  # a leak of 3 % in four rounds is 103
    assert soak.judged([sound, sound, sound, grown], 10, 1, 8) == ["memory grew from 100 to 104 MiB"]
    assert soak.judged([grown, sound, sound, sound], 10, 1, 8) == []
    assert soak.judged([replace(sound, at_once=9)], 10, 1, 8) == ["only 9 episodes ran at once, expected 10"]
    assert "11 threads, expected the 1" in soak.judged([replace(sound, threads=11)], 10, 1, 8)[0]
    assert "19 open files, expected about the 8" in soak.judged([replace(sound, files=19)], 10, 1, 8)[0]


def test_samples_that_are_lost_are_found() -> None:
    environment = registry.create("environment", "textcraft")
    tasks = environment.tasks("train", "easy")[:2]
    assert soak.wrong(tasks, 1, []) == ["a sample is lost, doubled or in another's place"]
