"""What an episode promises: it is repeatable, on its own, deaf to nonsense, and over when it is over."""

from __future__ import annotations

import math

from rftcore.environment import Episode, Step
from rftcore.errors import SplitError
from rftcore.manifests import check_start
from rftcore.testing.check import NotApplicable, Problems, check
from rftcore.testing.environments.walk import Walker, again, difference, drawing, idle, parted, play, shown
from rftcore.testing.environments.world import World
from rftcore.testing.origin import THEIRS

BLANK = ("", " \n", "\0\0")
"""No language has these as an action."""

STRANGE = ("x" * 10_000, "пойти на север", "走る", "'; DROP TABLE tasks; --", "{0.__class__}")

LONGEST = 100_000
"""Characters of the longest observation that may answer an action."""


@check("light")
def begins_alike(world: World) -> Problems:
    """The same task begins with the same observation, here and in another process."""
    for task in world.tasks:
        try:
            check_start(world.environment, task)
        except SplitError as error:
            yield str(error)
            continue
        first, there = world.walk(task, "idle").first, world.elsewhere["first"].get(task.id)
        if there is not None and there != first:
            yield (
                f"task {task.id!r} begins here with {shown(first)} and in another process with {parted(first, there)}, "
                "expected the same; let all that is random follow from task.seed"
            )


@check("light")
def replays_equal(world: World) -> Problems:
    """The same actions give the same steps and available actions."""
    for walk in world.walks():
        found = difference(walk, again(world.environment, walk))
        if found is not None:
            yield (
                f"{found} the second time, expected the same each time; let all that is random follow from task.seed, "
                "and no order from a set"
            )


@check("light")
def episodes_are_apart(world: World) -> Problems:
    """Episodes that are played in turns go as each of them goes alone."""
    walks = [world.walk(task, "random") for task in world.tasks[:4]]
    walks += walks[:1]
    walkers = [Walker(world.environment, walk.task, drawing(walk.task)) for walk in walks]
    live = list(walkers)
    for _ in range(world.environment.max_turns):
        live = [walker for walker in live if walker.turn()]
    for walk, walker in zip(walks, walkers, strict=True):
        found = difference(walk, walker.close())
        if found is not None:
            yield (
                f"{found} while others were played, expected the same as alone; keep what changes in the episode, "
                "and nothing in the environment"
            )


@check("light")
def steps_are_whole(world: World) -> Problems:
    """A step is a Step: text, a finite reward, two flags of its end, and the episode shows the same observation."""
    for task in world.tasks:
        episode = world.environment.start(task)
        player = drawing(task)
        for turn in range(world.environment.max_turns):
            action = player(episode, turn)
            assert action is not None
            step = episode.step(action)
            problem = flaw(episode, step)
            if problem is not None:
                yield f"task {task.id!r}, turn {turn}: {shown(action)} gave {problem}"
                break
            if step.terminated or step.truncated:
                break
        episode.close()


@check("light")
def bad_actions_are_answered(world: World) -> Problems:
    """Nonsense and near misses are answered with an observation and a finite reward; what is blank is no action."""
    task = world.tasks[0]
    for action in (*BLANK, *STRANGE, *_near_misses(world)):
        episode = world.environment.start(task)
        try:
            step = episode.step(action)
        except THEIRS as error:
            yield (
                f"{shown(action)} raised {type(error).__name__}: {error}, expected an observation; answer what is not "
                "understood with valid=False"
            )
            continue
        problem = flaw(episode, step)
        if problem is not None:
            yield f"{shown(action)} gave {problem}"
        elif len(step.observation) > LONGEST:
            yield (
                f"{shown(action)} was answered with {len(step.observation)} characters, expected {LONGEST} at most; "
                "cut what is quoted"
            )
        if action in BLANK and (step.valid or step.success or step.terminated):
            yield f"{shown(action)} gave {step!r}, expected valid=False and no end; what is blank is no action"
        if world.has_expert and action in BLANK and episode.expert_action() is None:
            yield f"after {shown(action)} the expert gives up, expected an action; it has to work from any state"
        episode.close()


