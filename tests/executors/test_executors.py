"""Inline and processes give the same outcomes; processes survive the death of whoever dies."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rftcore.errors import ConfigError, RunError
from rftcore.executor import Executor, Job, Outcome, Progress
from rftcore.executors.child import ONE_THREAD, RemoteError
from rftcore.executors.inline import Inline
from rftcore.executors.machine import cores
from rftcore.executors.processes import Processes

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _jobs_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    executor = Processes(workers=1)
    sys.path.insert(0, str(HERE))
    yield executor
    executor.close()
    sys.path.remove(str(HERE))


@pytest.fixture(params=["inline", "processes"])
def executor(request: pytest.FixtureRequest, processes: Processes) -> Executor:
    return Inline() if request.param == "inline" else processes


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def job(function: str, **payload: Any) -> Job:
    return Job(id=f"id-{function}", target=f"executor_jobs:{function}", payload=payload, label=f"the job {function}")


def run(executor: Executor, *jobs: Job) -> tuple[list[Outcome], list[Progress]]:
    seen: list[Progress] = []
    for each in jobs:
        executor.submit(each)
    return [executor.wait(seen.append) for _ in jobs], seen


def test_a_value_comes_back_as_plain_json_from_every_executor(executor: Executor) -> None:
    ((outcome,), _) = run(executor, job("square", number=12, steps=0, key="k"))
    assert outcome == Outcome("id-square", value={"square": 144, "pair": [1, 2.5], "text": "ü\u2028\n", "k": None})


def test_progress_arrives_in_order_and_before_the_outcome(executor: Executor) -> None:
    (_, seen) = run(executor, job("square", number=1, steps=3, key="k"))
    assert seen == [Progress("id-square", float(step), 3.0, f"step {step}") for step in (1, 2, 3)]


def test_jobs_of_one_slot_run_in_the_order_of_submission(executor: Executor) -> None:
    jobs = [Job(f"{n}", "executor_jobs:square", {"number": n, "steps": 1, "key": "k"}, f"{n}") for n in range(4)]
    outcomes, seen = run(executor, *jobs)
    assert [outcome.job for outcome in outcomes] == ["0", "1", "2", "3"]
    assert [progress.job for progress in seen] == ["0", "1", "2", "3"]


def test_a_job_cannot_change_the_payload_of_its_caller(executor: Executor) -> None:
    payload: dict[str, Any] = {"list": []}
    executor.submit(Job("c", "executor_jobs:change", payload, "c"))
    assert executor.wait(lambda progress: None).value == {"list": [1]}
    assert payload == {"list": []}


def test_an_error_of_rftcore_keeps_its_type_and_message(executor: Executor) -> None:
    ((outcome,), seen) = run(executor, job("fail", kind="config", message="lr: found 'x'\nexpected a number"))
    assert isinstance(outcome.error, ConfigError)
    assert str(outcome.error) == "lr: found 'x'\nexpected a number"
    assert "in fail" in "".join(traceback.format_exception(outcome.error))
    assert [progress.remark for progress in seen] == ["before"]


def test_a_plugins_own_error_stays_the_error_of_rftcore_that_it_is(executor: Executor) -> None:
    ((outcome,), _) = run(executor, job("fail", kind="own", message="no"))
    assert isinstance(outcome.error, ConfigError)
    assert str(outcome.error) == "no"


def test_any_other_exception_comes_back_with_its_message_and_its_traceback(processes: Processes) -> None:
    ((outcome,), _) = run(processes, job("fail", kind="value", message="odd"))
    assert isinstance(outcome.error, RemoteError)
    assert str(outcome.error) == "ValueError: odd"
    printed = "".join(traceback.format_exception(outcome.error))
    assert "In the worker process" in printed
    assert "executor_jobs.py" in printed
    ((outcome,), _) = run(Inline(), job("fail", kind="value", message="odd"))
    assert isinstance(outcome.error, ValueError)


def test_a_value_or_payload_that_is_not_json_is_an_error_that_names_the_function(executor: Executor) -> None:
    ((outcome,), _) = run(executor, job("not_json"))
    assert "value of executor_jobs:not_json is not JSON" in str(outcome.error)
    ((outcome,), _) = run(executor, job("change", list={1}))
    assert "payload of executor_jobs:change is not JSON" in str(outcome.error)


@pytest.mark.parametrize("target", ["executor_jobs:nothing_here", "no_such_module_at_all:run"])
def test_a_target_that_does_not_exist_is_the_jobs_error(executor: Executor, target: str) -> None:
    executor.submit(Job("t", target, {}, "t"))
    assert target.partition(":")[2 if "jobs" in target else 0] in str(executor.wait(lambda progress: None).error)


def test_what_a_job_prints_does_not_disturb_its_answers(executor: Executor) -> None:
    ((outcome,), _) = run(executor, job("chatter"))
    assert outcome.value == "fine"


def test_waiting_for_nothing_is_an_error_and_not_a_hang(executor: Executor) -> None:
    with pytest.raises(RuntimeError, match="submit one first"):
        executor.wait(lambda progress: None)


def test_inline_has_one_slot_and_forgets_its_queue_when_closed() -> None:
    executor = Inline()
    executor.submit(job("chatter"))
    executor.close()
    executor.close()
    assert executor.slots == 1
    with pytest.raises(RuntimeError):
        executor.wait(lambda progress: None)
    with pytest.raises(RuntimeError, match="after close"):
        executor.submit(job("chatter"))


def test_a_worker_lives_on_from_job_to_job(processes: Processes) -> None:
    outcomes, _ = run(processes, job("facts", names=[]), job("facts", names=[]))
    assert outcomes[0].value == outcomes[1].value
    assert outcomes[0].value["pid"] != os.getpid()  # type: ignore[call-overload, index]


def test_a_worker_has_one_thread_the_drivers_path_and_a_deaf_ear_for_ctrl_c(processes: Processes) -> None:
    ((outcome,), _) = run(processes, job("facts", names=list(ONE_THREAD)))
    value: Any = outcome.value
    assert value["environment"] == ONE_THREAD
    assert value["environment"]["OMP_NUM_THREADS"] == "1"
    assert value["path"] == sys.path
    assert value["pythonpath"] == os.environ.get("PYTHONPATH")
    assert value["ignores_sigint"]


def test_a_worker_imports_nothing_heavy_before_its_first_job(processes: Processes) -> None:
    code = "import sys, rftcore.executors.worker; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pydantic", "numpy", "torch", "multiprocessing", "pickle"} & set(modules)


@pytest.mark.parametrize(("how", "code"), [("kill", "exit code -9, signal SIGKILL"), ("exit", "exit code 7")])
def test_a_dead_worker_costs_its_own_job_and_is_replaced(processes: Processes, how: str, code: str) -> None:
    began = time.monotonic()
    outcomes, _ = run(processes, job("die", how=how), job("square", number=3, steps=0, key="k"))
    assert time.monotonic() - began < 30
    error = outcomes[0].error
    assert isinstance(error, RunError)
    assert "the job die" in str(error)
    assert code in str(error)
    assert "| last words" in str(error)
    assert outcomes[1].value is not None


def test_a_worker_that_dies_between_two_jobs_costs_no_job(processes: Processes) -> None:
    ((first,), _) = run(processes, job("facts", names=[]))
    pid = first.value["pid"]  # type: ignore[call-overload, index]
    os.kill(pid, signal.SIGKILL)
    while processes._workers[0].alive:
        time.sleep(0.01)
    ((second,), _) = run(processes, job("facts", names=[]))
    assert second.error is None
    assert second.value["pid"] != pid  # type: ignore[call-overload, index]


def test_a_forked_child_that_survives_its_worker_does_not_hide_the_death(processes: Processes) -> None:
    began = time.monotonic()
    ((outcome,), _) = run(processes, job("fork_and_die"))
    assert time.monotonic() - began < 30
    assert "exit code 9" in str(outcome.error)
    (child,) = re.findall(r"child (\d+)", str(outcome.error))
    os.kill(int(child), signal.SIGKILL)


def test_two_slots_run_two_jobs_at_once(listener: socket.socket) -> None:
    executor = Processes(workers=2)
    assert executor.slots == 2
    port = listener.getsockname()[1]
    for number in range(2):
        executor.submit(Job(f"{number}", "executor_jobs:meet", {"port": port}, f"{number}"))
    first, second = listener.accept()[0], listener.accept()[0]
    with first, second:
        first.sendall(b"x")
        second.sendall(b"x")
    assert {executor.wait(lambda progress: None).value for _ in range(2)} == {"x"}
    executor.close()


def sees(name: str, listener: socket.socket, **needs: int) -> Job:
    return Job(name, "executor_jobs:sees", {"port": listener.getsockname()[1], "name": name}, name, **needs)


def arrived(listener: socket.socket) -> tuple[socket.socket, str]:
    peer, _ = listener.accept()
    peer.settimeout(60)
    return peer, peer.makefile("r").readline().strip()


def released(peer: socket.socket) -> None:
    with peer:
        peer.sendall(b"x")


def test_each_job_with_a_model_has_a_gpu_of_its_own_and_others_do_not_wait_for_one(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    executor = Processes(workers=3)
    for name in ("a", "b", "c"):
        executor.submit(sees(name, listener, gpus=1))
    executor.submit(sees("policy", listener))
    peers = {line: peer for peer, line in (arrived(listener) for _ in range(3))}
    assert sorted(peers) in (["a 4", "b 7", "policy"], ["a 7", "b 4", "policy"])
    freed = next(line for line in peers if line.startswith("b"))
    released(peers.pop(freed))
    assert executor.wait(lambda progress: None).job == "b"
    last, line = arrived(listener)
    assert line == f"c {freed.split()[1]}"
    for peer in (*peers.values(), last):
        released(peer)
    assert {executor.wait(lambda progress: None).job for _ in range(3)} == {"a", "c", "policy"}
    executor.close()


def test_jobs_share_a_gpu_where_they_are_told_to(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-5ebe9f43")
    executor = Processes(workers=3, per_gpu=2)
    for name in ("a", "b"):
        executor.submit(sees(name, listener, gpus=1))
    assert sorted(arrived(listener)[1] for _ in range(2)) == ["a GPU-5ebe9f43", "b GPU-5ebe9f43"]
    executor.close()


def test_a_job_of_several_threads_has_as_many_cores_and_nobody_overtakes_it(listener: socket.socket) -> None:
    executor = Processes(workers=2)
    for name, cpus in (("small", 1), ("large", 5), ("later", 1)):
        executor.submit(sees(name, listener, cpus=cpus))
    for name in ("small", "large", "later"):
        peer, line = arrived(listener)
        assert line.split()[0] == name
        listener.settimeout(0.3)
        with pytest.raises(TimeoutError):
            listener.accept()
        listener.settimeout(60)
        released(peer)
        assert executor.wait(lambda progress: None).job == name
    executor.close()


def test_closing_ends_running_jobs_and_refuses_new_ones(listener: socket.socket) -> None:
    executor = Processes(workers=1)
    executor.submit(job("hold", port=listener.getsockname()[1]))
    executor.submit(job("hold", port=listener.getsockname()[1]))
    peer, _ = listener.accept()
    with peer:
        peer.settimeout(30)
        assert peer.recv(100).endswith(b"\n")
        executor.close()
        executor.close()
        assert peer.recv(100) == b""
    with pytest.raises(RuntimeError, match="after close"):
        executor.submit(job("chatter"))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_its_driver_and_an_unguarded_script_runs_once(
    tmp_path: Path, listener: socket.socket, end: signal.Signals
) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(HERE)!r})\n"
        "from rftcore.executor import Job\n"
        "from rftcore.executors.processes import Processes\n"
        "print('the script runs', flush=True)\n"
        "executor = Processes(workers=1)\n"
        f"executor.submit(Job('h', 'executor_jobs:hold', {{'port': {listener.getsockname()[1]}}}, 'h'))\n"
        "executor.wait(print)\n",
        encoding="utf-8",
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    driver = subprocess.Popen(
        [sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    peer, _ = listener.accept()
    with peer:
        peer.settimeout(30)
        worker = int(peer.recv(100))
        assert worker != driver.pid
        driver.send_signal(end)
        assert peer.recv(100) == b""
    out, err = driver.communicate(timeout=30)
    assert driver.returncode == -end
    assert out == "the script runs\n"
    assert ("KeyboardInterrupt" in err) == (end == signal.SIGINT)


def test_the_number_of_workers_is_at_least_one() -> None:
    with pytest.raises(ValidationError, match="workers"):
        Processes(workers=0)
    assert Processes().slots == cores() >= 1
