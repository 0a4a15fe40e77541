"""Gymnasium's environments through the bridge: its own, minigrid's, and small ones with every kind of space."""

from __future__ import annotations

import random
from types import ModuleType

import pytest

from rftcore import Experiment
from rftcore.errors import ConfigError, EpisodeError
from rftcore_gymnasium.actions import actions_of
from rftcore_gymnasium.environment import Gymnasium
from rftcore_gymnasium.observations import without_escapes
from rftcore_gymnasium.values import plain

TAXI = {"id": "Taxi-v4", "actions": ("south", "north", "east", "west", "pick up", "drop off")}


def test_taxi_is_played_by_the_names_of_its_actions_and_seen_as_it_draws_itself() -> None:
    taxi = Gymnasium(**TAXI, reward_range=(-10, 20))
    assert (taxi.name, taxi.max_turns, taxi.returns, taxi.difficulties) == ("taxi-v4", 200, "sum", ("all",))
    assert taxi.instructions == "Answer with one of these actions: south, north, east, west, pick up, drop off."
    episode = taxi.start(taxi.tasks("train", "all")[0])
    assert "[yellow: ]" in episode.observation and "\x1b" not in episode.observation
    step = episode.step("South")
    assert (step.reward, step.terminated, step.valid) == (-1.0, False, True)
    assert step.observation.endswith("(South)")


def test_a_delivery_in_taxi_is_a_success() -> None:
    taxi = Gymnasium(**TAXI, reward_range=(-10, 20), train=20, test=10)
    episode = taxi.start(taxi.tasks("test", "all")[0])
    rng, step = random.Random(0), None
    for _ in range(5000):
        step = episode.step(episode.random_action(rng))
        if step.terminated:
            break
    assert step is not None and (step.reward, step.terminated, step.success) == (20.0, True, True)
    assert episode.step("south") is step


def test_masked_and_unknown_actions_cost_the_lowest_reward_and_change_nothing() -> None:
    taxi = Gymnasium(**TAXI, reward_range=(-10, 20), action_list="every", train=20, test=10)
    episode = taxi.start(taxi.tasks("train", "all")[0])
    before = episode.available_actions()
    assert before is not None and "drop off" not in before
    for action in ("drop off", "fly", "", "x" * 10_000):
        step = episode.step(action)
        assert (step.reward, step.valid, step.terminated) == (-10.0, False, False)
        assert len(step.observation) < 500 and episode.available_actions() == before


def test_tasks_begin_differently_and_no_beginning_is_in_both_splits() -> None:
    taxi = Gymnasium(**TAXI)
    train, test = ([task.data["start"] for task in taxi.tasks(split, "all")] for split in ("train", "test"))
    assert (len(set(train)), len(set(test)), set(train) & set(test)) == (100, 50, set())
    more = Gymnasium(**TAXI, train=120, test=60)
    assert more.tasks("train", "all")[:100] == taxi.tasks("train", "all")


def test_where_too_few_begin_differently_the_numbers_are_said() -> None:
    with pytest.raises(ConfigError, match=r"found 1 different problems .* set distinct='seed' if tasks of FrozenLake"):
        Gymnasium(id="FrozenLake-v1").tasks("train", "all")


def test_seeds_are_tasks_where_they_are_asked_to_be() -> None:
    lake = Gymnasium(
        id="FrozenLake-v1",
        called="lake",
        distinct="seed",
        difficulties={"small": {"map_name": "4x4"}, "large": {"map_name": "8x8"}},
        actions=("left", "down", "right", "up"),
    )
    assert [task.id for task in lake.tasks("train", "small")[:2]] == ["lake/small/train/0", "lake/small/train/1"]
    assert lake.tasks("test", "large")[0].seed == 1_000_000_000
    assert len(lake.start(lake.tasks("test", "small")[0]).observation.splitlines()) == 4
    assert len(lake.start(lake.tasks("test", "large")[0]).observation.splitlines()) == 8


def test_minigrid_is_imported_for_its_ids_and_its_missions_are_read() -> None:
    grid = Gymnasium(id="minigrid:BabyAI-GoToObj-v0", max_turns=64, train=6, test=3)
    assert grid.name == "babyai-gotoobj-v0"
    observation = grid.start(grid.tasks("train", "all")[0]).observation
    assert observation.splitlines()[-1].startswith("mission: go to the ")


def test_text_is_said_as_it_is_though_nobody_chose_its_alphabet(text_games: ModuleType) -> None:
    riddle = Gymnasium(id="rftcore_tests/Riddle-v0", train=10, test=5)
    episode = riddle.start(riddle.tasks("train", "all")[0])
    word = episode.observation.removeprefix("Say ").rpartition(" ")[0]
    assert not episode.step("\n").valid and not episode.step("x" * 21).valid
    step = episode.step(f" {word}\n")
    assert (step.observation, step.reward, step.success) == ("end", 1.0, True)


def test_a_chosen_alphabet_is_kept_to(text_games: ModuleType) -> None:
    riddle = Gymnasium(id="rftcore_tests/Riddle-v0", kwargs={"alphabet": "abc"}, distinct="seed")
    episode = riddle.start(riddle.tasks("train", "all")[0])
    step = episode.step("owl")
    assert step.observation.startswith("'owl' is no action; expected a text of 1 to 20 characters out of 'abc'\nSay ")
    assert episode.step(episode.random_action(random.Random(0))).valid


