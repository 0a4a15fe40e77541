"""The forty levels of AgentGym's BabyAI, by number, and how hard they are by their structure.

AgentGym numbers a task `level = index % 40 + 1`, `seed = index // 40`. A level is built by minigrid itself; nothing of
its generation is repeated here.
"""

from __future__ import annotations

COLORS = ("red", "green", "blue", "purple", "yellow", "grey")

LEVELS: dict[int, str] = {
    1: "GoToRedBallGrey",
    2: "GoToRedBall",
    3: "GoToRedBallNoDists",
    4: "GoToObjS6",
    5: "GoToLocalS8N7",
    6: "GoToObjMazeS7",
    7: "GoToImpUnlock",
    8: "GoToSeqS5R2",
    9: "GoToRedBlueBall",
    10: "GoToDoor",
    11: "GoToObjDoor",
    12: "Open",
    13: "OpenRedDoor",
    14: "OpenDoorLoc",
    15: "OpenRedBlueDoorsDebug",
    16: "OpenDoorsOrderN4Debug",
    17: "Pickup",
    18: "UnblockPickup",
    19: "PickupLoc",
    20: "PickupDistDebug",
    21: "PickupAbove",
    22: "PutNextLocalS6N4",
    23: "PutNextS7N4Carrying",
    24: "Unlock",
    25: "UnlockLocalDist",
    26: "KeyInBox",
    27: "UnlockPickupDist",
    28: "BlockedUnlockPickup",
    29: "UnlockToUnlock",
    30: "ActionObjDoor",
    31: "FindObjS7",
    32: "KeyCorridorS6R3",
    33: "OneRoomS20",
    34: "MoveTwoAcrossS8N9",
    35: "SynthS5R2",
    36: "SynthLoc",
    37: "SynthSeq",
    38: "MiniBossLevel",
    39: "BossLevel",
    40: "BossLevelNoUnlock",
}
"""Level name of each AgentGym level number."""

GROUPS: dict[str, tuple[int, ...]] = {
    "easy": (1, 2, 3, 4, 5, 9, 10, 11, 13, 14, 19, 20, 22, 30),
    "hard": (6, 7, 8, 12, 17, 18, 21, 24, 28, 29, 31, 32, 34, 35, 36, 37, 38, 39, 40),
}
"""Easy: one room, or about twenty low-level steps. Hard: mazes, locks, blocked ways, several instructions."""


def minigrid_id(level: str, profile: str) -> str:
    """Return the id under which minigrid 3 registers `level`.

    `GoToObjS6-v0` was registered with rooms of size 4, which is `GoToObjS4-v0` now: AgentGym's results are of that one.
    """
    if level == "GoToObjS6":
        return "BabyAI-GoToObjS4-v0" if profile == "agentgym" else "BabyAI-GoToObjS6-v1"
    return f"BabyAI-{level}-v0"
