"""Discovery: every way in which a plugin can be wrong is a row that says so, and the others keep working."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Site

ROWS = """
import json
from rftcore import registry
print(json.dumps([
    {"dist": row.dist, "version": row.version, "status": row.status, "reason": row.reason, "problem": row.problem,
     "names": [spec.name for spec in row.specs], "observes": row.observes}
    for row in registry.plugins()
]))
"""


def listed(site: Site, **environment: str) -> dict[str, Any]:
    done = site.run("-c", ROWS, **environment)
    assert done.returncode == 0, done.stderr
    return {row["dist"]: row for row in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def rows(broken_site: Site) -> dict[str, Any]:
    return listed(broken_site)


@pytest.mark.parametrize(
    ("dist", "reason"),
    [
        ("rftcore-no-import", "ModuleNotFoundError: No module named 'abacus_that_nobody_has'"),
        ("rftcore-exits", "SystemExit: 3"),
        ("rftcore-bad-spec", "ValueError: name 'Bad Name': expected lower-case letters"),
        ("rftcore-misspelt", "rft_enviroments is not a hook of this rftcore; did you mean rft_environments?"),
        ("rftcore-unmarked", "rft_environments is not marked; put @hookimpl of rftcore.hookspecs above it"),
        ("rftcore-wrong-kind", "rft_metrics announced EnvironmentSpec("),
        ("rftcore-silent", "rft_environments returned None; expected an iterable of EnvironmentSpec"),
        ("rftcore-twice", "environment 'twice' is announced twice"),
        ("rftcore-argument", "{'colour'}"),
        ("rftcore-wrapper", "rft_run_started is a wrapper; expected a plain function"),
        ("rftcore-asks", "a plugin module asked for other plugins while it was being imported"),
        ("rftcore-unreadable", "InvalidRequirement"),
    ],
)
def test_a_broken_plugin_is_a_row_with_its_traceback(rows: dict[str, Any], dist: str, reason: str) -> None:
    row = rows[dist]
    assert row["status"] == "broken"
    assert row["names"] == []
    assert row["problem"].startswith("Traceback (most recent call last)")
    assert reason in row["problem"]
    if dist not in ("rftcore-argument", "rftcore-unreadable"):  # messages of pluggy and packaging have several lines
        assert reason in row["reason"]


def test_a_plugin_for_another_core_is_not_imported_and_says_which_core_it_is_for(rows: dict[str, Any]) -> None:
    row = rows["rftcore-future"]
    assert row["status"] == "incompatible"
    assert "rftcore-future 9.0 is written for rftcore <100,>=99, but this is rftcore 0." in row["reason"]
    assert "pip install --upgrade rftcore rftcore-future" in row["reason"]


def test_requirements_of_other_distributions_and_of_extras_do_not_count(rows: dict[str, Any]) -> None:
    assert rows["rftcore-optional"]["status"] == "ok"


def test_broken_neighbours_take_nothing_from_a_sound_plugin(rows: dict[str, Any]) -> None:
    assert rows["rftcore-counting"]["status"] == "ok"
    assert rows["rftcore-counting"]["version"] == "1.2"
    assert "counting" in rows["rftcore-counting"]["names"]
    assert rows["rftcore"]["names"] == ["inline", "processes", "oracle", "random", "replay", "hf"]


def test_two_plugins_claiming_one_name_are_both_named_with_their_versions(rows: dict[str, Any]) -> None:
    for dist in ("rftcore-twin-a", "rftcore-twin-b"):
        assert rows[dist]["status"] == "conflict"
        assert "environment 'twin' has 2 owners: rftcore-twin-a 1.0 and rftcore-twin-b 2.0" in rows[dist]["reason"]
    assert rows["rftcore-twin-a"]["names"] == ["twin", "castor"]


def test_a_blocked_plugin_is_not_imported_and_leaves_its_twin_alone(broken_site: Site) -> None:
    rows = listed(broken_site, RFTCORE_BLOCK="rftcore_twin_B, rftcore-no-import")
    assert rows["rftcore-twin-b"]["status"] == rows["rftcore-no-import"]["status"] == "blocked"
    assert rows["rftcore-twin-a"]["status"] == "ok"


NOTIFY = """
import warnings
from rftcore import plugins

