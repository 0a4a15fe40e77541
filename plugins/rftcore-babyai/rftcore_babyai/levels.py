"""The forty levels of AgentGym's BabyAI, by number, and how hard they are by their structure.

AgentGym numbers a task `level = index % 40 + 1`, `seed = index // 40`. A level is built by minigrid itself; nothing of
its generation is repeated here.
"""

from __future__ import annotations

LEVELS: dict[int, str] = dict(
    enumerate(
        (
            "GoToRedBallGrey GoToRedBall GoToRedBallNoDists GoToObjS6 GoToLocalS8N7 GoToObjMazeS7 GoToImpUnlock "
            "GoToSeqS5R2 GoToRedBlueBall GoToDoor GoToObjDoor Open OpenRedDoor OpenDoorLoc OpenRedBlueDoorsDebug "
            "OpenDoorsOrderN4Debug Pickup UnblockPickup PickupLoc PickupDistDebug PickupAbove PutNextLocalS6N4 "
            "PutNextS7N4Carrying Unlock UnlockLocalDist KeyInBox UnlockPickupDist BlockedUnlockPickup UnlockToUnlock "
            "ActionObjDoor FindObjS7 KeyCorridorS6R3 OneRoomS20 MoveTwoAcrossS8N9 SynthS5R2 SynthLoc SynthSeq "
            "MiniBossLevel BossLevel BossLevelNoUnlock"
        ).split(),
        start=1,
    )
)
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