@check("light")
def the_end_is_final(world: World) -> Problems:
    """After the end, every action gives the last step again."""
    ended = [walk for walk in world.walks() if walk.ended]
    if not ended:
        raise NotApplicable(f"no episode of {len(world.tasks)} tasks came to an end by itself")
    for walk in ended:
        episode = world.environment.start(walk.task)
        for action in walk.actions:
            episode.step(action)
        for action in (*walk.actions[-1:], "after the end"):
            step = episode.step(action)
            if step != walk.steps[-1] or episode.observation != step.observation:
                yield (
                    f"task {walk.task.id!r}: after the end {shown(action)} gave {parted(walk.steps[-1], step)}, "
                    "expected the last step again; keep it, and return it once the episode is over"
                )
                break
        episode.close()


@check("light")
def truncation_is_no_end(world: World) -> Problems:
    """`terminated` says that the task is decided; running out of turns decides nothing."""
    for walk in world.walks():
        for turn, step in enumerate(walk.steps):
            if step.truncated and (step.terminated or step.success):
                yield (
                    f"task {walk.task.id!r}, turn {turn}: the step is truncated and "
                    f"{'terminated' if step.terminated else 'a success'}, expected one of them; an episode that stops "
                    "early is truncated alone"
                )
    limit = world.environment.max_turns
    lengths = []
    for task in world.tasks:
        walk = play(world.environment, task, idle(task), limit + 1)
        lengths.append(len(walk.steps) if walk.ended and walk.steps[-1].terminated else 0)
    if all(length == limit for length in lengths):
        yield (
            f"who does nothing is told after {limit} turns, which is max_turns, that the task is decided, expected no "
            "end; leave the limit to the rollout, which calls it truncated"
        )


@check("light")
def close_is_idempotent(world: World) -> Problems:
    """An episode can be closed twice, in the middle, at the end, and without a turn."""
    for turns in (0, 1, world.environment.max_turns):
        episode = world.environment.start(world.tasks[0])
        player = drawing(world.tasks[0])
        for turn in range(turns):
            step = episode.step(player(episode, turn) or "")
            if step.terminated or step.truncated:
                break
        for time in ("first", "second"):
            try:
                episode.close()
            except THEIRS as error:
                yield (
                    f"after at most {turns} turns the {time} close() raised {type(error).__name__}: {error}, expected "
                    "nothing; let go of what is still held, and of nothing twice"
                )
                break


def _near_misses(world: World) -> list[str]:
    """Return what almost is an action of the first task."""
    walk = world.walk(world.tasks[0], "random")
    action = walk.actions[0] if walk.actions else "look"
    return [
        action.upper(),
        f" {action} ",
        f"{action}.",
        f'"{action}"',
        f"{action} {action}",
        action.rpartition(" ")[0],
        action[:-1],
        action.replace(" ", "  "),
        f"{action}\n{action}",
    ]


def flaw(episode: Episode, step: object) -> str | None:
    """Return what is wrong with the form of a step, as the rest of a sentence."""
    if not isinstance(step, Step):
        return f"{step!r}, expected a Step; return rftcore.environment.Step"
    if not isinstance(step.observation, str):
        return f"the observation {step.observation!r}, expected text; say something"
    if isinstance(step.reward, bool) or not isinstance(step.reward, int | float) or not math.isfinite(step.reward):
        return f"the reward {step.reward!r}, expected a finite number; give 0.0 where nothing was earned"
    flags = {name: getattr(step, name) for name in ("terminated", "truncated", "success", "valid")}
    for name, value in flags.items():
        if not isinstance(value, bool):
            return f"{name}={value!r}, expected True or False"
    if episode.observation != step.observation:
        return (
            f"the observation {shown(step.observation)} while the episode shows {shown(episode.observation)}, "
            "expected the same; set self.observation in step()"
        )
    return None


EPISODE_CHECKS = (
    begins_alike,
    steps_are_whole,
    replays_equal,
    episodes_are_apart,
    bad_actions_are_answered,
    the_end_is_final,
    truncation_is_no_end,
    close_is_idempotent,
)
