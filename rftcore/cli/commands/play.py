"""`rftcore play`: a person, or the environment's expert, plays one task in the terminal.

The person sees exactly what an agent sees, and the turn limit is the agent's. Without a terminal, actions are read from
the standard input, one a line.
"""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rftcore.cli.settings import read_settings
from rftcore.cli.terminal import console
from rftcore.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rftcore.environment import Environment, Episode
    from rftcore.schemas.task import Task

_HELP = "Type an action and press Enter. A number takes the listed action, ? shows this and the rules, q quits."


def play(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Name of an installed environment.")],
    task: Annotated[str | None, typer.Option(help="Id of a task; default: one of the list, see --seed.")] = None,
    difficulty: Annotated[str | None, typer.Option(help="Default: the easiest.")] = None,
    split: Annotated[Literal["train", "test"], typer.Option(help="Which tasks.")] = "train",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Option of the environment. May be repeated.")
    ] = None,
    oracle: Annotated[bool, typer.Option("--oracle", help="Let the expert play.")] = False,
    seed: Annotated[int, typer.Option(help="Chooses the task of the list.")] = 0,
) -> None:
    """Play an environment in the terminal, or watch its expert.

    You see what an agent sees, and the turn limit is the agent's.

    Examples:

        rftcore play textcraft
        rftcore play textcraft --difficulty hard --seed 7
        rftcore play babyai --oracle
        rftcore play babyai --set max_turns=5
        printf 'inventory\\nq\\n' | rftcore play textcraft     without a terminal
    """
    from rftcore import registry

    name, colon, level = environment.partition(":")
    if colon:
        raise ConfigError(
            f"found {environment!r}, expected an environment alone; write: rftcore play {name} --difficulty {level}"
        )
    world: Environment = registry.create("environment", environment, read_settings(settings), environment)
    chosen = _task(world, environment, task, difficulty, split, seed)
    out = console()
    out.print(f"{chosen.id}\n\n{world.instructions}\n", style="dim")
    if not oracle:
        out.print(_HELP + "\n", style="dim")
    episode = world.start(chosen)
    try:
        _play(world, episode, _expert(world, chosen) if oracle else _person(world, episode))
    finally:
        episode.close()


def _play(world: Environment, episode: Episode, actions: Iterator[str]) -> None:
    """Send the actions to the episode, print what comes back, and say how it ended."""
    from rftcore.rollout import episode_return

    out = console()
    rewards: list[float] = []
    end = "stopped"
    out.print(episode.observation)
    for action in actions:
        step = episode.step(action)
        rewards.append(step.reward)
        out.print(step.observation)
        if not step.valid:
            out.print("(not understood, or not possible now)", style="yellow")
        if step.reward:
            out.print(f"reward {step.reward:g}", style="green")
        if step.terminated or step.truncated:
            end = "success" if step.success else "failure" if step.terminated else "ended by the environment"
            break
        if len(rewards) == world.max_turns:
            end = "turn limit reached"
            break
    turns = "1 turn" if len(rewards) == 1 else f"{len(rewards)} turns"
    out.print(f"\n{end} after {turns}, return {episode_return(world, rewards):g}", style="bold")


def _expert(world: Environment, task: Task) -> Iterator[str]:
    out = console()
    turn = 0
    for turn, action in enumerate(world.oracle(task), start=1):
        out.print(f"\n[{turn}/{world.max_turns}] > {action}", style="bold")
        yield action
    out.print("\nthe expert gives up" if turn else "\nthis environment has no expert for this task")


def _person(world: Environment, episode: Episode) -> Iterator[str]:
    """Yield what is typed until q or the end of the input."""
    out = console()
    shown: tuple[str, ...] | None = None
    turn = 1
    while True:
        actions = episode.available_actions()
        if actions and actions != shown:
            out.print("\n" + "\n".join(f"{number:>4}  {action}" for number, action in enumerate(actions, start=1)))
        shown = actions
        try:
            typed = input(f"\n[{turn}/{world.max_turns}] > ").strip()
        except (EOFError, KeyboardInterrupt):
            out.print()
            return
        if not sys.stdin.isatty():
            out.print(typed)
        if typed == "q":
            return
        if typed == "?":
            out.print(f"{_HELP}\n\n{world.instructions}\n\n{episode.observation}", style="dim")
            shown = None
        elif typed:
            if actions and typed.isdecimal() and 1 <= int(typed) <= len(actions):
                typed = actions[int(typed) - 1]
                out.print(typed, style="bold")
            yield typed
            turn += 1


def _task(world: Environment, name: str, wanted: str | None, difficulty: str | None, split: str, seed: int) -> Task:
    if difficulty is not None and difficulty not in world.difficulties:
        raise ConfigError(f"--difficulty {difficulty}: {name} has {', '.join(world.difficulties)}")
    if wanted is None:
        level = difficulty or world.difficulties[0]
        tasks = world.tasks("test" if split == "test" else "train", level)
        if not tasks:
            raise ConfigError(
                f"{name} has no {level} tasks in its {split} split; choose another --difficulty or --split"
            )
        return tasks[random.Random(seed).randrange(len(tasks))]
    lists = [world.tasks("train", level) for level in world.difficulties]
    lists += [world.tasks("test", level) for level in world.difficulties]
    for tasks in lists:
        for task in tasks:
            if task.id == wanted:
                return task
    from difflib import get_close_matches

    ids = [task.id for tasks in lists for task in tasks]
    close = get_close_matches(wanted, ids, n=1, cutoff=0.4)
    hint = f"did you mean {close[0]!r}?" if close else f"ids look like {ids[0]!r}" if ids else "it lists no tasks"
    raise ConfigError(f"--task {wanted}: {name} has no such task; {hint}")
