"""What the checks of executors let a job do. It runs wherever the executor puts it, so it says by files what it did."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from rftcore.errors import ConfigError
from rftcore.executors.target import Report


def tell(payload: Any, progress: Report) -> Any:
    """Print, change the payload, report `steps`, and return what JSON has another form of, with the process."""
    sys.stdout.write('{"value": "printed"}\n')
    for step in range(payload["steps"]):
        progress(step + 1, payload["steps"], f"step {step + 1}", {"episodes": step})
    payload["list"].append("changed")
    return {"pair": (1, 2.5), "text": "ü\u2028\n", "number": payload["number"], "process": os.getpid()}


def fail(payload: Any, progress: Report) -> Any:
    """Raise an error of rftcore's, or another one."""
    raise {"ConfigError": ConfigError, "ValueError": ValueError}[payload["kind"]]("lr: found 'x'\nexpected a number")


def die(payload: Any, progress: Report) -> Any:
    """End the process, as the system does when it is short of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def meet(payload: Any, progress: Report) -> Any:
    """Return whether as many files as `count` were there within `seconds`, each by a job like this one."""
    folder, end = Path(payload["folder"]), time.monotonic() + payload["seconds"]
    (folder / payload["name"]).touch()
    while len(list(folder.iterdir())) < payload["count"]:
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def beat(payload: Any, progress: Report) -> Any:
    """Write into a file for a minute, again and again."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        Path(payload["file"]).write_text(str(time.monotonic()), encoding="ascii")
        progress(0, 1, "beats")
        time.sleep(0.02)
