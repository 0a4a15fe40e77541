"""The Java process in which the worlds of this Python process live: one, started by the first episode, reused by all.

Java is looked for when the first episode starts, never before. The process ends with this one, however that ends: it
reads a pipe that only this process holds. Its worlds share one Java heap and the warm compiler, so a further world
costs little; what else they share, `World` keeps apart.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from py4j.java_gateway import (  # type: ignore[import-untyped]
    GatewayParameters,
    JavaGateway,
    find_jar_path,
)
from py4j.protocol import Py4JError, Py4JJavaError  # type: ignore[import-untyped]

from rftcore.errors import ConfigError, EpisodeError
from rftcore_sciworld.statics import Statics

HEAP = "2g"
"""The most memory that Java may use for all worlds of this process."""
ORDERLY = ("-XX:+UnlockExperimentalVMOptions", "-XX:hashCode=2")
"""Lets sets of objects keep the order of insertion. Without it what is listed first depends on memory addresses."""
PATIENCE = 120.0
"""Seconds after which an unanswered call counts as a failure of the machine."""


class Simulator:
    """A running Java process with ScienceWorld in it. One call at a time, from any thread.

    Raises ConfigError when there is no Java, or none that can run the simulator.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.active: object = None
        """The world that called last."""
        java, jar = _java(), _jar()
        # The simulator writes a file of its own into the folder that it is started in.
        self._folder = mkdtemp(prefix="rftcore-sciworld-")
        try:
            self._process = _launch(java, jar, self._folder)
            self._gateway = _connect(self._process)
        except ConfigError:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self.java = self._gateway.jvm
        self.statics = Statics(self.java)

    @property
    def pid(self) -> int:
        """The process id of Java."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Hold the process for some calls; a call that fails raises EpisodeError.

        An exception inside the simulator leaves the process running; a broken connection ends it.
        """
        with self.lock:
            try:
                yield
            except Py4JJavaError as error:
                cause = str(error.java_exception.toString()) if self.alive else "the process has ended"
                raise EpisodeError(f"ScienceWorld failed: {cause}") from None
            except (Py4JError, OSError) as error:
                self.close()
                raise EpisodeError(
                    f"the Java process of ScienceWorld is gone ({type(error).__name__}: {error}); "
                    "the next episode starts another one"
                ) from None

    def close(self) -> None:
        """End the process and wait for it. Safe to call twice."""
        self.disown()
        with suppress(Py4JError, OSError):
            self._gateway.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def disown(self) -> None:
        """Say nothing to the process any more, and let go of the pipe: it ends when nobody holds that.

        Python's objects of Java tell the process when they are let go of. In a forked child the process would hear it
        as its parent's, and after its end each would try to connect again.
        """
        self._gateway._gateway_client.is_connected = False
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def simulator() -> Simulator:
    """Return this process's simulator; start one when there is none, or when it has died."""
    global _current
    with _starting:
        if _current is None or not _current.alive:
            if _current is not None:
                _current.close()
            _current = Simulator()
        return _current


def close() -> None:
    """End this process's simulator, if there is one. Called at exit."""
    global _current
    with _starting:
        if _current is not None:
            _current.close()
        _current = None


def _forget_after_fork() -> None:
    """A forked child must neither use its parent's Java nor keep it alive."""
    global _current, _starting
    _starting = threading.RLock()
    if _current is not None:
        _current.disown()
    _current = None


_starting = threading.RLock()
_current: Simulator | None = None
atexit.register(close)
os.register_at_fork(after_in_child=_forget_after_fork)


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else None
    found = found or shutil.which("java")
    if found is None:
        raise ConfigError(
            "found no Java, which the environment sciworld runs in; expected `java` on the PATH or under JAVA_HOME. "
            "Install a Java runtime, version 11 or later (Debian and Ubuntu: apt-get install default-jre-headless)"
        )
    return found


def _jar() -> Path:
    """Return the simulator's archive; the package is not imported for it."""
    spec = find_spec("scienceworld")
    folders = spec.submodule_search_locations if spec is not None else None
    for folder in folders or ():
        if (jar := Path(folder) / "scienceworld.jar").is_file():
            return jar
    raise ConfigError("found no scienceworld.jar, expected it in the package scienceworld: pip install scienceworld")


def _launch(java: str, jar: Path, folder: str) -> subprocess.Popen[bytes]:
    """Start Java with py4j's server on a free local port that asks for a token."""
    path = os.pathsep.join([find_jar_path(), str(jar)])
    options = [*ORDERLY, f"-Xmx{HEAP}", "-XX:+UseSerialGC", "-Djava.awt.headless=true"]
    command = [java, *options, "-cp", path, "py4j.GatewayServer", "--enable-auth", "--die-on-broken-pipe", "0"]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            start_new_session=True,  # A Ctrl-C in the terminal is for Python, which then ends Java.
        )
    except OSError as error:
        raise ConfigError(f"{java} cannot be run ({error}); install a Java runtime, version 11 or later") from error


def _connect(process: subprocess.Popen[bytes]) -> Any:
    assert process.stdout is not None
    port, token = (process.stdout.readline().decode("utf-8", "replace").strip() for _ in range(2))
    if not port.isdecimal() or not token:
        process.kill()
        process.wait()
        raise ConfigError(
            f"Java started and did not run ScienceWorld (it said {port!r}); expected Java, version 11 or later"
        )
    parameters = GatewayParameters(port=int(port), auth_token=token, auto_convert=True, read_timeout=PATIENCE)
    gateway = JavaGateway(gateway_parameters=parameters)
    # The simulator prints all that happens, which is slow, and nobody reads it.
    java = gateway.jvm.java
    java.lang.System.setOut(java.io.PrintStream(java.io.OutputStream.nullOutputStream()))
    return gateway
