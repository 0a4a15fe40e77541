"""Where an exception came from: the line that the author of a component can mend."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

THEIRS: tuple[type[BaseException], ...] = (Exception, SystemExit)
"""What somebody's own code may raise: a `sys.exit()` in it must not end the checks as if all were well."""

_KIT = Path(__file__).parent


def raised(error: BaseException, target: str = "") -> str:
    """Say what was raised, and where: the innermost line of the package of `target`, or else the one outside the kit.

    A typing error in an environment surfaces in pydantic, say; its author looks for the line of the environment.
    """
    return f"it raised {type(error).__name__}: {error}{place(error, target)}"


def place(error: BaseException, target: str = "") -> str:
    """Say in brackets where it came from; nothing where no line but the kit's was passed."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _KIT not in Path(frame.filename).parents]
    own = _source(target)
    theirs = [frame for frame in frames if own is not None and own in (path := Path(frame.filename), *path.parents)]
    return f" ({(theirs or frames)[-1].filename}, line {(theirs or frames)[-1].lineno})" if frames else ""


def _source(target: str) -> Path | None:
    """Return the folder of the package that `package.module:name` is in, or the file of a single module."""
    module = sys.modules.get(target.partition(":")[0].partition(".")[0])
    folders = list(getattr(module, "__path__", ()))
    file = folders[0] if folders else getattr(module, "__file__", None)
    return None if file is None else Path(file)