class UpdateFinished:
    update = 7

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    said = plugins.notify(UpdateFinished())
assert [str(w.message) for w in caught] == list(said)
assert all(w.category is RuntimeWarning for w in caught)
print(*said, sep="\\n")
"""


def test_an_observer_that_fails_is_a_warning_and_the_next_one_is_still_called(broken_site: Site) -> None:
    done = broken_site.run("-c", NOTIFY)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "saw update 7"
    assert lines[-1] == "rftcore-a-faulty-observer 1.0 failed in rft_update_finished: OSError: no space"


def test_every_event_has_the_hook_that_its_name_says() -> None:
    from rftcore import hookspecs
    from rftcore.plugin import ANNOUNCEMENTS
    from rftcore.schemas import events
    from rftcore.schemas.frozen import Frozen

    found = {name for name, value in vars(events).items() if isinstance(value, type) and issubclass(value, Frozen)}
    classes = [name for name in found - {"Frozen"} if not name.startswith("_")]
    fired = {"rft" + "".join(f"_{c.lower()}" if c.isupper() else c for c in name) for name in classes}
    hooks = {name for name in vars(hookspecs) if name.startswith("rft_")}
    assert fired == hooks - set(ANNOUNCEMENTS)


def test_discovery_happens_once_even_when_many_threads_ask_first(site: Site) -> None:
    source = "print('imported')\nimport time\ntime.sleep(0.2)\n"
    site.install("rftcore-slow", source)
    code = """
from concurrent.futures import ThreadPoolExecutor
from rftcore import plugins
with ThreadPoolExecutor(8) as pool:
    answers = list(pool.map(lambda _: plugins.installed(), range(8)))
assert all(answer == answers[0] for answer in answers)
"""
    done = site.run("-c", code)
    assert (done.returncode, done.stdout) == (0, "imported\n"), done.stderr


FILE = """
from rftcore.environment import Environment
from rftcore.hookspecs import hookimpl
from rftcore.specs import EnvironmentSpec

class Mine(Environment):
    tasks = start = None

@hookimpl
def rft_environments():
    return [EnvironmentSpec(name="mine", target="my_env:Mine", summary="not packaged")]
"""


def test_a_plugin_file_works_without_packaging_and_reaches_child_processes(site: Site) -> None:
    (site.folder.parent / "my_env.py").write_text(FILE)
    code = f"""
import subprocess, sys
from rftcore import plugins, registry
row = plugins.load_file({str(site.folder.parent / "my_env.py")!r})
assert plugins.load_file(row.dist) is row
print(registry.resolve("environment", "mine").__name__, flush=True)
child = "from rftcore import registry; print(registry.resolve('environment', 'mine').__module__)"
subprocess.run([sys.executable, "-c", child], check=True)
"""
    done = site.run("-c", code)
    assert done.stdout.split() == ["Mine", "my_env"], done.stderr


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("missing.py", None, "missing.py is not there; expected a Python module"),
        ("fails.py", "1 / 0", "ZeroDivisionError: division by zero"),
        ("json.py", FILE, "the name 'json' belongs to another module"),
        ("textwrap.py", FILE, "the name 'textwrap' belongs to another module"),
        ("notes.txt", "hello", "notes.txt is not a Python module"),
    ],
)
def test_a_plugin_file_that_cannot_be_used_says_why(site: Site, name: str, source: str | None, message: str) -> None:
    path = site.folder.parent / name
    if source is not None:
        path.write_text(source)
    done = site.run("-c", f"from rftcore import plugins; plugins.load_file({str(path)!r})")
    assert "rftcore.errors.PluginError: plugin file" in done.stderr
    assert message in done.stderr
