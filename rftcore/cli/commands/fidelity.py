"""`rftcore fidelity`: replay recordings of an original program and count where the environment answers differently.

The environment does the replaying: `replay(record, folder)` yields `(where, expected, got)` for everything it compares,
and may read what the recordings were made with (a catalogue, a corpus) in `folder`. This file reads the recordings,
counts, and refuses to call nothing compared a success.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from rftcore.cli.terminal import console, emit
from rftcore.errors import ConfigError, RftError


def fidelity(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Name of an installed environment.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Recordings: JSON lines, gzipped or not.")],
    profile: Annotated[
        str | None, typer.Option(help="The environment's profile; default: the bug-compatible one.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the files recorded with FILE; default: the folder of FILE."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program.")] = False,
) -> None:
    """Replay recordings of the original program and count the differences.

    Prints episodes, compared steps, differences, and the first one in full.
    Exit code 0: no difference; 1: at least one; 2: nothing was compared.

    Examples:

        rftcore fidelity textcraft textcraft.jsonl.gz
        rftcore fidelity babyai babyai-agentgym.jsonl.gz --json
        rftcore fidelity textcraft textcraft.jsonl.gz --profile fixed
        rftcore fidelity webshop webshop.jsonl.gz --data recordings/
    """
    if data is not None and not data.is_dir():
        raise ConfigError(f"--data: found no folder {data}, expected the one with the files recorded with {file.name}")
    found = _count(_replaying(environment, profile), environment, file, file.parent if data is None else data)
    if as_json:
        emit(found)
    else:
        for key in ("episodes", "steps", "differences"):
            console().print(f"{key:<12} {found[key]}")
        if found["first"] is not None:
            console().print("first difference")
            for key, value in found["first"].items():
                console().print(f"  {key:<9} {value!r}" if key in ("expected", "got") else f"  {key:<9} {value}")
    if not found["steps"]:
        raise ConfigError(f"{file} holds nothing that {environment} could compare; expected its recordings")
    raise typer.Exit(1 if found["differences"] else 0)


def _replaying(environment: str, profile: str | None) -> Any:
    from rftcore import registry

    kind = registry.resolve("environment", environment)
    if not hasattr(kind, "replay"):
        raise ConfigError(
            f"environment {environment!r} has no replay(record, folder), so recordings cannot be compared with it"
        )
    profile = profile if profile is not None else getattr(kind, "fidelity_profile", None)
    return registry.create("environment", environment, {} if profile is None else {"profile": profile})


def _count(replaying: Any, environment: str, file: Path, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"episodes": 0, "steps": 0, "differences": 0, "first": None}
    for line, record in _records(file):
        before = found["steps"]
        try:
            for where, expected, got in replaying.replay(record, folder):
                found["steps"] += 1
                if expected != got:
                    found["differences"] += 1
                    found["first"] = found["first"] or {
                        "line": line,
                        "where": where,
                        "expected": expected,
                        "got": got,
                    }
        except (RftError, LookupError, TypeError, ValueError, AttributeError, OSError) as error:
            raise ConfigError(
                f"{file}, line {line}: {environment} cannot replay it ({type(error).__name__}: {error}); "
                f"expected a recording of {environment}, and what it was recorded with in {folder}"
            ) from error
        found["episodes"] += found["steps"] > before
    return found


def _records(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each line's number, from 1, and its record. Raises ConfigError when the file is not what it should be."""
    line = 0
    try:
        with file.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(file, "rt", encoding="utf-8") if zipped else file.open(encoding="utf-8") as lines:
            for line, text in enumerate(lines, start=1):
                if text.strip():
                    record = json.loads(text)
                    if not isinstance(record, dict):
                        raise ConfigError(f"{file}, line {line}: found {text.strip()[:80]}, expected a JSON object")
                    yield line, record
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(
            f"{file} cannot be read after line {line}: {type(error).__name__}: {error}; "
            "expected JSON lines, gzipped or not"
        ) from error
