"""Find the tasks: play the gold path of every candidate and store how many turns it took.

python -m rftcore_sciworld.survey          # about an hour on one core; goes on where it was, rewrites two files
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from rftcore.schemas.task import Split
from rftcore_sciworld.tasks import FILE, LONG, VARIATIONS, candidates
from rftcore_sciworld.words import FILE as WORDS
from rftcore_sciworld.words import WORD
from rftcore_sciworld.world import World

TOO_LONG = 100
"""Turns of a gold path beyond which a variation is no task; the simulator's Python package stops there, too."""
BEYOND = (
    "inclined-plane-friction-unnamed-surfaces",
    "mendelian-genetics-known-plant",
    "mendelian-genetics-unknown-plant",
)
"""Kinds whose gold paths all take more than that; those of the last two take half a minute each to be found."""

Turns: TypeAlias = dict[str, dict[Split, list[int]]]


class Survey:
    """Plays candidates, and remembers their turns and words."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._world = World()
        self._begun: set[tuple[str, ...]] = set()
        self.turns: Turns = {kind: {"train": [], "test": []} for kind in VARIATIONS}
        self.words: set[str] = set()
        if (folder / FILE).exists():
            self.turns |= json.loads((folder / FILE).read_text(encoding="ascii"))
            self.words |= set((folder / WORDS).read_text(encoding="utf-8").split())

    def measure(self, kind: str, variation: int) -> int:
        """Return in how many turns the gold path ends with the whole score.

        0 when it does not within `TOO_LONG`, and when an earlier candidate begins and is solved alike.
        """
        gold = self._world.gold(kind, variation)
        begin = self._world.load(kind, variation)
        if len(gold) > TOO_LONG or (known := (*begin, *gold)) in self._begun:
            return 0
        self._begun.add(known)
        self._read(*begin, *gold)
        for turns, action in enumerate(gold, start=1):
            outcome = self._world.step(action)
            self._read(outcome.observation)
            if outcome.over:
                return turns if outcome.score == 100 else 0
        return 0

    def save(self) -> None:
        """Write both files."""
        rows = [f' "{kind}": {json.dumps(splits)}' for kind, splits in self.turns.items()]
        (self._folder / FILE).write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="ascii")
        (self._folder / WORDS).write_text("\n".join(sorted(self.words)) + "\n", encoding="utf-8")

    def _read(self, *texts: str) -> None:
        for text in texts:
            self.words.update(WORD.findall(text))


def pending(turns: Turns) -> Iterator[tuple[str, Split, int]]:
    """Yield what was not played yet: the first candidate of every kind and split, then the second; long ones last."""
    found: list[tuple[bool, int, str, Split, int]] = []
    for kind, splits in turns.items():
        for split, done in splits.items():
            for rank, variation in enumerate(candidates(kind, split)):
                if rank >= len(done) and kind not in BEYOND:
                    found.append((kind in LONG, rank, kind, split, variation))
    for _, _, kind, split, variation in sorted(found, key=lambda item: item[:2]):
        yield kind, split, variation


def main() -> None:
    """Play everything that is pending and rewrite the stored files."""
    survey = Survey(Path(__file__).parent)
    for number, (kind, split, variation) in enumerate(pending(survey.turns)):
        survey.turns[kind][split].append(survey.measure(kind, variation))
        if number % 20 == 0:
            survey.save()
    survey.save()


if __name__ == "__main__":
    main()