def test_info_may_say_what_a_success_is(text_games: ModuleType) -> None:
    riddle = Gymnasium(id="rftcore_tests/Riddle-v0", success_info="won", distinct="seed")
    assert riddle.start(riddle.tasks("train", "all")[0]).step("wrong").success


@pytest.mark.parametrize(
    ("space", "said", "taken", "wrong"),
    [
        ("several", "1, 7", [1, 7], "1, 8"),
        ("box", "[0.5, 1]", [0.5, 1.0], "[0.5, 2]"),
        ("binary", "[1, 0, 1]", [1, 0, 1], "[1, 0, 2]"),
        ("dict", '{"to": "left", "by": 3}', {"to": "left", "by": 3}, '{"to": 1}'),
        ("tuple", "[1, [0.5]]", [1, [0.5]], "[1]"),
    ],
)
def test_actions_of_every_kind_are_read_drawn_and_refused(
    text_games: ModuleType, space: str, said: str, taken: object, wrong: str
) -> None:
    panel = Gymnasium(id="rftcore_tests/Panel-v0", kwargs={"action": space}, train=4, test=2)
    for action in (said, panel.start(panel.tasks("train", "all")[0]).random_action(random.Random(3))):
        episode = panel.start(panel.tasks("train", "all")[0])
        assert episode.observation.startswith("lever: 1\ndial: [0.")
        for nonsense in (wrong, "", "[" * 5000, "9" * 5000, "null"):
            assert not episode.step(nonsense).valid, nonsense[:20]
        step = episode.step(action)
        assert (step.observation, step.valid, step.truncated) == ("lever: 0\ndial: [0.0, 0.0]", True, True)
    read = actions_of(text_games.SPACES[space], ()).read(said, {})
    assert text_games.SPACES[space].contains(read)
    assert plain(read) == taken


def test_what_an_environment_raises_spoils_its_episode_and_not_the_run(text_games: ModuleType) -> None:
    riddle = Gymnasium(id="rftcore_tests/Riddle-v0", distinct="seed")
    with pytest.raises(EpisodeError, match=r"step\('hey!'\) raised RuntimeError: out of order"):
        riddle.start(riddle.tasks("train", "all")[0]).step("hey!")


def test_an_environment_that_does_not_follow_its_seed_is_noticed(text_games: ModuleType) -> None:
    unseeded = Gymnasium(id="rftcore_tests/Unseeded-v0", train=4, test=2)
    with pytest.raises(EpisodeError, match=r"began otherwise than when it was listed, expected reset\(seed=\d+\)"):
        unseeded.start(unseeded.tasks("train", "all")[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"id": "Nope-v0"}, r"Gymnasium does not know 'Nope-v0'.*write PACKAGE:ID"),
        ({"id": "no_such_package:Nope-v0"}, r"install the package .* pip install no-such-package"),
        ({"id": "Taxi-v4", "actions": ("north",)}, r"found 1 names \(north\), expected 6 different ones"),
        ({"id": "Taxi-v4", "kwargs": {"map": 1}}, r"Taxi-v4 cannot be made with \{'map': 1\}: TypeError"),
        ({"id": "Taxi-v4", "observations": ("a",)}, r"observations: found 1 names, expected as many .* 500"),
        ({"id": "CartPole-v1", "show": "ansi"}, r"show: found 'ansi', but it renders human, rgb_array"),
        ({"id": "CartPole-v1", "observations": ("a",)}, r"Discrete observations: 0"),
        ({"id": "Pendulum-v1", "actions": ("a",)}, r"found names for a space of Box, expected a Discrete one"),
        ({"id": "Pendulum-v1", "action_list": "every"}, r"too many to list, expected 'never'"),
        ({"id": "Blackjack-v1"}, r"registered without a limit of steps, expected one; set it here"),
        ({"id": "rftcore_tests/Panel-v0", "kwargs": {"action": "graph"}}, "of Graph"),
        (
            {"id": "rftcore_tests/Panel-v0", "kwargs": {"action": "discrete", "photograph": True}},
            r"observations are of Box with 400 numbers, expected some that can be read as text; give it an observation",
        ),
    ],
)
def test_what_cannot_be_played_is_refused_with_what_to_do(
    text_games: ModuleType, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Gymnasium(**options)


def test_colours_are_written_out() -> None:
    assert without_escapes("\x1b[41mS\x1b[0mF \x1b[34;1mY\x1b[0m\x1b[2J") == "[red:S]F [blue:Y]"


def test_an_experiment_trains_on_it_under_its_own_name() -> None:
    blueprint = Experiment(
        train="taxi-v4:all", environments={"taxi-v4": {"name": "gymnasium", "id": "Taxi-v4", "train": 20, "test": 10}}
    ).blueprint
    options = blueprint.config.environments["taxi-v4"]
    assert (options["name"], options["max_turns"], options["show"]) == ("gymnasium", 200, "ansi")
