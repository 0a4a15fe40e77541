"""The command line: one file a command in `rftcore/cli/commands/`, put together in `rftcore/cli/app.py`.

This file is the way in and the way out: what goes wrong on purpose (`RftError`) or on the machine (a full disk, a
folder that cannot be written) becomes a message without a traceback and exit code 2. Nothing is decided here that the
Python interface could not do as well.
"""

from __future__ import annotations

import errno
import os
import sys
import warnings
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
        complain(_machine(error) if isinstance(error, OSError) else str(error))
        sys.exit(2)


def complain(message: str) -> None:
    """Print an error for a person on the standard error stream."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text("error: ", "bold red") + Text(message, "default"), soft_wrap=True)


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


def _machine(error: OSError) -> str:
    what = f"{error.strerror or error}: {error.filename}" if error.filename else str(error.strerror or error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{what}\nfree some space and run the same command again: what was saved before stays valid"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{what}\nexpected a place that this user may use: choose another one, or change its permissions"
    return f"{what}\nRFTCORE_DEBUG=1 shows where it happened"
