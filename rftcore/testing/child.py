"""Asks an interpreter of its own: what an import brings in, and what another process sees.

Questions go in and answers come out as JSON. The interpreter has the module search path of this process, a hash seed of
its own, and an empty folder to work in, so that what is left there can be seen.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any

from pydantic import JsonValue

from rftcore.testing.limit import Hung
from rftcore.testing.origin import raised

LIMIT = 600.0
"""Seconds after which an interpreter is stopped."""
PARENT_DEATH = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


class Failed(Exception):
    """The interpreter ended without an answer; the message is the last line that it wrote, as the end of a sentence."""


@contextmanager
def temporary() -> Iterator[Path]:
    """Make a folder for the time being."""
    with TemporaryDirectory(prefix="rftcore-check-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def ask(function: str, *, folder: Path | None = None, **arguments: JsonValue) -> Any:
    """Return what `package.module:function` returns for `arguments` in an interpreter that works in `folder`.

    Without a folder it has one for the time being. Raises Failed.
    """
    question = json.dumps({"function": function, "arguments": arguments})
    return _run("from rftcore.testing.child import answer; answer()", question, folder)


def imports(module: str) -> set[str]:
    """Return the names of all modules that are there once `module` is imported. Raises Failed."""
    code = f"import json, sys, {module}; sys.stdout.write('\\n' + json.dumps(sorted(sys.modules)))"
    return set(_run(code, "", None))


def answer() -> None:
    """Read a question from standard input, and write its answer as the last line of standard output."""
    from rftcore.testing.subject import attribute

    _end_with_parent()
    question = json.load(sys.stdin)
    try:
        found = attribute(question["function"])(**question["arguments"])
    except (Exception, SystemExit, Hung) as error:
        asked = (given for given in question["arguments"].values() if isinstance(given, dict) and "spec" in given)
        target = next((given["spec"]["target"] for given in asked), "")
        sys.exit(" ".join(raised(error, target).split()))
    sys.stdout.write("\n" + json.dumps(found))


def _end_with_parent() -> None:
    """Have this interpreter killed when the one that asks is, where the system does that: nobody waits any more."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PARENT_DEATH, signal.SIGKILL)


def _run(code: str, question: str, folder: Path | None) -> Any:
    if folder is None:
        with temporary() as made:
            return _run(code, question, made)
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    # Files and no pipes: a process that it leaves behind would hold those open.
    with TemporaryFile() as out, TemporaryFile() as errors:
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-c", code],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "20", "TMPDIR": str(folder)},
                input=question.encode(),
                stdout=out,
                stderr=errors,
                timeout=LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"it did not end within {LIMIT:.0f} seconds") from None
        said, complaints = (_read(file) for file in (out, errors))
    if done.returncode != 0:
        ended = f"by signal {-done.returncode}" if done.returncode < 0 else f"with code {done.returncode}"
        raise Failed((complaints.strip().splitlines() or [f"it ended {ended} and without a message"])[-1])
    try:
        return json.loads(said.rpartition("\n")[2])
    except ValueError:
        raise Failed("it ended with code 0 and without an answer") from None


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
