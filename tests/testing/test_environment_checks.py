"""Every check of environments finds the specimen that breaks its promise and says so; a sound one passes all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rftcore.specs import EnvironmentSpec
from rftcore.testing.environments import lifetimes, traces
from rftcore.testing.environments.traces import growth
from rftcore.testing.environments.world import World
from rftcore.testing.listing import checks
from rftcore.testing.report import results_of, run

if TYPE_CHECKING:
    from tests.conftest import Site

SPECIMENS = Path(__file__).parents[1] / "specimens"
BY_NAME = {check.name: check for check in checks("environment")}

BROKEN = [
    ("target_is_importable", "Named", "Named.name is 'knob', expected 'dial' as in the spec; give both one name"),
    ("target_is_importable", "Half", "Half lacks tasks, expected every abstract method of rftcore.environment:Env"),
    (
        "target_is_importable",
        "WAYS",
        "is ('left', 'right'), expected a class that derives from rftcore.environment:Env",
    ),
    ("target_is_importable", "Nothing", "target 'worlds:Nothing' cannot be imported (AttributeError: module 'worlds'"),
    ("can_be_built", "enders:Unbuilt", "it raised OSError: the dial is not there ("),
    ("can_be_built", "enders:Empty", "dial lists no test tasks of difficulty 'easy', expected one at least"),
    ("config_is_strict", "Loose", "the key 'no_such_option' was accepted, expected an error; drop `extra`"),
    ("difficulties_are_declared", "Levels", "the difficulty 'Very Hard' was found, expected lower-case letters"),
    ("difficulties_are_declared", "Levels", "is ('easy', 'Very Hard', 'easy'), expected each name once"),
    (
        "splits_are_disjoint",
        "Overlapping",
        "'dial/easy/test/0' of dial has the content of the train task 'dial/easy/tr",
    ),
    (
        "tasks_say_what_they_are",
        "Mislabelled",
        "says that it is of safe/train/easy, expected dial/train/easy and an id",
    ),
    ("lists_are_stable", "Unordered", "in another process, the list dial/easy/test is another one, expected the same"),
    ("begins_alike", "Elsewhere", "task 'dial/easy/train/0' begins here with 'Dial number "),
    ("begins_alike", "Begun", "expected the same first observation each time: report it to the authors"),
    (
        "steps_are_whole",
        "Unshown",
        "while the episode shows 'A dial.', expected the same; set self.observation in step()",
    ),
    ("steps_are_whole", "NotANumber", "gave the reward nan, expected a finite number; give 0.0 where nothing was"),
    ("replays_equal", "Unrepeatable", "the second time, expected the same each time; let all that is random follow"),
    ("replays_equal", "Listing", "task 'dial/easy/train/0', turn 0: the available actions were "),
    ("episodes_are_apart", "Shared", "while others were played, expected the same as alone; keep what changes in the"),
    (
        "bad_actions_are_answered",
        "Fragile",
        "'пойти на север' raised KeyError: 'пойти на север', expected an observation",
    ),
    ("bad_actions_are_answered", "Lenient", "expected valid=False and no end; what is blank is no action"),
    ("the_end_is_final", "Endless", "expected the last step again; keep it, and return it once the episode is over"),
    (
        "truncation_is_no_end",
        "OutOfTurns",
        "who does nothing is told after 8 turns, which is max_turns, that the task is",
    ),
    (
        "truncation_is_no_end",
        "Cut",
        "the step is truncated and terminated, expected one of them; an episode that stops",
    ),
    ("close_is_idempotent", "Brittle", "after at most 0 turns the second close() raised AttributeError"),
    (
        "rewards_are_in_range",
        "Generous",
        "earned 100, expected 0 to 1; correct the reward, or declare another reward_ran",
    ),
    ("rewards_tell_agents_apart", "Constant", "all have the return 0.5 on 8 tasks, expected a difference; nothing can"),
    ("expert_succeeds", "Unsolved", "the expert ends after 8 turns of 8 with Step(observation='It is at"),
    ("answer_stays_private", "Leaking", "observation 0: the private answer is in 'A dial. Do not try zqxanswer.'"),
    ("answer_stays_private", "combinations:Spilling", "observation 0: the private answer is in 'A dial. Do not try "),
    ("answer_stays_private", "tellers:ListForm", "observation 0: the private answer is in 'A dial. The secret is "),
    ("answer_stays_private", "tellers:TextAfter", "observation 1: the private answer is in 'Wrong, it was "),
    ("answer_stays_private", "tellers:Late", "observation 0: the private answer is in 'A dial. The secret is zqxans"),
    ("facts_are_plain", "Wordy", "facts()['vocabulary_words'] is 7, expected 6, which vocabulary() has"),
    ("facts_are_plain", "Wordy", "facts()['feedback'] is True, expected str; reports print it"),
    ("facts_are_plain", "Wordy", "facts() has 'expert_turns_absurd', expected the name of a difficulty at its end"),
    ("facts_are_plain", "Wordy", "facts()['more'] is [1], expected text, a number, True or False"),
    (
        "action_list_is_shown_as_asked",
        "Unlisted",
        "with action_list='first' the observation 'A dial.' has no list of act",
    ),
    (
        "actions_follow_templates",
        "Undeclared",
        " has none of the 1 forms in action_templates, expected one for every action; add it",
    ),
    (
        "actions_follow_templates",
        "Doubled",
        "the form 'turn {way} {way}' in action_templates cannot be told from others by its verb and the names of its",
    ),
    ("threads_play_alike", "Threaded", "beside seven other episodes, expected the same as alone; keep what changes in"),
    (
        "copies_play_alike",
        "Locked",
        "the environment cannot be pickled (TypeError: cannot pickle '_thread.lock' object",
    ),
    (
        "copies_play_alike",
        "Forgetful",
        "went another way in the copy, from turn 0 on, expected the same steps; let the",
    ),
    (
        "nothing_is_left_behind",
        "Untidy",
        "8 closed episodes left 8 threads more than there were (lingering, lingering, l",
    ),
    (
        "nothing_is_left_behind",
        "Untidy",
        "is in the folder for temporary files after the interpreter has ended, expected",
    ),
    (
        "starts_keep_memory",
        "Hoarding",
        "blocks of memory behind, expected less than 0.5; look for a list, a dictionary",
    ),
    ("walks_keep_memory", "Recording", "each of the last 20 of 40 episodes left "),
    ("nothing_is_left_behind", "Connected", "8 closed episodes left 16 sockets more than there were (socket:["),
    ("nothing_is_left_behind", "Connected", "8 closed episodes left 8 processes more than there were ("),
    (
        "nothing_is_left_behind",
        "Connected",
        " goes on after the interpreter has ended, expected its end; end it at exit",
    ),
    (
        "walks_keep_memory",
        "Swelling",
        " KiB behind, expected 16 MiB at most in all; look for what is allocated outside",
    ),
]
"""Check, specimen, and what it must say."""

INSTALLED = {
    "announced_once": "environment 'counting' has 2 owners: rftcore-abacus 1.0 and rftcore-counting 1.2; expected one",
    "plugin_module_is_light": "importing rftcore_abacus.plugin imports rftcore_counting.environment, expected none of",
    "readme_is_complete": "rftcore-abacus has no README, expected one; name it in pyproject.toml: readme = 'README.md'",
    "readme_states_sizes": "the README does not say how many tasks some lists have, expected their numbers: easy/train "
    "has 3, easy/test has 2, hard/train has 3, hard/test has 2; state them, and install rftcore-abacus again, editable "
    "or not: the README that it was installed with is read",
}
"""What is said of a distribution that announces somebody else's name, all at once, and tells nobody about it."""


