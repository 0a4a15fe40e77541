"""The cores and GPUs of this machine are counted as its container and its environment limit them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rftcore.executors.machine import cores, gpus


def test_cores_respect_the_quota_of_a_container(tmp_path: Path) -> None:
    file = tmp_path / "cpu.max"
    free = cores(tmp_path / "nothing")
    for text, expected in {
        "max 100000": free,
        "100000 100000": 1,
        "50000 100000": 1,
        "150000 100000": min(2, free),
    }.items():
        file.write_text(text + "\n", encoding="ascii")
        assert cores(file) == expected
    file.write_text("nonsense", encoding="ascii")
    assert cores(file) == free


def test_gpus_are_counted_by_the_files_of_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpus(tmp_path) == ()
    for name in ("nvidia0", "nvidia3", "nvidiactl", "nvidia-uvm", "tty1"):
        (tmp_path / name).touch()
    assert gpus(tmp_path) == ("0", "1")  # CUDA numbers what it sees from 0


@pytest.mark.parametrize(
    ("variable", "expected"),
    [("", ()), ("-1", ()), ("4, 7", ("4", "7")), ("GPU-5ebe9f43,MIG-7", ("GPU-5ebe9f43", "MIG-7")), ("0,-1,2", ("0",))],
)
def test_of_all_gpus_the_environment_names_those_that_may_be_used(
    variable: str, expected: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nvidia0").touch()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert gpus(tmp_path) == expected
