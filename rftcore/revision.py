"""From which commit a distribution runs, where it was installed from a repository and not from a release."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_PATIENCE = 5.0
"""Seconds that a run waits for an answer of git before it begins."""


def revisions(names: Iterable[str]) -> dict[str, str]:
    """Return the commit of each distribution of `names` that has one, such as `3f2a... (modified)`.

    An editable install has that of its working tree, `modified` where tracked files differ from it, and `changes
    unknown` where git could not say; one that pip took from a repository the one that pip wrote down (PEP 610). A
    release has its version only, and is left out.
    """
    found: dict[str, str | None] = {}
    for name in names:
        origin = _origin(name)
        if "vcs_info" in origin:
            found[name] = origin["vcs_info"].get("commit_id")
        elif origin.get("dir_info", {}).get("editable"):
            place = _tree(Path(unquote(urlsplit(origin["url"]).path)))
            found[name] = None if place is None else _commit(place)
    return {name: commit for name, commit in sorted(found.items()) if commit}


@cache
def _origin(name: str) -> dict[str, Any]:
    """Return what pip wrote down of where it took a distribution from."""
    try:
        told = metadata.distribution(name).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, Any] = json.loads(told) if told else {}
    return found


def _tree(place: Path) -> Path | None:
    return next((folder for folder in (place, *place.parents) if (folder / ".git").exists()), None)


@cache
def _commit(tree: Path) -> str | None:
    """Return that of a working tree when it was first asked for: a process keeps the code that it began with."""
    commit = _git(tree, "rev-parse", "HEAD")
    changed = commit and _git(tree, "status", "--porcelain", "--untracked-files=no")
    if commit is None:
        return None
    return f"{commit} (changes unknown)" if changed is None else f"{commit} (modified)" if changed else commit


def _git(tree: Path, *arguments: str) -> str | None:
    """Return what git says; None without git, or where it says nothing of use."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # a hook's are another's
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=tree,
            env=own,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
