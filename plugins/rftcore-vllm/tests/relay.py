"""A program `vllm` for tests of the servers that a run starts: what it serves, a contract server answers.

    relay.py FOLDER TARGETS serve MODEL --port PORT ...

passes connections to PORT on to a port of TARGETS (with commas) that is its own and stays so, and is a process that can
die: of the file FOLDER/fatal (what it holds is the port meant, or nothing for all) it dies of the first question of an
episode, of FOLDER/broken as it starts; FOLDER/killed says how many starts end with a SIGKILL; as long as FOLDER/slow is
there it has not read MODEL yet. In FOLDER/starts it adds its process id. Free of imports that take long, for it is
started often.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

WORDS = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
EPISODE = b"X-Session-ID"
"""A header that questions of episodes have, and those of the comparison with the learner have not."""


def die() -> None:
    sys.stdout.write(f"{WORDS}\n")
    sys.stdout.flush()
    os._exit(1)


async def serve(folder: Path, target: int, port: int) -> None:
    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            fatal = folder / "fatal"
            if EPISODE in data and fatal.exists() and fatal.read_text() in ("", str(port)):
                die()
            sink.write(data)
        sink.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        below_reader, below_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(copy(reader, below_writer), copy(below_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    await server.serve_forever()


def behind(folder: Path, targets: list[str], port: int) -> int:
    """Return the target of a port: the first that no other port has."""
    for target in targets:
        taken = folder / f"behind-{target}"
        with contextlib.suppress(FileExistsError):
            taken.symlink_to(str(port))
        if str(taken.readlink()) == str(port):
            return int(target)
    raise ValueError(f"more than {len(targets)} servers")


def main(arguments: list[str]) -> None:
    folder, targets = Path(arguments[0]), arguments[1].split(",")
    port = int(arguments[arguments.index("--port") + 1])
    with (folder / "starts").open("a") as starts:
        starts.write(f"{os.getpid()}\n")
    if (folder / "broken").exists():
        die()
    killed = folder / "killed"
    if killed.exists() and len((folder / "starts").read_text().split()) <= int(killed.read_text()):
        os.kill(os.getpid(), signal.SIGKILL)
    while (folder / "slow").exists():
        time.sleep(0.01)
    if not (Path(arguments[3]) / "config.json").is_file():
        die()
    asyncio.run(serve(folder, behind(folder, targets, port), port))


if __name__ == "__main__":
    main(sys.argv[1:])
