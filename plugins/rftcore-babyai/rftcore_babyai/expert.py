"""The expert: minigrid's bot, translated into the longest text actions that do what it is about to do.

The bot plays ahead in the real world until the mission is a part further, and the world is put back as it was. What it
changes on its way are its deeds: something picked up, put down, opened, reached. The expert does them in that order. A
deed whose object the text can name is one action; otherwise the expert walks, by whatever listed walk leaves least to
go. When the agent has done something else, the bot is asked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from minigrid.envs.babyai.core.verifier import PutNextInstr, SeqInstr
from minigrid.utils.baby_ai_bot import DisappearedBoxError

from rftcore_babyai.bot import MidwayBot
from rftcore_babyai.sight import EMPTY, FRONT, OFFSETS, STEPS
from rftcore_babyai.world import DONE, DROP, FORWARD, PICKUP, RIGHT, TOGGLE

if TYPE_CHECKING:
    from rftcore_babyai.episode import BabyAIEpisode
    from rftcore_babyai.world import World

PATIENCE = 300
"""Low-level steps that the bot may think ahead; some levels send it in circles."""

REACH = -1
"""The deed of standing in front of something."""

_Pose = tuple[int, int, int]
_State = tuple[int, tuple[bool, ...], bytes]
_TURNS = ("turn left", "turn right")
_SMALL = (*_TURNS, "move forward")
_DEEDS = {DROP: "drop", TOGGLE: "toggle"}


class _Deed(NamedTuple):
    """One change of the world that the bot makes, and how it gets there."""

    before: _State
    trail: list[_Pose]
    """Where the bot stands, up to the deed."""
    action: int
    """`PICKUP`, `DROP`, `TOGGLE` or `REACH`."""
    place: tuple[int, int]
    """The cell in front of it then."""
    advances: bool
    """The mission is a part further, or over."""
    ends: bool
    """The mission is over."""


class Expert:
    """The expert of one episode; it remembers its plan between turns."""

    def __init__(self, episode: BabyAIEpisode) -> None:
        self._episode = episode
        self._plan: list[_Deed] = []

    def advise(self) -> str | None:
        """Return the best action in the present state, or None when the bot does not know how to go on."""
        advice = self._follow()
        if advice is None:
            self._plan = _foresee(self._episode)
            advice = self._follow()
        return advice

    def _follow(self) -> str | None:
        """Return the action for the plan's last deed that fits the present state."""
        now = _state(self._episode.world)
        fitting = [number for number, deed in enumerate(self._plan) if deed.before == now]
        return self._translate(fitting[-1]) if fitting else None

    def _translate(self, number: int) -> str | None:
        deed = self._plan[number]
        following = self._plan[number + 1] if number + 1 < len(self._plan) else None
        passes = following is not None and following.trail[1:2] == [(*deed.place, deed.trail[-1][2])]
        return _by_name(self._episode, deed, passes) or _by_walk(self._episode, deed)


def _state(world: World) -> _State:
    """Return all that deeds change: what is carried, which parts of the mission are done, and the grid."""
    both: list[Any] = [part for part in world.mission_parts() if isinstance(part, SeqInstr)]
    done = tuple(flag == "success" for part in both for flag in (part.a_done, part.b_done))
    return world.carried, done, bytes(world.cells)


def _foresee(episode: BabyAIEpisode) -> list[_Deed]:
    """Return the bot's deeds up to the next progress of the mission; empty when it does not get there."""
    for empty_hands in (False, True):
        if empty_hands and episode.world.carried == EMPTY:
            break
        saved = episode.world.save()
        try:
            return _play(episode, empty_hands)
        except (AssertionError, DisappearedBoxError, IndexError, TypeError):
            continue
        finally:
            episode.world.restore(saved)
    return []


def _play(episode: BabyAIEpisode, empty_hands: bool) -> list[_Deed]:
    world = episode.world
    bot: Any = MidwayBot(world, episode.seen, empty_hands)
    deeds: list[_Deed] = []
    before, trail = _state(world), [world.pose]
    action: int | None = None
    for _ in range(PATIENCE):
        action = int(bot.replan(action))
        if action == DONE:
            break
        place = world.front
        _, terminated, _, _ = world.act(action)
        if action < PICKUP:
            trail.append(world.pose)
        state = _state(world)
        if state != before or terminated:
            advances = terminated or state[1] != before[1]
            kind, place = (REACH, world.front) if action < PICKUP else (action, place)
            deeds.append(_Deed(before, trail, kind, place, advances, terminated))
            if advances:
                return deeds
            before, trail = state, [world.pose]
    return []