@pytest.fixture
def specimen(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], World]:
    """`specimen(class)` is one of `specimens/worlds.py`, or of another module; memory is watched for a short while."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "specimens"))
    monkeypatch.setattr(lifetimes, "STARTS", 200)
    monkeypatch.setattr(lifetimes, "WALKS", 40)

    def world(kind: str) -> World:
        target = kind if ":" in kind else f"worlds:{kind}"
        return World(EnvironmentSpec(name="dial", target=target, summary="turn a dial"))

    return world


@pytest.mark.parametrize(("name", "kind", "sentence"), BROKEN, ids=lambda value: value if len(value) < 40 else "")
def test_a_check_finds_its_specimen(name: str, kind: str, sentence: str, specimen: Callable[[str], World]) -> None:
    result = run(BY_NAME[name], specimen(kind))
    assert result.verdict == "broken"
    assert any(sentence in problem for problem in result.problems), result.problems


def test_every_check_has_a_specimen() -> None:
    assert {name for name, _, _ in BROKEN} | set(INSTALLED) == set(BY_NAME)


def test_a_sound_environment_breaks_nothing(specimen: Callable[[str], World]) -> None:
    results = {result.check: result for result in results_of(specimen("Dial"), "full")}
    assert {name: result.problems for name, result in results.items() if result.verdict == "broken"} == {}
    apart = {name for name, result in results.items() if result.verdict == "not applicable"}
    assert apart == set(INSTALLED)  # a spec by itself has no distribution


def test_an_answer_that_stands_in_every_task_by_chance_is_no_leak(specimen: Callable[[str], World]) -> None:
    world = specimen("combinations:Coincident")
    assert any(str(task.answer) in world.walk(task, "idle").first for task in world.tasks if len(task.answer) >= 6)
    result = run(BY_NAME["answer_stays_private"], world)
    assert (result.verdict, result.problems) == ("kept", ())
    assert result.remark.startswith(
        "of 8 answers themselves 4 were looked for, with random actions or none; 4 were not, being shorter than 6 "
        "letters; with a mark in place of one it raised ValueError: tuple.index(x): x not in tuple"
    )


def test_an_answer_that_an_observation_repeats_after_the_agent_is_no_leak(specimen: Callable[[str], World]) -> None:
    world = specimen("tellers:Repeated")
    task = next(task for task in world.tasks if len(" ".join(task.answer)) >= 6)
    assert " ".join(task.answer) in world.walk(task, "random").observations[1]
    result = run(BY_NAME["answer_stays_private"], world)
    assert (result.verdict, result.problems) == ("kept", ())


def test_where_no_answer_can_be_looked_for_the_check_says_so(specimen: Callable[[str], World]) -> None:
    result = run(BY_NAME["answer_stays_private"], specimen("tellers:Digits"))
    assert (result.verdict, result.problems) == ("not applicable", ())
    assert result.remark.startswith(
        "of 8 answers themselves 0 were looked for, with random actions or none; 8 were not, being shorter than 6 "
        "letters; with a mark in place of one it raised IndexError: tuple index out of range"
    )


def test_equal_returns_prove_nothing_for_a_bridge_that_cannot_have_an_expert(specimen: Callable[[str], World]) -> None:
    verdicts = {}
    for bridge, expert in ((False, False), (True, True), (True, False)):
        world = specimen("Constant")
        world.spec, world.has_expert = replace(world.spec, bridge=bridge), expert
        verdicts[bridge, expert] = run(BY_NAME["rewards_tell_agents_apart"], world).verdict
    assert verdicts == {(False, False): "broken", (True, True): "broken", (True, False): "not applicable"}


def test_what_raises_is_said_with_the_line_of_the_component(specimen: Callable[[str], World]) -> None:
    source = (Path(__file__).parents[1] / "specimens" / "worlds.py").read_text(encoding="utf-8").splitlines()
    line = source.index("        return task.dificulty  # surfaces in pydantic") + 1
    said = (
        f"it raised AttributeError: 'Task' object has no attribute 'dificulty' ({SPECIMENS / 'worlds.py'}, line {line})"
    )
    here = run(BY_NAME["steps_are_whole"], specimen("Misspelt"))
    assert here.problems == (f"{said}, expected no exception; mend what raises there",)
    elsewhere = run(BY_NAME["lists_are_stable"], specimen("Misspelt"))
    assert elsewhere.problems == (f"in another process {said}, expected an answer; mend what fails there",)


def test_what_the_interpreter_keeps_is_not_taken_for_a_leak(specimen: Callable[[str], World]) -> None:
    result = run(BY_NAME["walks_keep_memory"], specimen("burdens:Warming"))
    assert (result.verdict, result.problems) == ("kept", ())


def test_a_thread_that_ends_while_it_is_looked_at_has_no_children(monkeypatch: pytest.MonkeyPatch) -> None:
    listed, before = traces._listed, traces.traces().processes
    monkeypatch.setattr(traces, "_listed", lambda folder: [*listed(folder), Path(folder) / "ended"])
    assert traces.traces().processes == before


class Clock:
    """A clock that goes on only while somebody sleeps."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_slow_environment_has_more_time_until_its_memory_can_be_judged(
    specimen: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    tardy, clock = specimen("burdens:Tardy").described(), Clock()
    with monkeypatch.context() as patch:
        patch.setattr(traces, "time", clock)
        patch.setattr(import_module("burdens"), "time", clock)
        slow = growth(tardy, whole=True, count=10**9, seconds=0.8, least=4)
    assert (slow["episodes"], slow["counted"]) == (16, 4)
    assert slow["seconds"] > 0.8
    monkeypatch.setattr(lifetimes, "SECONDS", 0.01)
    monkeypatch.setattr(lifetimes, "WALKS", 10**9)
    result = run(BY_NAME["walks_keep_memory"], specimen("burdens:Tardy"))
    assert result.verdict == "not applicable"
    assert re.search(r"of 1000000000 episodes in \d+ s are too few to tell a leak", result.remark)


def test_what_a_distribution_says_of_itself_is_checked_where_it_is_installed(site: Site) -> None:
    counting = Path(__file__).parents[1] / "specimens" / "rftcore_counting"
    (site.folder / "rftcore_counting").symlink_to(counting)
    site.install("rftcore-counting", version="1.2")
    announcing = (counting / "plugin.py").read_text(encoding="utf-8")
    site.install("rftcore-abacus", f"{announcing}\n\nimport rftcore_counting.environment\n", key="abacus")
    done = site.rftcore("check", "counting", "--json")
    assert done.returncode == 1, done.stderr
    (report,) = json.loads(done.stdout)["reports"]
    found = {result["check"]: result["problems"] for result in report["results"]}
    for name, sentence in INSTALLED.items():
        assert any(sentence in problem for problem in found[name]), found[name]


def test_where_the_class_is_no_environment_nothing_else_is_asked(specimen: Callable[[str], World]) -> None:
    results = list(results_of(specimen("Nothing"), "light"))
    place = next(number for number, result in enumerate(results) if result.check == "target_is_importable")
    assert results[place].verdict == "broken"
    assert {(result.verdict, result.remark) for result in results[place + 1 :]} == {
        ("not run", "target_is_importable failed")
    }
