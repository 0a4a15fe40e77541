"""Where a sampler writes weights for servers to read: whole or not at all, and gone when the run is, however it ends.

A run that is killed cannot clear up. A process beside it does (`rftcore_vllm.guard`); where that is killed, too, the
next shelf in the same place removes what has no living owner, on this machine or, as a run's own lock says it, on
another.
"""

from __future__ import annotations

import contextlib
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rftcore import lock
from rftcore.errors import RunError
from rftcore.train.checkpoint import no_bars
from rftcore_vllm.weights import Weights

PREFIX = "rftcore-weights-"


class Shelf:
    """A folder with the present weights, and with the ones before until `keep` says that nobody needs them."""

    def __init__(self, place: str | None) -> None:
        """`place` None: a temporary folder."""
        self._owned = contextlib.ExitStack()
        try:
            if place is not None:
                Path(place).mkdir(parents=True, exist_ok=True)
            # It gets its name once it is locked: nobody is to take it for one whose owner is dead.
            made = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=place))
            made.chmod(0o755)  # servers may run as another user
            self._owned.enter_context(lock.locked(made))
            self.path = made.rename(made.with_name(made.name[1:]))
        except OSError as error:
            raise RunError(f"no weights can be written to {place!r}: {error}; set sampler.folder") from error
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "rftcore_vllm.guard", "--remove", str(self.path.absolute())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what a terminal sends to the run is not for it
        )
        self._clear()

    def write(self, model: Any, tag: str) -> Weights:
        """Write the present weights of `model` (its adapters, if it has some) under `tag`.

        Raises RunError when there is no room or no permission, or adapters have no folder under them.
        """
        base = _under(model) if hasattr(model, "peft_config") else None
        folder, staging = self.path / tag, self.path / f".{tag}.writing"
        try:
            with no_bars():
                model.save_pretrained(staging)
            staging.rename(folder)
        except OSError as error:
            shutil.rmtree(staging, ignore_errors=True)
            raise RunError(
                f"weights cannot be written to {str(self.path)!r}: {error}; make room, or set sampler.folder"
            ) from error
        return Weights(folder, tag, base)

    def keep(self, weights: Weights) -> None:
        """Throw away all others: replicas know these, and one that starts again reads no others."""
        for path in self.path.iterdir():
            if path != weights.folder and path.name != lock.FILE:
                shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Remove everything."""
        self._owned.close()  # before: on a network file system a lock that is open leaves a file in the folder
        shutil.rmtree(self.path, ignore_errors=True)
        self._dismiss()

    def _clear(self) -> None:
        """Remove shelves of this user in the same place that nobody owns any more."""
        for other in self.path.parent.glob(f"{PREFIX}*"):
            if other != self.path and self._same_user(other) and not lock.is_locked(other, unknown=True):
                shutil.rmtree(other, ignore_errors=True)

    def _same_user(self, other: Path) -> bool:
        """Whether this user made that shelf. In others nothing is opened: their owners may have put links there."""
        try:
            found = other.lstat()
            return (
                stat.S_ISDIR(found.st_mode)
                and found.st_uid == self.path.lstat().st_uid
                and (other / lock.FILE).is_file()
            )
        except OSError:  # it is gone
            return False

    def _dismiss(self) -> None:
        self._guard.kill()
        self._guard.communicate()


def _under(model: Any) -> Path:
    base = Path(model.get_base_model().name_or_path)
    if not base.is_dir():
        raise RunError(
            f"found adapters over {str(base)!r}, which is no folder; expected one that a server can read: download "
            "the model"
        )
    return base