def _by_name(episode: BabyAIEpisode, deed: _Deed, passes: bool) -> str | None:
    """Return the action that names what the deed is done to, if there is one."""
    world, scene = episode.world, episode.scene
    place = (deed.place[0] - world.x, deed.place[1] - world.y)
    offsets = OFFSETS[world.direction]
    if deed.action == DROP or place not in offsets:
        return None
    index = offsets.index(place)
    walks = {name: macro for name, macro in scene.actions.items() if macro.target == index}
    if deed.action == PICKUP:
        return next((name for name, macro in walks.items() if macro.then == (PICKUP,)), None)
    if deed.action == TOGGLE:
        opening = next((name for name, macro in walks.items() if TOGGLE in macro.then), None)
        if opening and (passes or (deed.ends and episode.mended)):
            return opening
        if index == FRONT and "toggle" in scene.actions:
            return "toggle"
    if index == FRONT:
        return None
    return next((name for name, macro in walks.items() if not macro.then and not macro.enter), None)


def _by_walk(episode: BabyAIEpisode, deed: _Deed) -> str | None:
    """Return the walk that leaves least to go to the deed, or the deed itself when the agent is there.

    Equal walks: the first listed. While the deed's place has not been seen, a turn that the bot makes goes first.
    """
    world, scene = episode.world, episode.scene
    rest = _distances(episode, deed)
    here = rest.get(world.pose)
    if here is None:
        return None
    if here == 0:
        if deed.action == PICKUP:
            return next((name for name, macro in scene.actions.items() if macro == (FRONT, False, (PICKUP,))), None)
        name = _DEEDS.get(deed.action)
        return name if name in scene.actions else None
    searching = deed.place not in episode.seen
    best = None
    for name, macro in scene.actions.items():
        if name in _SMALL or (macro.target is not None and not macro.then):
            left = rest.get(_after(world.pose, episode.primitives(macro)), here)
            if left < here:
                best, here = name, left
                if searching and name in _TURNS:
                    break  # Look where the bot looks before walking on.
    return best


def _distances(episode: BabyAIEpisode, deed: _Deed) -> dict[_Pose, int]:
    """Return how many low-level steps each pose is from the deed, over cells that were seen.

    As long as the place of the deed has not been seen, the way is the bot's: it must look for the place.
    """
    world = episode.world
    levels: dict[int, list[_Pose]] = {len(deed.trail) - 1 - step: [pose] for step, pose in enumerate(deed.trail)}
    for x, y in _places(episode, deed):
        if (x, y) in episode.seen:
            levels.setdefault(0, []).extend((x - dx, y - dy, direction) for direction, (dx, dy) in enumerate(STEPS))
    found: dict[_Pose, int] = {}
    usable = {pose[:2] for pose in deed.trail}
    distance = 0
    while distance in levels:
        for pose in levels[distance]:
            if pose in found:
                continue
            x, y, direction = pose
            if (x, y) not in usable and not ((x, y) in episode.seen and world.free(x, y)):
                continue
            found[pose] = distance
            dx, dy = STEPS[direction]
            levels.setdefault(distance + 1, []).extend(
                ((x - dx, y - dy, direction), (x, y, (direction + 1) % 4), (x, y, (direction - 1) % 4))
            )
        distance += 1
    return found


def _places(episode: BabyAIEpisode, deed: _Deed) -> list[tuple[int, int]]:
    """Return where the deed can be done: for putting one thing next to another, on any of its free sides."""
    places = [deed.place]
    if deed.action == DROP and deed.advances:
        world = episode.world
        for part in world.mission_parts():
            if isinstance(part, PutNextInstr) and any(world.level.carrying is obj for obj in part.desc_move.obj_set):
                sides = [(int(x) + dx, int(y) + dy) for x, y in part.desc_fixed.obj_poss for dx, dy in STEPS]
                places += [place for place in sides if world.empty(*place)]
    return places


def _after(pose: _Pose, primitives: list[int]) -> _Pose:
    x, y, direction = pose
    for primitive in primitives:
        if primitive == FORWARD:
            x, y = x + STEPS[direction][0], y + STEPS[direction][1]
        else:
            direction = (direction + (1 if primitive == RIGHT else -1)) % 4
    return x, y, direction
