"""The expert: minigrid's bot, translated into the longest text actions that do what it is about to do.

The bot plays ahead in the real world, up to the next thing that it picks up, drops, opens or reaches; then the world is
put back as it was. When the text can name that thing, its action is the advice. Otherwise the advice is the walk that
follows the bot furthest, or the bot's own next small step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from minigrid.utils.baby_ai_bot import DisappearedBoxError

from rftcore_babyai.bot import MidwayBot
from rftcore_babyai.sight import DOORS, EMPTY, FRONT, OFFSETS, STEPS, UNSEEN
from rftcore_babyai.world import DONE, DROP, FORWARD, LEFT, PICKUP, RIGHT, TOGGLE

if TYPE_CHECKING:
    from rftcore_babyai.episode import BabyAIEpisode

PATIENCE = 300
"""Low-level steps that the bot may think ahead; some levels send it in circles."""

_SMALL = {LEFT: "turn left", RIGHT: "turn right", FORWARD: "move forward", DROP: "drop", TOGGLE: "toggle"}


class _Deed(NamedTuple):
    """The next thing that the bot does to the world, and how it gets there."""

    poses: list[tuple[int, int, int]]
    """Where it stands before each step; the first is now."""
    first: int
    """Its first low-level action."""
    action: int
    """The low-level action that does the thing."""
    place: tuple[int, int]
    """The cell in front of it when it does."""
    ends: bool
    """The mission is over then."""
    passes: bool
    """It walks on into that cell."""


def advise(episode: BabyAIEpisode) -> str | None:
    """Return the expert's action in the present state of `episode`, or None when the bot does not know how."""
    for empty_hands in (False, True):
        if empty_hands and episode.world.carried == EMPTY:
            break
        deed = _foresee(episode, empty_hands)
        if deed is not None:
            return _by_name(episode, deed) or _by_walk(episode, deed)
    return None


def _foresee(episode: BabyAIEpisode, empty_hands: bool) -> _Deed | None:
    world = episode.world
    saved = world.save()
    poses: list[tuple[int, int, int]] = []
    first = -1
    action = None
    try:
        bot = MidwayBot(world, episode.seen, empty_hands)
        for _ in range(PATIENCE):
            action = int(bot.replan(action))
            if action == DONE:
                return None
            if not poses:
                first = action
            poses.append(world.pose)
            place = world.front
            _, terminated, _, changed = world.act(action)
            if terminated or (action >= PICKUP and changed):
                if action < PICKUP:
                    place = world.front
                passes = action == TOGGLE and not terminated and int(bot.replan(action)) == FORWARD
                return _Deed(poses, first, action, place, terminated, passes)
    except (AssertionError, DisappearedBoxError, IndexError, TypeError):
        return None
    finally:
        world.restore(saved)
    return None


def _by_name(episode: BabyAIEpisode, deed: _Deed) -> str | None:
    """Return the action that names the thing the bot deals with, if there is one."""
    world, scene = episode.world, episode.scene
    place = (deed.place[0] - world.x, deed.place[1] - world.y)
    if place not in OFFSETS[world.direction]:
        return None
    index = OFFSETS[world.direction].index(place)
    view = world.view()
    if view[index] in (UNSEEN, EMPTY):
        return None
    walks = {name: macro for name, macro in scene.actions.items() if macro.target == index}
    if deed.action == PICKUP:
        return next((name for name, macro in walks.items() if macro.then == (PICKUP,)), None)
    if deed.action == DROP:
        return None
    if deed.action == TOGGLE:
        opening = next((name for name, macro in walks.items() if TOGGLE in macro.then), None)
        if opening and (deed.passes or (deed.ends and episode.mended)):
            return opening
        if index == FRONT:
            return "toggle" if "toggle" in scene.actions else None
    if index == FRONT:
        return None
    return next((name for name, macro in walks.items() if not macro.then and not macro.enter), None)


def _by_walk(episode: BabyAIEpisode, deed: _Deed) -> str | None:
    """Return the walk that follows the bot's way furthest, or its first step."""
    scene, world = episode.scene, episode.world
    best, furthest = None, 1
    for name, macro in scene.actions.items():
        if macro.target is None or macro.then:
            continue
        pose = _after(world.pose, episode.primitives(macro))
        if pose in deed.poses[furthest + 1 :]:
            best, furthest = name, deed.poses.index(pose, furthest + 1)
    if best is not None:
        return best
    if deed.first == PICKUP:
        return next((name for name, macro in scene.actions.items() if macro == (FRONT, False, (PICKUP,))), None)
    name = _SMALL[deed.first]
    return name if name in scene.actions else None


def _after(pose: tuple[int, int, int], primitives: list[int]) -> tuple[int, int, int]:
    x, y, direction = pose
    for primitive in primitives:
        if primitive == FORWARD:
            x, y = x + STEPS[direction][0], y + STEPS[direction][1]
        else:
            direction = (direction + (1 if primitive == RIGHT else -1)) % 4
    return x, y, direction
