"""The names of models: found, refused with a remedy, and identified by what they weigh."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rftcore.errors import ConfigError
from rftcore.models import find_model, fingerprint, sha256
from rftcore.plugins import BLOCK


@pytest.mark.parametrize("file", ["config.json", "adapter_config.json"])
def test_a_folder_with_a_configuration_is_a_model(file: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text("{}")
    assert find_model(str(tmp_path)) == tmp_path


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no config\.json"):
        find_model(str(tmp_path))


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "~/nowhere"])
def test_a_path_to_nowhere_is_not_taken_for_a_hub_id(name: str) -> None:
    with pytest.raises(ConfigError, match=f"there is no folder '{name}'"):
        find_model(name)


def test_any_other_name_is_a_hub_id() -> None:
    assert find_model("someone/some-model") == fingerprint("someone/some-model") == "someone/some-model"


def test_a_distribution_that_is_missing_is_named_with_the_remedy() -> None:
    with pytest.raises(ConfigError, match="'rftcore/no-such' is not installed; try 'pip install rftcore-no-such'"):
        find_model("rftcore/no-such")


def test_the_fingerprint_follows_what_makes_the_answers_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    before = fingerprint(str(tmp_path))
    (tmp_path / "optimizer.safetensors").write_bytes(b"state")
    (tmp_path / "notes.txt").write_text("hello")
    assert fingerprint(str(tmp_path)) == before
    for name in ("model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"):
        (tmp_path / name).write_bytes(b"changed")
        after = fingerprint(str(tmp_path))
        assert after != before
        before = after


def test_sha256_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_a_hub_id_that_the_hub_does_not_give_is_an_error_before_anything_is_made(tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("rftcore"), "train", "--train", "textcraft", "model=nobody/none"]
    offline = {name: value for name, value in os.environ.items() if name != BLOCK}
    offline |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    done = subprocess.run(command, cwd=tmp_path, env=offline, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "model: found 'nobody/none', which is no folder, and the hub has not given it" in done.stderr
    assert not (tmp_path / "runs").exists()
