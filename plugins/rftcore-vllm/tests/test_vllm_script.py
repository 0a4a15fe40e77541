"""The script behind `make test-vllm`: its environment is made once, and anew when what belongs into it changes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SCRIPTS = Path(__file__).parents[3] / "scripts"

UV = """#!/bin/sh
echo "$1" >> called
mkdir -p .venv-vllm/bin
printf '#!/bin/sh\\necho site\\n' > .venv-vllm/bin/python
chmod +x .venv-vllm/bin/python
"""
"""Notes its first argument, and makes a Python that calls its folder of packages `site`."""


def test_the_environment_is_made_once_and_anew_when_its_packages_or_its_release_change(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("vllm.sh", "registries.sh"):
        shutil.copy(SCRIPTS / name, tmp_path / "scripts")
    script, uv = tmp_path / "scripts" / "vllm.sh", tmp_path / ".venv" / "bin" / "uv"
    uv.write_text(UV)
    uv.chmod(0o755)

    def made() -> int:
        """How often the environment was made so far, with one more run of the script."""
        subprocess.run(["sh", str(script), "-c", "pass"], check=True, capture_output=True)
        return (tmp_path / "called").read_text().split().count("venv")

    assert [made(), made()] == [1, 1]
    for old, new in [("release=0.", "release=1."), ("in vllm openai", "in vllm")]:
        before = made()
        assert script.read_text().count(old) == 1
        script.write_text(script.read_text().replace(old, new))
        assert [made(), made()] == [before + 1] * 2
