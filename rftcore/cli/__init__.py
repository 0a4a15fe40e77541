"""The command line: one file a command in `rftcore/cli/commands/`, put together in `rftcore/cli/app.py`.

This file is the way in and the way out: what goes wrong on purpose (`RftError`) or on the machine (a full disk, a
folder that cannot be written) becomes a message without a traceback and exit code 2. Nothing is decided here that the
Python interface could not do as well.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
import warnings
from types import TracebackType
from typing import TextIO


def main() -> None:
    """Run the command in `sys.argv` and exit: 0 done, 1 done with a bad result, 2 not done, for the reason printed.

    With `--debug`, or RFTCORE_DEBUG set, the traceback is shown instead of the message.
    """
    from rftcore.cli.app import app
    from rftcore.errors import RftError

    warnings.showwarning = _warn
    try:
        app(prog_name="rftcore")
    except (RftError, OSError) as error:
        if os.environ.get("RFTCORE_DEBUG"):
            raise
        complain(machine(error) if isinstance(error, OSError) else str(error))
        sys.exit(2)
    except Exception as error:  # a bug, here or in a plugin: the traceback of what the command did
        if plugin := _whose(error):
            error.add_note(plugin)
        error.__traceback__ = _within(error, "typer")
        raise


def bug(error: Exception) -> str:
    """Print the traceback of a job's bug, for whoever mends it, and return in a sentence what it is.

    That is the traceback of the process in which the job ran, and where that is this one, from the job on.
    """
    import typer

    from rftcore.executors.child import RemoteError

    remote = isinstance(error, RemoteError)
    reason = str(error) if remote else f"{type(error).__name__}: {error}"
    if not os.environ.get("RFTCORE_DEBUG"):  # else `main` shows it whole
        error.__traceback__ = _within(error, "rftcore.executors.target")
        shown = getattr(error, "__notes__", [reason]) if remote else traceback.format_exception(error)
        typer.echo("".join(shown).rstrip(), err=True)
    return "\n".join(filter(None, [reason, _whose(error)]))


def complain(message: str) -> None:
    """Print an error for a person on the standard error stream."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text("error: ", "bold red") + Text(message, "default"), soft_wrap=True)


def _within(error: Exception, caller: str) -> TracebackType | None:
    """Return the traceback from where a module, or package, called on; the whole one where it called nothing."""
    frames = found = error.__traceback__
    while frames is not None:
        if f"{frames.tb_frame.f_globals.get('__name__', '')}.".startswith(f"{caller}."):
            found = frames.tb_next
        frames = frames.tb_next
    return found


def _whose(error: Exception) -> str:
    """Return in which plugin the error came up, with the command that examines it; nothing when it was none."""
    from rftcore import registry

    raised = error.__traceback__
    modules = []
    while raised is not None:
        modules.append(raised.tb_frame.f_globals.get("__name__", "").partition(".")[0])
        raised = raised.tb_next
    for plugin in registry.plugins():
        for spec in plugin.specs:
            package = spec.target.partition(":")[0].partition(".")[0]
            if package in modules and package != "rftcore":
                check = f"`rftcore check {spec.name} --kind {spec.kind}`"
                return f"This came up in {plugin.owner}, which {check} examines; mend it there, or tell its authors."
    return ""


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning as a sentence: where it stands in the source is no news to a person."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text("warning: ", "bold yellow") + Text(str(message), "default"), soft_wrap=True)


def machine(error: OSError) -> str:
    """Return what failed on the machine, and what a person can do."""
    what = f"{error.strerror or error}: {error.filename}" if error.filename else str(error.strerror or error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{what}\nfree some space and run the same command again: what was saved before stays valid"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{what}\nexpected a place that this user may use: choose another one, or change its permissions"
    return f"{what}\nRFTCORE_DEBUG=1 shows where it happened"
