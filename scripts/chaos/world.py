"""What chaos is brought to: a study of real processes, with a model of one layer, on environments that take no time.

One environment is played over HTTP from a server, another in the workers; two stages are trained, and every checkpoint
is evaluated. A program `vllm` is the contract server of rftcore-vllm, whose answers depend on nothing but the question.
Each process carries a mark in its environment variables, by which those that are left over are found.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chaos.victims import SAMPLER

ROOT = Path(__file__).resolve().parents[2]
MARK = "RFTCORE_CHAOS_MARK"
NOTICED = 30.0
"""Seconds in which a process has to notice that its driver is gone."""
PLUGINS = (ROOT / "tests/specimens/chance.py", ROOT / "scripts/chaos/trouble.py")


class World:
    """A folder with a model and an environment server."""

    def __init__(self, root: Path, *, updates: int = 8) -> None:
        """Start the environment server; files go to `root`, which has to exist."""
        self.root, self.updates = root, updates
        self.trouble = root / "trouble"
        self.trouble.mkdir()
        self.mark = secrets.token_hex(8)
        real = sorted(
            file.relative_to(ROOT).parts[1] for file in ROOT.glob("plugins/rftcore-*/rftcore_*/**/environment.py")
        )
        self._ray = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # Ray's sockets allow only short names
        self.variables = {
            **os.environ,
            MARK: self.mark,
            "OMP_NUM_THREADS": "1",
            "PATH": os.pathsep.join((str(self._programs()), os.environ["PATH"])),
            "RAY_TMPDIR": str(self._ray),
            "RFTCORE_BLOCK": ",".join(real),
            "RFTCORE_PLUGIN_FILES": os.pathsep.join(map(str, PLUGINS)),
            "RFTCORE_SERVE_TOKEN": secrets.token_urlsafe(16),
            "VLLM_BATCH_INVARIANT": "1",
        }
        self.model = root / "model"
        port = free_port()
        self.server = Service(
            [*CLI, "serve", "even", "--with", f"port={port}"], self.variables, root / "server.log", port
        )
        self.url = f"http://127.0.0.1:{port}"
        try:
            self.server.start()
        except BaseException:
            self.close()
            raise

    def _programs(self) -> Path:
        """Return a folder with a program `vllm`."""
        folder = self.root / "bin"
        folder.mkdir()
        program = folder / "vllm"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT / "plugins/rftcore-vllm/tests" / SAMPLER} "$@"\n')
        program.chmod(0o700)
        return folder

    def _build_model(self) -> None:
        from rftcore.train.tiny import TinyConfig, build_model, build_tokenizer

        tokenizer = build_tokenizer(["even third yes no again ab aba 0 1 2 3 4 5 6"])
        build_model(len(tokenizer), TinyConfig(layers=1, width=32, mlp=32), 0).save_pretrained(self.model)
        tokenizer.save_pretrained(self.model)

    def study(self, **changes: Any) -> Path:
        """Write the configuration of a study, and return its file; with a `policy` no model plays, nor is one built."""
        training = {"updates": self.updates, "groups": 4, "samples": 4, "checkpoint_every": 1}
        config: dict[str, Any] = {
            "axes": {"sequence": ["even:easy>third:easy"], "difficulty": ["even:hard"]},
            "model": str(self.model),
            "environments": {"even": {"name": "remote", "url": self.url, "patience": 120}, "third": {}},
            "sampling": {"max_new_tokens": 3},
            "training": training,
            "learner": {"learning_rate": 0.01},
            "evaluation": {"tasks": 8, "samples": 4},
            "executor": {"name": "processes", "workers": 2},
            **changes,
        }
        if "policy" in changes:
            for key in ("axes", "model", "training", "learner"):
                del config[key]
        elif not self.model.is_dir():
            self._build_model()
        file = self.root / f"study-{len(list(self.root.glob('study-*')))}.yaml"
        file.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        return file

    def driver(self, study: Path, name: str) -> subprocess.Popen[bytes]:
        """Start the command that does what is left of a study; its output goes to `name.log`."""
        config = json.loads(study.read_text(encoding="utf-8"))
        played = [f"{key}={json.dumps(value)}" for key, value in config.items() if key != "policy"]
        what = ["study", str(study)] if "axes" in config else ["evaluate", "--policy", config["policy"], *played]
        command = [*CLI, *what, "--name", name, "--runs", str(self.root / "runs")]
        with (self.root / f"{name}.log").open("ab") as log:
            log.write(b"\n--- driver ---\n")
            log.flush()
            return subprocess.Popen(
                command,
                env={**self.variables, "RFTCORE_TROUBLE": str(self.trouble)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def said(self, name: str) -> str:
        """Return what the last driver of a run printed."""
        return (self.root / f"{name}.log").read_text(encoding="utf-8", errors="replace").rpartition("--- driver ---")[2]

    def report(self, name: str) -> dict[str, Any]:
        """Return the report of a run."""
        found: dict[str, Any] = json.loads((self.root / "runs" / name / "report.json").read_text(encoding="utf-8"))
        return found

    def close(self) -> None:
        """Stop the server, and wait until what drivers that were killed have left behind has noticed it."""
        self.server.kill()
        end = time.monotonic() + NOTICED
        while self.left_over() and time.monotonic() < end:
            time.sleep(0.1)
        shutil.rmtree(self._ray, ignore_errors=True)

    def left_over(self) -> dict[int, str]:
        """Return the processes of this world that still run, by their number, with their commands."""
        found = {}
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if f"{MARK}={self.mark}".encode() in (place / "environ").read_bytes().split(b"\0"):
                    command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if command:  # one that is over and only waits to be asked has none
                        found[int(place.name)] = command[:200]
            except OSError:  # it ended meanwhile, or is somebody else's
                continue
        return found


class Service:
    """A server process that is killed and started again."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str], log: Path, port: int) -> None:
        self._command, self._variables, self._log, self._port = list(command), dict(variables), log, port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, patience: float = 120.0) -> None:
        """Start it, and wait until it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._variables, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        end = time.monotonic() + patience
        while not listens(self._port):
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{' '.join(self._command)} does not listen; see {self._log}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def listens(port: int) -> bool:
    """Whether somebody accepts connections at a port of this machine."""
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


CLI = (sys.executable, "-m", "rftcore.cli")
