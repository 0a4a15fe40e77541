"""Jobs on Ray: what the kit asks of every executor, GPUs, actors that die, folders that are not shared, and the end."""

from __future__ import annotations

import json
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest
from pydantic import ValidationError

from rftcore import Experiment, registry
from rftcore.errors import RunError
from rftcore.executor import Job
from rftcore.study import Evaluation
from rftcore.testing import examine
from rftcore_ray.executor import Ray
from rftcore_ray.share import Share, free, share
from rftcore_ray.worker import MARK, Message, check_shared, gathered
from tests.study.conftest import small, small_world, untrained

TESTS = Path(__file__).parents[3] / "tests"
JOBS = str(TESTS / "executors")
"""The jobs by which the executors of core are tested, too."""


def processes() -> list[str]:
    """The processes of Ray below this one."""
    names = []
    for process in psutil.Process().children(recursive=True):
        try:
            names.append(process.name())
        except psutil.NoSuchProcess:
            continue
    return [name for name in names if re.match(r"ray|gcs_server", name)]


@pytest.fixture(scope="module")
def ray() -> Iterator[Ray]:
    """One Ray for this file, with two GPUs that are not there."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(prefix="ray", dir="/tmp") as logs:
        patch.setenv("RAY_TMPDIR", logs)
        patch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
        patch.syspath_prepend(JOBS)
        executor = Ray(workers=3)
        yield executor
        executor.close()
        assert processes() == []


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(120)
        yield server


def job(function: str, folder: str | None = None, **payload: Any) -> Job:
    return Job(function, f"executor_jobs:{function}", payload, f"the job {function}", folder=folder)


def value(executor: Ray, wanted: Job) -> Any:
    executor.submit(wanted)
    outcome = executor.wait(lambda progress: None)
    assert outcome.error is None, outcome.error
    return outcome.value


def test_a_job_has_the_drivers_place_path_and_plugins_one_thread_and_a_deaf_ear_for_ctrl_c(
    ray: Ray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RFTCORE_PLUGIN_FILES", "")
    monkeypatch.setenv("RFTCORE_BLOCK", "nothing")
    facts = value(ray, job("facts", names=["OMP_NUM_THREADS", "RFTCORE_BLOCK"]))
    assert facts["environment"] == {"OMP_NUM_THREADS": "1", "RFTCORE_BLOCK": "nothing"}
    assert facts["path"] == sys.path
    assert facts["ignores_sigint"]
    assert facts["place"] == str(Path.cwd())
    assert facts["pid"] not in (os.getpid(), os.getppid())


def test_it_keeps_what_every_executor_promises(ray: Ray, capfd: pytest.CaptureFixture[str]) -> None:
    value(ray, job("chatter"))
    examine("ray", kind="executor", options={"workers": 2}).require()
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")  # not even of the worker that was killed


def test_each_job_with_a_model_has_a_gpu_of_its_own_and_others_do_not_wait_for_one(
    ray: Ray, listener: socket.socket
) -> None:
    for name, gpus in (("a", 1), ("b", 1), ("c", 1), ("policy", 0)):
        payload = {"port": listener.getsockname()[1], "name": name}
        ray.submit(Job(name, "executor_jobs:sees", payload, name, gpus=gpus))
    seen: dict[str, str] = {}

    def serve(count: int) -> list[socket.socket]:
        peers = []
        for _ in range(count):
            peer, _ = listener.accept()
            name, _, gpu = peer.makefile("r").readline().strip().partition(" ")
            seen[name] = gpu
            peers.append(peer)
        return peers

    ended: list[str] = []
    waiter = threading.Thread(target=lambda: ended.extend(ray.wait(lambda progress: None).job for _ in range(4)))
    waiter.start()
    peers = serve(3)
    assert (set(seen), {seen["a"], seen["b"]}) == ({"a", "b", "policy"}, {"4", "7"})
    for peer in peers:
        peer.sendall(b"x")
    serve(1)[0].sendall(b"x")
    waiter.join()
    assert seen["c"] in ("4", "7")
    assert ended.index("c") > min(ended.index("a"), ended.index("b"))


def test_an_actor_that_dies_between_two_jobs_costs_no_job(ray: Ray) -> None:
    first = value(ray, job("facts", names=[]))["pid"]
    os.kill(first, signal.SIGKILL)
    with suppress(psutil.NoSuchProcess):  # it may be gone at any moment
        while psutil.Process(first).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
    assert value(ray, job("facts", names=[]))["pid"] != first


def test_a_job_whose_actor_dies_is_named_with_what_ray_says_of_it(ray: Ray) -> None:
    ray.submit(job("die", how="exit"))
    error = ray.wait(lambda progress: None).error
    assert isinstance(error, RunError)
    text = str(error)
    assert text.startswith("the job die: its Ray worker died (ActorDiedError). Other jobs go on; resume the run")
    assert "  | The actor died unexpectedly before finishing this task." in text


def test_progress_of_a_moment_goes_as_one_and_the_end_is_not_waited_for() -> None:
    messages: SimpleQueue[Message] = SimpleQueue()
    for message in ({"progress": [1.0, 2.0, ""]}, {"progress": [2.0, 2.0, ""]}, {"value": 7}, {"progress": []}):
        messages.put(message)
    assert gathered(messages, seconds=60) == [{"progress": [1.0, 2.0, ""]}, {"progress": [2.0, 2.0, ""]}, {"value": 7}]
    assert gathered(messages, seconds=0.05) == [{"progress": []}]  # nothing else comes


def test_a_folder_that_the_worker_sees_is_used_and_the_mark_in_it_removed(ray: Ray, tmp_path: Path) -> None:
    executor = Ray(workers=1)  # on the same Ray
    assert value(executor, job("chatter", folder=str(tmp_path))) == "fine"
    assert (tmp_path / MARK).is_file()
    executor.close()
    assert list(tmp_path.iterdir()) == []
    assert processes(), "closing it ended a Ray that it had not started"


def test_a_folder_that_is_missing_or_another_one_where_a_worker_runs_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no such folder; expected every machine of the cluster to .*\(--runs\)"):
        check_shared(tmp_path / "missing", "mine", patience=0.0)
    (tmp_path / MARK).write_text("another run's", encoding="ascii")
    began = time.monotonic()
    with pytest.raises(RunError, match="a folder of this name that is another one"):
        check_shared(tmp_path, "mine", patience=0.3)
    assert time.monotonic() - began >= 0.3
    (tmp_path / MARK).write_text("mine", encoding="ascii")
    check_shared(tmp_path, "mine")


TWO = [Share(8, 0.0), Share(4, 2.0)]
"""A machine with 8 cores and one with 4 and two GPUs."""


@pytest.mark.parametrize(
    ("cpus", "gpus", "per_gpu", "machines", "expected"),
    [
        (2, 0, 1, TWO, Share(2, 0.0)),
        (16, 0, 1, TWO, Share(8, 0.0)),  # as far as one machine has it
        (6, 1, 1, TWO, Share(4, 1.0)),  # the one with GPUs
        (1, 1, 4, TWO, Share(1, 0.25)),
        (1, 1, 1, [Share(8, 0.0)], Share(1, 0.0)),  # no GPU at all: it runs without
    ],
)
def test_a_job_asks_for_what_one_machine_has(
    cpus: int, gpus: int, per_gpu: int, machines: list[Share], expected: Share
) -> None:
    assert share(Job("j", "m:f", {}, "j", cpus=cpus, gpus=gpus), 100, per_gpu, machines) == expected


def test_no_job_asks_for_more_than_the_cores_that_its_executor_has() -> None:
    assert share(Job("j", "m:f", {}, "j", cpus=6), 2, 1, TWO) == Share(2, 0.0)


def test_three_thirds_of_a_gpu_leave_none_and_no_rounding_error() -> None:
    assert free(Share(4, 1.0), [Share(1, 1 / 3)] * 3) == Share(1, 0.0)


def test_a_cluster_that_is_not_there_is_an_error_that_names_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)  # there is one, of other tests
    executor = Ray(address="127.0.0.1:1", workers=1)
    executor.submit(job("chatter"))
    with pytest.raises(RunError, match=r"address: '127.0.0.1:1' cannot be joined: .*`ray status` says what there is"):
        executor.wait(lambda progress: None)
    executor.close()


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "http://head:80", ""])
def test_an_address_is_auto_or_a_host_with_a_port(address: str) -> None:
    with pytest.raises(ValidationError, match="address"):
        Ray(address=address)
    assert Ray(address="auto").config.address == "auto"
    assert Ray(address="10.0.0.7:6379").config.address == "10.0.0.7:6379"


def test_nothing_starts_before_the_first_wait() -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}  # some may just be ending
    executor = registry.create("executor", "ray", {"workers": 2})
    assert executor.slots == 2
    executor.submit(job("chatter"))
    executor.close()
    with pytest.raises(RuntimeError, match="submit one first"):
        executor.wait(lambda progress: None)
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before


PLAYED = {
    "name": "small",
    "policy": "random",
    "references": ["oracle"],
    "environments": {"even": {}, "third": {}},
    "evaluation": {"tasks": 4, "samples": 8},
}
TRAINED = {
    "train": "even",
    "device": "cpu",
    "training": {"updates": 2, "groups": 2, "samples": 2},
    "evaluation": {"tasks": 2, "samples": 2},
    "references": ["oracle"],
}


@pytest.mark.parametrize("trained", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_study_on_two_workers_of_ray_gives_the_report_of_one_in_this_process(
    ray: Ray, tmp_path: Path, trained: bool
) -> None:
    reports = []
    with small_world():
        config = small(untrained(tmp_path), **TRAINED) if trained else PLAYED
        for executor in ("inline", {"name": "ray", "workers": 2}):
            root = tmp_path / f"runs{len(reports)}"
            (Experiment if trained else Evaluation)({**config, "executor": executor}).run(root)
            assert not list(root.rglob(MARK))
            reports.append(json.loads((root / "small" / "report.json").read_text(encoding="utf-8")))
    assert [report["provenance"]["hardware"]["executor"] for report in reports] == ["inline", "ray"]
    assert list(runpy.run_path(str(TESTS / "compare_reports.py"))["differences"](*reports)) == []


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_of_ray_outlives_its_driver_however_it_ends(listener: socket.socket, end: signal.Signals) -> None:
    code = (
        "import sys\n"
        f"sys.path.insert(0, {JOBS!r})\n"
        "from rftcore.executor import Job\n"
        "from rftcore_ray.executor import Ray\n"
        "executor = Ray(workers=1)\n"
        f"executor.submit(Job('h', 'executor_jobs:hold', {{'port': {listener.getsockname()[1]}}}, 'h'))\n"
        "executor.wait(print)\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", code])
    peer, _ = listener.accept()
    with peer:
        peer.settimeout(60)
        assert peer.recv(100).endswith(b"\n")
        below = psutil.Process(driver.pid).children(recursive=True)
        assert len(below) > 3
        driver.send_signal(end)
        assert peer.recv(100) == b""
    assert driver.wait(timeout=60) in (-end, 1)
    _, alive = psutil.wait_procs(below, timeout=120)  # Ray's agents notice a driver that was killed after a minute
    assert alive == []
