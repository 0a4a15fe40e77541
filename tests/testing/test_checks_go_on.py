"""A component that exits, hangs, cannot be built or is in a file is checked like any other, and told what is broken."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from rftcore import ConfigError, registry
from rftcore.cli.commands.check import _ended_by_sigterm
from rftcore.specs import EnvironmentSpec, MetricSpec
from rftcore.testing import Broken, Result, conforms, examine, limit
from rftcore.testing.child import Failed, imports
from rftcore.testing.environments.episodes import begins_alike
from rftcore.testing.environments.fuzz import fuzz
from rftcore.testing.environments.world import World
from rftcore.testing.listing import checks
from rftcore.testing.report import results_of, run
from rftcore.testing.subject import Subject

if TYPE_CHECKING:
    from tests.conftest import Site

SPECIMENS = Path(__file__).parents[1] / "specimens"

ANNOUNCING = """
from rftcore.hookspecs import hookimpl
from rftcore.specs import EnvironmentSpec

@hookimpl
def rft_environments():
    return [EnvironmentSpec(name="dial", target="my_dial:{kind}", summary="turn a dial")]
"""


@pytest.fixture
def specimen(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], World]:
    """`specimen(class)` is one of `specimens/enders.py`."""
    monkeypatch.syspath_prepend(str(SPECIMENS))
    return lambda kind: World(EnvironmentSpec(name="dial", target=f"enders:{kind}", summary="turn a dial"))


@pytest.fixture
def filed(site: Site) -> Callable[[str], str]:
    """`filed(class)` is the path of a plugin file that holds this environment of the specimens."""

    def write(kind: str) -> str:
        for name in ("dial", "enders"):
            (site.folder / f"{name}.py").symlink_to(SPECIMENS / f"{name}.py")
        path = site.folder.parent / "my_dial.py"
        source = f"import dial, enders\n\nclass {kind}(getattr(enders, {kind!r}, dial.Dial)):\n    pass\n"
        path.write_text(ANNOUNCING.format(kind=kind) + source, encoding="utf-8")
        return str(path)

    return write


def test_an_environment_that_exits_is_broken_and_the_checks_go_on(specimen: Callable[[str], World]) -> None:
    results = {result.check: result for result in results_of(specimen("Quitter"), "light")}
    said = f"it raised SystemExit: 0 ({SPECIMENS / 'enders.py'}, line "
    assert results["replays_equal"].problems[0].startswith(said)
    assert any(
        problem.startswith("'пойти на север' raised SystemExit: 0, expected an observation")
        for problem in results["bad_actions_are_answered"].problems
    )
    assert results["copies_play_alike"].verdict == "kept"  # the last of them: it draws nothing but actions


@pytest.mark.parametrize(("kind", "line"), [("Sleeper", "time.sleep(1e6)"), ("Backtracker", "re.match(")])
def test_an_environment_that_hangs_is_interrupted_and_asked_nothing_more(
    kind: str, line: str, specimen: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit, "LIMIT", 0.5)
    results = list(results_of(specimen(kind), "full"))
    at = next(place for place, result in enumerate(results) if result.verdict == "broken")
    (problem,) = results[at].problems
    source = (SPECIMENS / "enders.py").read_text(encoding="utf-8").splitlines()
    number = next(number for number, text in enumerate(source, start=1) if line in text)
    assert problem == (
        f"task 'dial/easy/train/0', turn 0: step('') did not return within 0.5 s ({SPECIMENS / 'enders.py'}, line "
        f"{number}), expected an answer whatever is asked; limit what it waits for, and let every loop end"
    )
    assert {(result.verdict, result.remark) for result in results[at + 1 :]} == {
        ("not run", f"{results[at].check} hung")
    }
    assert sum(result.verdict == "not run" for result in results) > 10


def test_an_environment_that_hangs_beside_others_is_given_up(
    specimen: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit, "LIMIT", 0.5)
    results = {result.check: result for result in results_of(specimen("Loner"), "light")}
    (problem,) = results["threads_play_alike"].problems
    assert problem.startswith("task 'dial/easy/train/0' did not go on within 0.5 s beside seven other episodes")
    assert results["copies_play_alike"].remark == "threads_play_alike hung"


def test_an_environment_s_own_timeout_is_told_as_it_is_raised(specimen: Callable[[str], World]) -> None:
    results = {result.check: result for result in results_of(specimen("Remote"), "light")}
    (problem,) = results["threads_play_alike"].problems
    assert problem.startswith(f"it raised TimeoutError: the dial's server did not answer ({SPECIMENS / 'enders.py'}, ")
    assert results["copies_play_alike"].verdict == "kept"


def test_what_an_environment_says_of_itself_has_the_limit_too(
    specimen: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit, "LIMIT", 0.1)
    world = specimen("Ponderer")
    with pytest.raises(limit.Hung, match=r"^facts\(\) did not return within 0\.1 s"):
        world.environment.facts()
    with pytest.raises(limit.Hung, match=r"^vocabulary\(\) did not return within 0\.1 s"):
        world.environment.vocabulary()
    with pytest.raises(limit.Hung, match=r"^task 'dial/easy/train/0': oracle\(\) did not return within 0\.1 s"):
        list(world.environment.oracle(world.tasks[0]))


def test_a_start_that_hangs_is_told_at_once_and_not_tried_again(
    specimen: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit, "LIMIT", 0.5)
    world = specimen("Latecomer")
    (problem,) = begins_alike.problems(world)
    assert re.match(r"task 'dial/\w+/\w+/\d': start\(\) did not return within 0\.5 s \(.*enders", problem)
    assert world.stopped == "begins_alike hung"


def test_sigterm_in_a_start_ends_the_command(specimen: Callable[[str], World]) -> None:
    with pytest.raises(typer.Exit) as ended, _ended_by_sigterm():
        begins_alike.problems(specimen("Stopped"))
    assert ended.value.exit_code == 128 + signal.SIGTERM


def test_a_test_of_a_check_that_could_not_be_run_fails(
    specimen: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit, "LIMIT", 0.5)
    monkeypatch.setattr(registry, "_added", {})
    registry.add(specimen("Sleeper").spec)
    held = {parameter.id: parameter.values[0] for parameter in conforms("dial", level="light").args[1]}
    with pytest.raises(Broken, match=r"step\(''\) did not return within 0\.5 s"):
        held["replays_equal"]()
    with pytest.raises(Broken, match="it was not run: replays_equal hung"):
        held["expert_succeeds"]()


def test_fuzzing_ends_with_the_action_that_hangs(
    specimen: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit, "LIMIT", 0.5)
    found = fuzz(specimen("Sleeper").own, 1000)
    assert 0 < found.actions < 1000
    (problem,) = found.problems
    assert re.match(r"task 'dial/\w+/\w+/\d', turn \d: step\('.*'\) did not return within 0\.5 s \(.*enders", problem)


def test_somebody_else_s_alarm_comes_when_it_would_have_come() -> None:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        assert limit.within(60, str, lambda: "answer") == "answer"
        with pytest.raises(limit.Hung, match=r"it did not return within 0\.1 s"):
            limit.within(0.1, lambda: "it", lambda: time.sleep(60))
        assert rung == []
        end = time.monotonic() + 10
        while not rung and time.monotonic() < end:
            time.sleep(0.01)
        assert rung == [signal.SIGALRM]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("Unbuilt", "it raised OSError: the dial is not there ("),
        ("Empty", "dial lists no test tasks of difficulty 'easy', expected one at least"),
    ],
)
def test_what_cannot_be_built_or_has_no_tasks_is_one_problem(
    kind: str, sentence: str, specimen: Callable[[str], World]
) -> None:
    results = list(results_of(specimen(kind), "light"))
    (broken,) = [result for result in results if result.verdict == "broken"]
    assert broken.check == "can_be_built"
    (problem,) = broken.problems
    assert problem.startswith(sentence)
    later = results[results.index(broken) + 1 :]
    assert {(result.verdict, result.remark) for result in later} == {("not run", "can_be_built failed")}


def test_options_that_a_component_refuses_are_an_error_before_anything_is_checked(
    specimen: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_added", {})
    registry.add(specimen("Refusing").spec)
    told: list[Result] = []
    refused = "action_list: found 'every', expected less\nwhat is checked is built first"
    with pytest.raises(ConfigError, match=refused):
        examine("dial", level="light", options={"action_list": "every"}, told=told.append)
    assert told == []
    assert not examine("dial", level="static", options={"action_list": "every"}).broken


def test_a_metric_that_exits_is_broken_here_and_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SPECIMENS))
    subject = Subject(MetricSpec(name="leaver", target="enders:Leaver", summary="leaves"))
    for check in checks("metric")[-4:]:
        result = run(check, subject)
        assert result.verdict == "broken"
        assert "it raised SystemExit:" in result.problems[0]


def test_a_module_that_exits_when_imported_is_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, site: Site
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "leaving.py").write_text("import sys; print('bye', end=''); sys.exit(0)\n", encoding="utf-8")
    subject = Subject(MetricSpec(name="leaver", target="leaving:Leaver", summary="leaves"))
    results = {result.check: result for result in results_of(subject, "light")}
    assert "target 'leaving:Leaver' cannot be imported (SystemExit: 0)" in results["target_is_importable"].problems[0]
    assert results["measure_is_pure"].verdict == "not run"
    with pytest.raises(Failed, match="it ended with code 0 and without an answer"):
        imports("leaving")


def test_the_command_says_that_an_environment_exits(filed: Callable[[str], str], site: Site) -> None:
    done = site.rftcore("--plugin", filed("Quitter"), "check", "dial", "--json")
    assert done.returncode == 1, done.stderr
    (report,) = json.loads(done.stdout)["reports"]
    assert not report["kept"]


def test_an_environment_in_a_file_keeps_every_promise(filed: Callable[[str], str], site: Site) -> None:
    done = site.rftcore("--plugin", filed("MyDial"), "check", "dial", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = json.loads(done.stdout)["reports"]
    assert {result["check"] for result in report["results"] if result["verdict"] == "kept"} > {"copies_play_alike"}
