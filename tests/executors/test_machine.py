"""The cores, memory and GPUs of this machine are counted as its container and its environment limit them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rftcore.executors.machine import cores, gpu_memory, gpus, memory


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


def group(folder: Path, most: str, now: int, cached: int) -> None:
    """Write a control group of version 2."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.current").write_text(f"{now}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")


def test_memory_is_what_the_kernel_calls_available_unless_a_group_leaves_less(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    assert memory(proc, groups) is None
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 8000 kB\nMemAvailable:    6000 kB\nHugePages_Total: 0\n")
    assert memory(proc, groups) == 6000 * 1024
    (proc / "self/cgroup").write_text("0::/user/session\n")
    group(groups / "user/session", "max", 10, 0)
    assert memory(proc, groups) == 6000 * 1024
    group(groups / "user", "5000000", 4000000, 300000)  # what is cached goes when it is wanted
    assert memory(proc, groups) == 1300000
    group(groups / "user/session", "2000000", 1900000, 0)
    assert memory(proc, groups) == 100000
    group(groups, "1000", 5000, 0)
    assert memory(proc, groups) == 0


def test_files_that_were_read_more_than_once_are_given_back_as_well(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemAvailable: 6000 kB\n")
    (proc / "self/cgroup").write_text("0::/\n")
    group(groups, "5000000", 4000000, 300000)
    with (groups / "memory.stat").open("a") as stat:
        stat.write("active_file 500000\nfile 800000\n")
    assert memory(proc, groups) == 1800000


def test_a_group_whose_name_is_not_ascii_limits_memory_like_another(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemAvailable: 6000 kB\n")
    (proc / "self/cgroup").write_bytes("0::/für/".encode() + b"\xff\n")
    group(groups / "für", "5000000", 4000000, 0)
    assert memory(proc, groups) == 1000000


def test_a_group_of_version_1_limits_memory_too(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/cgroup").write_text("4:memory:/\n")
    (tmp_path / "meminfo").write_text("MemAvailable: 6000 kB\n")
    old = tmp_path / "cgroup/memory"
    old.mkdir(parents=True)
    for name, value in {"limit_in_bytes": 900, "usage_in_bytes": 500}.items():
        (old / f"memory.{name}").write_text(f"{value}\n")
    (old / "memory.stat").write_text("cache 1\ninactive_file 7\ntotal_inactive_file 100\ntotal_active_file 50\n")
    assert memory(tmp_path, tmp_path / "cgroup") == 550


def test_this_machine_has_memory() -> None:
    found = memory()
    assert found is None or 0 < found < 1 << 50


def test_the_free_memory_of_gpus_is_that_of_the_fullest(tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\n[ "$1" = "--id=4,7" ] || exit 1\necho 40000\necho 81079\n')
    program.chmod(0o755)
    assert gpu_memory(("4", "7"), str(program)) == 40000 * 2**20
    assert gpu_memory(("4", "7"), str(tmp_path / "none")) is None
    program.write_text("#!/bin/sh\necho '[N/A]'\n")
    assert gpu_memory(("4", "7"), str(program)) is None
    assert gpu_memory((), "/bin/false") is None
