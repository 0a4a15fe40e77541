"""`rftcore plugins`: the JSON contract, and a table that says what is broken."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Site


def test_json_has_exactly_the_agreed_keys(broken_site: Site) -> None:
    done = broken_site.rftcore("plugins", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert list(told) == ["plugins"]
    for row in told["plugins"]:
        assert list(row) == ["dist", "version", "status", "problem", "specs"]
        assert (row["problem"] is None) == (row["status"] == "ok")
        for spec in row["specs"]:
            assert list(spec) == ["kind", "name", "target", "summary"]
    counting = next(row for row in told["plugins"] if row["dist"] == "rftcore-counting")
    assert {
        "kind": "algorithm",
        "name": "needy",
        "target": "rftcore_counting.needy:Needy",
        "summary": "its module imports what is not installed",
    } in counting["specs"]


def test_the_table_gives_the_reason_and_verbose_the_traceback(broken_site: Site) -> None:
    brief = broken_site.rftcore("plugins")
    assert brief.returncode == 0
    lines = brief.stdout.splitlines()
    assert lines[0].split() == ["dist", "version", "status", "kind", "name", "summary"]
    counting = next(line for line in lines if "count to a number" in line)
    assert counting.split() == [
        "rftcore-counting",
        "1.2",
        "ok",
        "environment",
        "counting",
        "count",
        "to",
        "a",
        "number",
    ]
    broken = next(line for line in lines if line.startswith("rftcore-no-import"))
    assert "broken" in broken
    assert "No module named 'abacus_that_nobody_has'" in broken
    assert "Traceback" not in brief.stdout
    assert any(line.split()[3:5] == ["observer", "rftcore-observer"] for line in lines if "rftcore-observer" in line)

    verbose = broken_site.rftcore("plugins", "--verbose").stdout
    assert verbose.count("Traceback (most recent call last)") >= 12
    assert "\nrftcore-no-import 1.0: broken\nTraceback" in verbose
