"""The list of checks: names and titles that a person can read, and the same in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rftcore.testing.listing import ANY, checks

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
SECTIONS = {
    "environment": "Environments",
    "algorithm": "Algorithms",
    "curriculum": "Curricula",
    "executor": "Executors",
    "metric": "Metrics",
    "policy": "Policies",
    "sampler": "Samplers",
}


def section(heading: str) -> list[tuple[str, ...]]:
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", text, re.MULTILINE)


def test_what_every_kind_promises_is_documented() -> None:
    assert section("Every kind") == [(check.name, check.level, check.title) for check in ANY]


@pytest.mark.parametrize(("kind", "heading"), SECTIONS.items())
def test_what_a_kind_promises_is_documented(kind: str, heading: str) -> None:
    own = [check for check in checks(kind) if check not in ANY]
    assert section(heading) == [(check.name, check.level, check.title) for check in own]


@pytest.mark.parametrize("kind", SECTIONS)
def test_a_title_is_one_sentence_and_no_name_is_taken_twice(kind: str) -> None:
    listed = checks(kind)
    assert len({check.name for check in listed}) == len(listed)
    for check in listed:
        assert re.fullmatch(r"[A-Z`][^\n]*\.", check.title), check.name
