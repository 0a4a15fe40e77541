"""Weights by NCCL, as far as it is ours: what a replica is asked, in which order, and what becomes of a refusal.

The broadcast itself needs GPUs. Its place takes a `sender` that asks what vLLM's `NCCLTrainerWeightTransferEngine`
asks, in its order and from its threads, and puts the weights into the contract server.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rftcore.errors import ConfigError, RunError
from rftcore.eventloop import LoopThread
from rftcore.options import validate
from rftcore_vllm.config import ServerConfig
from rftcore_vllm.probe import Probe
from rftcore_vllm.replicas import Replicas
from rftcore_vllm.sampler import VllmServerSampler
from rftcore_vllm.shelf import Shelf
from rftcore_vllm.transfer import Control, NcclSender, Transfer

ROUND = ["/start_weight_update", "/update_weights", "/finish_weight_update"]


class Broadcast:
    """Asks as vLLM's trainer side does; `server` gets the weights as NCCL would bring them."""

    def __init__(self, server: Any, control: Control, told: dict[str, Any], made: list[Broadcast]) -> None:
        self.server, self.control, self.told = server, control, told
        self.threads: list[str] = []
        self.released = threading.Event()
        made.append(self)
        self._beside(control.init_weight_transfer_engine, {**told, "rank_offset": 1})

    def send(self, model: Any) -> None:
        self.threads.append(threading.current_thread().name)
        names = [name for name, _ in model.named_parameters()]
        self.control.start_weight_update()
        self._beside(self.control.update_weights, {"names": names})
        self.server.engines["policy"].decoder.load(model)
        self.control.finish_weight_update()

    def _beside(self, ask: Callable[[dict[str, Any]], None], info: dict[str, Any]) -> None:
        with ThreadPoolExecutor(max_workers=1) as executor:
            asked = executor.submit(ask, info)
            wait([asked])
            if asked.exception():
                self.released.wait(60)  # a broadcast goes on waiting for the replica that refused
            asked.result()


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    thread = LoopThread("transfer-test")
    yield thread
    thread.close()


@pytest.fixture
def link(build: Callable[..., Any], serve: Callable[..., Any], loop: LoopThread) -> Iterator[Callable[..., Any]]:
    """`link(timeout=60.0)` returns a server, replicas that get weights from `Broadcast`, and a list of those made."""
    made: list[Broadcast] = []
    opened: list[Replicas] = []

    def start(timeout: float = 60.0) -> tuple[Any, Replicas, list[Broadcast]]:
        server = serve(build(9))
        server.transfers = {"backend": "nccl"}

        def sender(control: Control, model: Any, **told: Any) -> Broadcast:
            return Broadcast(server, control, told, made)

        config = ServerConfig(urls=(server.url,), timeout=60.0, start_timeout=timeout, transfer="nccl")
        replicas = Replicas((server.url,), (), Probe(build()), config, Path(), Transfer(sender))
        loop.wait(replicas.connect())
        opened.append(replicas)
        return server, replicas, made

    yield start
    for broadcast in made:
        broadcast.released.set()
    for replicas in opened:
        loop.wait(replicas.close())


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(str(tmp_path))
    yield made
    made.close()


def test_a_replica_is_met_once_and_asked_to_receive_at_every_sync(
    link: Callable[..., Any], build: Callable[..., Any], loop: LoopThread, shelf: Shelf
) -> None:
    server, replicas, made = link()
    for number in (0, 1):
        model = build(number)
        loop.wait(replicas.bring(shelf.write(model, f"tag-{number}"), model))
        assert replicas.gap < 1e-4
    paths = [path for path, _ in server.calls]
    asked = [path for path in paths if path in (*ROUND, "/init_weight_transfer_engine", "/pause", "/resume")]
    assert asked == ["/pause", "/init_weight_transfer_engine", *ROUND, "/resume", "/pause", *ROUND, "/resume"]
    assert "/collective_rpc" not in paths
    bodies = dict(server.calls)
    info = bodies["/init_weight_transfer_engine"]["init_info"]
    assert (info["address"], info["world_size"], info["rank_offset"]) == ("127.0.0.1", 3, 1)
    assert "model.embed_tokens.weight" in bodies["/update_weights"]["update_info"]["names"]
    assert bodies["/finish_weight_update"] is None
    assert made[0].threads == ["rftcore-nccl"] * 2
    assert server.tag == "tag-1"


def test_a_refusal_ends_the_wait_for_the_broadcast_and_the_replica_goes_on(
    link: Callable[..., Any], build: Callable[..., Any], loop: LoopThread, shelf: Shelf, monkeypatch: Any
) -> None:
    server, replicas, made = link()
    model = build()
    loop.wait(replicas.bring(shelf.write(model, "first"), model))

    def refused(self: Control, info: dict[str, Any]) -> None:
        self._post("/no_such_route", info)

    monkeypatch.setattr(Control, "update_weights", refused)
    with pytest.raises(RunError, match=r"/no_such_route refused what was asked \(status 404\)"):
        loop.wait(replicas.bring(shelf.write(model, "second"), model))
    assert not made[0].released.is_set()  # nobody waited for it
    assert not server.paused


def test_a_server_that_takes_no_weights_by_nccl_stops_the_run_with_what_to_start_it_with(
    link: Callable[..., Any], build: Callable[..., Any], loop: LoopThread, shelf: Shelf
) -> None:
    server, replicas, _ = link()
    server.transfers = None
    with pytest.raises(ConfigError, match=r"""--weight-transfer-config '\{"backend": "nccl"\}'"""):
        loop.wait(replicas.bring(shelf.write(build(), "tag"), build()))
    assert not server.paused


def test_without_a_gpu_and_without_urls_it_is_refused(build: Callable[..., Any], serve: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match=r"moves weights between GPUs, and found the learner's on 'cpu'"):
        VllmServerSampler(urls=(serve(build()).url,), transfer="nccl", model=build())
    with pytest.raises(ConfigError, match=r"transfer nccl needs urls of replicas on GPUs of their own"):
        validate(ServerConfig, {"transfer": "nccl"}, "sampler")


def test_vllm_s_own_sender_is_made_with_its_arguments_and_sends_the_model_of_the_day(
    build: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Any] = []
    package, module = ModuleType("weight_transfer"), ModuleType("nccl_engine")

    class Engine:
        source: Any = None

        @classmethod
        def trainer_init(cls, info: Any, *, client: Any, source: Any) -> Engine:
            said.append((info, client, source))
            return cls()

        def send_weights(self) -> None:
            said.append(self.source)

    vars(package).update(ModuleSource=lambda model: ("source", model))
    vars(module).update(NCCLTrainerInitInfo=lambda *told, rank: (*told, rank), NCCLTrainerWeightTransferEngine=Engine)
    for name in ("vllm", "vllm.distributed"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "vllm.distributed.weight_transfer", package)
    monkeypatch.setitem(sys.modules, "vllm.distributed.weight_transfer.nccl_engine", module)
    monkeypatch.setattr("torch.cuda.set_device", lambda device: said.append(str(device)))
    first, second, control = build(), build(1), object()
    NcclSender(control, first, address="10.0.0.1", port=29500, world_size=3).send(second)
    assert said == ["cpu", (("10.0.0.1", 29500, 3, 0), control, ("source", first)), "cpu", ("source", second)]
