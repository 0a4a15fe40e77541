"""CITATION.cff is what tools for citations read, and it, the changelog and the distribution speak of one version."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from cffconvert import Citation

ROOT = Path(__file__).parents[1]
CITATION = Citation((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_the_citation_file_is_valid_by_its_schema() -> None:
    CITATION.validate()


def test_the_citation_becomes_a_bibtex_entry_of_the_software() -> None:
    entry = CITATION.as_bibtex()
    assert "author = {The rftcore authors}" in entry
    assert "title = {rftcore}" in entry


def test_one_version_stands_in_the_distribution_the_citation_and_the_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert CITATION.cffobj["version"] == project["version"]
    assert CITATION.cffobj["license"] == project["license"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.search(r"^## (.*)$", changelog, re.MULTILINE)
    assert heading is not None
    unreleased = heading[1] == "Unreleased" and f"version, {project['version']}, will hold" in changelog
    assert unreleased or heading[1].startswith(f"{project['version']} - ")
