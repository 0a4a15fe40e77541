"""The house that every task is set in: which rooms have a door between them. The same in all variations."""

from __future__ import annotations

from collections import deque

DOORS: dict[str, tuple[str, ...]] = {
    "art studio": ("hallway",),
    "bathroom": ("kitchen",),
    "bedroom": ("hallway",),
    "foundry": ("outside",),
    "greenhouse": ("hallway", "outside"),
    "hallway": ("art studio", "bedroom", "greenhouse", "kitchen", "living room", "workshop"),
    "kitchen": ("bathroom", "hallway", "outside"),
    "living room": ("hallway",),
    "outside": ("foundry", "greenhouse", "kitchen"),
    "workshop": ("hallway",),
}


def walk(start: str, goal: str) -> tuple[str, ...]:
    """Return actions that lead from one room to another by the fewest doors, opening each. Empty for the same room."""
    ways: dict[str, tuple[str, ...]] = {start: ()}
    queue = deque([start])
    while goal not in ways:
        here = queue.popleft()
        for room in DOORS[here]:
            if room not in ways:
                ways[room] = (*ways[here], f"open door to {room}", f"go to {room}")
                queue.append(room)
    return ways[goal]
