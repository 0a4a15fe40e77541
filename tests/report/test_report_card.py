"""The reproducibility card: with what stands in it the same run is made, and nothing stands in it that is private."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from rftcore.provenance import placeless
from rftcore.report.card import card
from rftcore.report.html import render
from rftcore.revision import _commit, revisions
from rftcore.schemas.report import Report


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("/home/alice/models/mine", "mine"),
        ("~/models/mine", "mine"),
        (r"C:\Users\alice\mine", "mine"),
        ("rftcore/tiny", "rftcore/tiny"),
        ("runs/demo/checkpoint", "runs/demo/checkpoint"),
        ("https://alice:secret@host:8000/v1", "https://host:8000/v1"),
        ("https://host/v1", "https://host/v1"),
        ("https://user:p@ss@host/v1", "https://host/v1"),
        ("https://h/v1?api_key=SECRET", "https://h/v1"),
        ("https://h/v1#key", "https://h/v1"),
        ("file:///home/alice/m", "m"),
        ("/no_think", "/no_think"),
        ("/", "/"),
        ("/no_think\nYou are a/b helper", "/no_think\nYou are a/b helper"),
        ("~5", "~5"),
        ({"/data/a.jsonl": ["/data/b", 3, None, 0.5]}, {"a.jsonl": ["b", 3, None, 0.5]}),
    ],
)
def test_places_and_users_are_left_out(value: object, said: object) -> None:
    assert placeless(value) == said


def test_files_of_one_name_in_several_folders_keep_an_entry_each() -> None:
    found = placeless({"/a/x.jsonl": "1", "/b/x.jsonl": "2", "/c/x.jsonl": "3"})
    assert found == {"x.jsonl": "1", "x.jsonl (2)": "2", "x.jsonl (3)": "3"}


ORIGIN = {
    "command": "rftcore study config.yaml",
    "versions": {"rftcore": "0.1.0", "torch": "2.9.0"},
    "seeds": {"study": 7},
    "manifests": {"even/easy/test": "ab" * 32},
    "specs": {"algorithm/grpo": "1"},
    "model": {"name": "rftcore/tiny", "sha256": "cd" * 32},
    "arithmetic": {"device": "cpu", "dtype": "float32", "threads": 1},
    "hardware": {
        "cpu": "Some CPU",
        "cores": 2,
        "gpus": ["Some GPU", "Some GPU"],
        "variables": {"OMP_NUM_THREADS": "1"},
    },
    "effort": {
        "training_episodes": 1200,
        "training_tokens_sampled": 34567,
        "training_tokens_learned": 23456,
        "evaluation_episodes": 1,
        "evaluation_tokens_sampled": 40,
        "training_seconds": 90.0,
        "evaluation_seconds": 5.0,
        "cpu_seconds": 80.0,
    },
    "sessions": [
        {
            "began_at": "2026-11-26T12:00:00.000+00:00",
            "last_heard_at": "2026-11-26T12:01:00+00:00",
            "worked_seconds": 60.0,
            "ended": "stopped",
            "versions": {"torch": "2.8.0"},
            "commits": {"rftcore": "1" * 40, "rftcore-grpo": "1" * 40},
            "hardware": {},
            "executor": "inline",
        },
        {
            "began_at": "2026-11-26T13:00:00.000+00:00",
            "last_heard_at": None,
            "worked_seconds": None,
            "ended": "report",
            "changed": {
                "commits.rftcore": ["1" * 40, "2" * 40 + " (modified)"],
                "commits.rftcore-grpo": ["1" * 40, None],
                "versions.torch": ["2.8.0", "2.9.0"],
            },
        },
    ],
}


def test_the_card_says_what_the_report_says(study: tuple[Path, Report]) -> None:
    report = study[1].model_copy(update={"provenance": ORIGIN})
    text = card(report)
    for line in (
        "# Reproducibility card: Quick study",
        "- run `3f9a1c77d2e0b416`",
        "- seeds: study 7",
        "pip install rftcore==0.1.0 torch==2.9.0\nrftcore study config.yaml\n",
        f"whose commits the versions do not tell: rftcore {'2' * 40} (modified).",
        "- gpus: Some GPU, Some GPU",
        "- variables: OMP_NUM_THREADS=1",
        "- training: 1,200 episodes, 34,567 tokens sampled, 23,456 trained on, 1 min 30 s",
        "- evaluation: 1 episode, 40 tokens sampled, 5 s",
        "- CPU time of the processes in which jobs ended: 1 min 20 s",
        "- energy was not measured",
        "1. 26 November 2026, 12:00 UTC, 1 min 0 s of work, stopped, and gone on with\n"
        "2. 26 November 2026, 13:00 UTC, to the report; "
        f"changed: commits.rftcore: {'1' * 40} -> {'2' * 40} (modified), "
        f"commits.rftcore-grpo: {'1' * 40} -> None, versions.torch: 2.8.0 -> 2.9.0\n",
        f"- even/easy/test: {'ab' * 32}",
        "- algorithm/grpo: 1",
        "```yaml\nseed: 7\nmetrics:\n- generalization\n```\n",
    ):
        assert line in text
    page = render(report, {})
    for said in (
        "The same again",
        "rftcore study config.yaml",
        "rftcore verify",
        "Sessions",
        "What it took",
        "Some CPU",
    ):
        assert said in page


def test_a_report_of_an_older_version_has_a_card_too(study: tuple[Path, Report]) -> None:
    text = card(study[1])
    assert "## The same again" not in text
    assert "- parameters: 1048576" in text
    assert text.endswith("```yaml\nseed: 7\nmetrics:\n- generalization\n```\n")


def committed(tree: Path, name: str) -> str:
    """Make a repository with a file, and return its commit."""
    tree.mkdir()
    (tree / name).write_text("x = 1\n")
    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", name],
    ):
        subprocess.run(["git", *arguments], cwd=tree, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tree, check=True, capture_output=True, text=True)
    return head.stdout.strip()


def test_a_tree_of_which_git_does_not_say_whether_it_was_changed_is_not_called_unmodified(tmp_path: Path) -> None:
    commit = committed(tmp_path / "tree", "code.py")
    (tmp_path / "tree/.git/index").write_text("no index")
    assert _commit(tmp_path / "tree") == f"{commit} (changes unknown)"


def test_a_tree_has_its_own_commit_inside_a_hook_of_another_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, other = committed(tmp_path / "tree", "code.py"), committed(tmp_path / "other", "other.py")
    assert commit != other
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other/.git/index"))
    assert _commit(tmp_path / "tree") == commit


def test_what_git_says_in_another_encoding_ends_nothing(tmp_path: Path) -> None:
    commit = committed(tmp_path / "tree", "code.py")
    subprocess.run(["git", "config", "core.quotePath", "false"], cwd=tmp_path / "tree", check=True)
    (tmp_path / "tree" / os.fsdecode(b"caf\xe9.py")).write_text("x = 1\n")
    subprocess.run(["git", "add", "."], cwd=tmp_path / "tree", check=True)
    assert _commit(tmp_path / "tree") == f"{commit} (modified)"


def test_an_editable_install_has_the_commit_of_its_tree_and_whether_it_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, site = tmp_path / "my tree", tmp_path / "site"
    commit = committed(tree, "code.py")
    origins = {
        "edited": {"url": tree.as_uri(), "dir_info": {"editable": True}},
        "fetched": {"url": "https://host/x.git", "vcs_info": {"vcs": "git", "commit_id": "3" * 40}},
        "copied": {"url": tree.as_uri(), "dir_info": {}},
        "released": None,
    }
    for name, origin in origins.items():
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        if origin:
            (info / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(str(site))
    assert revisions([*origins, "absent"]) == {"edited": commit, "fetched": "3" * 40}
    (tree / "notes.txt").write_text("not tracked")
    _commit.cache_clear()
    assert revisions(["edited"]) == {"edited": commit}
    (tree / "code.py").write_text("x = 2\n")
    assert revisions(["edited"]) == {"edited": commit}  # what this process runs is what it began with
    _commit.cache_clear()
    assert revisions(["edited"]) == {"edited": f"{commit} (modified)"}


def test_a_machine_is_described_as_far_as_it_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rftcore.hardware import hardware

    (tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0").mkdir(parents=True)
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nprocessor\t: 1\n")
    (tmp_path / "proc/meminfo").write_text("MemTotal:       16384000 kB\nMemFree:  1 kB\n")
    (tmp_path / "proc/driver/nvidia/version").write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version:\n"
    )
    (tmp_path / "proc/driver/nvidia/gpus/0000:01:00.0/information").write_text(
        "Model: \t\t NVIDIA H100 80GB HBM3\nGPU UUID: \t GPU-1\n"
    )
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = hardware(tmp_path)
    assert (found["cpu"], found["memory_gib"]) == ("Some CPU @ 2 GHz", 15.6)
    assert (found["gpus"], found["gpu_driver"]) == (["NVIDIA H100 80GB HBM3"], "535.104.05")
    assert found["variables"]["OMP_NUM_THREADS"] == "3"
    bare = hardware(tmp_path / "nothing")
    assert not {"cpu", "memory_gib", "gpus", "gpu_driver"} & bare.keys()
