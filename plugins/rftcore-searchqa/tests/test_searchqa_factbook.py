from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from rftcore.errors import ConfigError
from rftcore_searchqa.almanac import TOPICS, read_entries
from rftcore_searchqa.environment import SearchQA
from rftcore_searchqa.factbook import build, main


def country(capital: str, peak: str, borders: str, code: str, independence: str, anthem: str) -> dict[str, Any]:
    return {
        "Introduction": {"Background": {"text": f"About  {capital} "}},
        "Geography": {
            "Land boundaries": {"total": {"text": "9 km"}, "border countries": {"text": borders}},
            "Elevation extremes": {"lowest point": {"text": "sea level 0 m"}, "highest point": {"text": peak}},
        },
        "Government": {
            "Capital": {"name": {"text": capital}, "note": {"text": None}},
            "Independence": {"text": independence},
            "National anthem": {"name": {"text": anthem}},
        },
        "Communications": {"Internet country code": {"text": code}},
    }


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Four invented countries in the form of the package: Ana and Cera have one common neighbour, Bora."""
    folder = tmp_path / "package"
    for region in ("europe", "meta"):
        (folder / region).mkdir(parents=True)
    (folder / "SUMMARY.md").write_text("## Entries\n\n`an` Ana\n`bo` The Bora\n`ce` Cera\n`dl` Delta\n")
    entries = {
        "an": country(
            "Alt (Old Alt)", "Mount A 1,200 m", "Bora 100 km, Delta 1,020 km", ".an", "3 May 1900", '"Song A"'
        ),
        "bo": country(
            "Brell; note - moved", "B Peak 90 m (north)", "Ana 100 km", ".bo", "1950 (from Ana)", '"Song B" (B)'
        ),
        "ce": country("Cor", "unnamed hill 9 m", "Bora 3 km", ".ce; was .cx", "none", "Song C"),
        "dl": country("Dorn", "D1 10 m; D2 12 m", "Ana 1,020 km", "Del - .de", "no date", '"Song D"'),
    }
    for code, entry in entries.items():
        (folder / "europe" / f"{code}.json").write_text(json.dumps(entry))
    (folder / "meta" / "zz.json").write_text("{}")
    return folder


def test_leaves_become_passages_and_five_of_them_answers(package: Path) -> None:
    entries = {entry.name: entry for entry in read_entries(package)}
    assert sorted(entries) == ["Ana", "Cera", "Delta", "The Bora"]
    assert entries["Ana"].title(("Capital", "name")) == "Ana: Capital - name"
    assert len(entries["Ana"].leaves) == 9
    assert entries["Ana"].leaves["Background",] == "About Alt (Old Alt)"
    assert [name for _, name in entries["Ana"].borders()] == ["Bora", "Delta"]
    read = {
        topic: {name: about.read(entry.leaves[about.path]) for name, entry in entries.items()}
        for topic, about in TOPICS.items()
    }
    assert read["capital"]["Ana"] == ("Alt", ("Old Alt",))
    assert read["capital"]["The Bora"] == ("Brell", ())
    assert read["peak"] == {"Ana": ("Mount A", ()), "The Bora": ("B Peak", ()), "Cera": None, "Delta": None}
    assert read["independence"]["Ana"] == ("3 May 1900", ())
    assert read["independence"]["The Bora"] == ("1950", ())
    assert read["independence"]["Cera"] is None
    assert read["anthem"]["The Bora"] == ("Song B", ("B",))
    assert read["code"] == {"Ana": (".an", ()), "The Bora": (".bo", ()), "Cera": (".ce", ()), "Delta": None}


def test_the_folder_is_data_of_the_environment_and_the_expert_answers_all(package: Path, tmp_path: Path) -> None:
    archive = tmp_path / "factbook.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(package, "package")
    counts = build(archive, tmp_path / "data")
    assert counts == build(package, tmp_path / "again")
    assert (tmp_path / "data" / "corpus.jsonl.gz").read_bytes() == (tmp_path / "again" / "corpus.jsonl.gz").read_bytes()
    by_form = {form: sum(n for (kind, _), n in counts.items() if kind == form) for form, _ in counts}
    # One hop: 4 capitals, 2 peaks, 2 dates, 3 anthems, 2 codes (normalization leaves nothing of .an). Two hops: from
    # each value to the others of its country. Three: between Ana and Cera lies Bora, between Bora and Delta lies Ana.
    assert by_form["1 hop"] == 13
    assert by_form["2 hops"] == 4 * 3 + 5 * 4 + 2 * 1 + 2 * 1
    assert by_form["3 hops"] == 5 + 4
    world = SearchQA(data=tmp_path / "data")
    asked = [task for split in ("train", "test") for d in world.difficulties for task in world.tasks(split, d)]
    assert len(asked) == sum(counts.values())
    for task in asked:
        episode = world.start(task)
        for action in world.oracle(task):
            step = episode.step(action)
        assert step.success, task.data["question"]
    questions = {str(task.data["question"]) for task in asked}
    assert "What is the capital of the country whose highest point is Mount A?" in questions
    assert "What is the capital of the only country that borders both Ana and Delta?" not in questions
    assert "What is the capital of the only country that borders both Delta and Bora?" in questions


def test_what_cannot_be_built_is_said(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="found no entries"):
        build(tmp_path / "package" / "meta", tmp_path / "data")
    with pytest.raises(ConfigError, match="exists already"):
        build(package, tmp_path)
    (package / "europe" / "an.json").write_text("{")
    assert main(["--package", str(package), "--out", str(tmp_path / "data")]) == 2
    assert "cannot be read: JSONDecodeError" in capsys.readouterr().err
    (tmp_path / "archive.tgz").write_bytes(b"\x1f\x8bnot an archive")
    with pytest.raises(ConfigError, match=r"archive.tgz cannot be read"):
        build(tmp_path / "archive.tgz", tmp_path / "data")
    assert not (tmp_path / "data").exists()
