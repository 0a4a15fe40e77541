"""A look at an episode outside a rollout: as patient as one, and as clear about whose failure it was."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from rftcore.attempts import closed, fails_episode, seen
from rftcore.environment import Environment, Episode, Step
from rftcore.errors import ConfigError, EpisodeError, Interruption, PluginError, RunError, SplitError
from rftcore.manifests import check_start
from rftcore.schemas.task import Split, Task


class Maze(Environment):
    """Its starts fail one after the other with `errors`, as long as there are any; None is one that does not fail."""

    name = "maze"
    max_turns = 1
    instructions = ""

    def __init__(self, *errors: BaseException | None, closing: BaseException | None = None) -> None:
        super().__init__()
        self.errors, self.closing = list(errors), closing
        self.started: list[str] = []
        self.closed = 0

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        return [Task(environment="maze", id=f"maze/{n}", split=split, difficulty="easy", seed=n) for n in range(2)]

    def start(self, task: Task) -> Episode:
        self.started.append(task.id)
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error
        return _Walk(self)


class _Walk(Episode):
    observation = "a wall"

    def __init__(self, maze: Maze) -> None:
        self._maze = maze

    def step(self, action: str) -> Step:
        return Step("a wall", 0.0, terminated=False)

    def close(self) -> None:
        self._maze.closed += 1
        if self._maze.closing is not None:
            raise self._maze.closing


TASKS = Maze().tasks("test", "easy")
DROPPED = ConnectionError("the game server dropped the connection")


def look(maze: Maze) -> str:
    return seen(maze, TASKS, lambda episode: episode.observation)


def test_what_fails_once_or_twice_is_tried_with_the_next_task_and_then_with_the_first_again() -> None:
    maze = Maze(DROPPED, TimeoutError("no answer in 1 s"))
    assert look(maze) == "a wall"
    assert maze.started == ["maze/0", "maze/1", "maze/0"]
    assert maze.closed == 1


@pytest.mark.parametrize("error", [DROPPED, EpisodeError("broken"), SystemExit(3), asyncio.CancelledError("gone")])
def test_the_third_failure_names_the_environment_and_the_task(error: BaseException) -> None:
    with pytest.raises(EpisodeError) as told:
        look(Maze(error, error, error))
    said = f"{type(error).__name__}: {error}"
    assert str(told.value) == f"maze: none of 3 episodes could begin; the last, of maze/0, ended with {said}"
    assert told.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [ConfigError("no Java"), SplitError("twice"), RunError("full"), KeyboardInterrupt(), Interruption()]
)
def test_what_is_for_a_person_and_what_interrupts_comes_through_at_once(error: BaseException) -> None:
    maze = Maze(error)
    with pytest.raises(type(error)) as told:
        look(maze)
    assert told.value is error
    assert maze.started == ["maze/0"]


def test_a_look_that_fails_is_a_failure_of_the_episode_and_the_episode_is_closed() -> None:
    maze, looks = Maze(), iter([DROPPED, None])

    def see(episode: Episode) -> str:
        if (error := next(looks)) is not None:
            raise error
        return episode.observation

    assert seen(maze, TASKS, see) == "a wall"
    assert (len(maze.started), maze.closed) == (2, 2)


def test_an_episode_that_cannot_be_closed_has_been_seen() -> None:
    maze = Maze(closing=OSError("connection reset"))
    assert look(maze) == "a wall"
    assert len(maze.started) == 1


def test_everything_is_closed_and_the_first_failure_is_told() -> None:
    called: list[str] = []

    def fails(name: str) -> None:
        called.append(name)
        raise OSError(name)

    assert closed(lambda: fails("voice"), lambda: called.append("sound"), lambda: fails("episode")) == "OSError: voice"
    assert called == ["voice", "sound", "episode"]
    assert closed() is None
    with pytest.raises(RunError, match="64 calls still run"):
        closed(Maze(closing=RunError("64 calls still run")).start(TASKS[0]).close)


def test_a_cancellation_is_a_failure_unless_somebody_asked_this_task_for_it() -> None:
    async def ask() -> bool:
        task = asyncio.current_task()
        assert task is not None
        assert fails_episode(asyncio.CancelledError())
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as asked:
            await asyncio.sleep(0)
        found = fails_episode(asked.value)
        task.uncancel()
        return found

    assert not asyncio.run(ask())
    assert fails_episode(asyncio.CancelledError())  # outside any event loop
    assert not fails_episode(GeneratorExit())
    assert not fails_episode(PluginError("missing"))


def test_a_first_observation_is_judged_where_a_task_can_be_started_and_left_to_the_rollout_where_not() -> None:
    maze = Maze(None, DROPPED, DROPPED)  # the second start fails twice
    check_start(maze, TASKS[0])
    assert maze.started == ["maze/0"] * 4
    check_start(Maze(DROPPED, DROPPED, DROPPED), TASKS[0])
    with pytest.raises(ConfigError, match="no Java"):
        check_start(Maze(ConfigError("no Java")), TASKS[0])
