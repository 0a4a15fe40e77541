"""Reading the elements of a large JSON file one after another, in bounded memory.

The official catalogue is an array of over a million objects in one file of some gigabytes. Nothing here holds more than
an element and what is read with it; an element that is larger, or nested too deeply, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from rftcore.errors import ConfigError

CHUNK = 1 << 20
"""Characters read at a time, at least."""
LARGEST = 16 << 20
"""Characters of the largest element that is read."""


def elements(path: Path) -> Iterator[Any]:
    """Yield the elements of the array in `path`. Raises ConfigError when it holds something else, or ends early."""
    with _Reader(path) as reader:
        reader.expect("[")
        if reader.peek() == "]":
            return
        while True:
            yield reader.value()
            if reader.expect(",", "]") == "]":
                return


def pairs(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the keys and values of the object in `path`. Raises ConfigError as `elements` does."""
    with _Reader(path) as reader:
        reader.expect("{")
        if reader.peek() == "}":
            return
        while True:
            key = reader.value()
            reader.expect(":")
            yield str(key), reader.value()
            if reader.expect(",", "}") == "}":
                return


class _Reader:
    """A file read in chunks, of which only the part not yet used is kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._decoder = json.JSONDecoder()
        self._text, self._at, self._used = "", 0, 0
        self._file: TextIO

    def __enter__(self) -> _Reader:
        try:
            self._file = self._path.open(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be read ({error}); expected a file of WebShop's data") from error
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def peek(self) -> str:
        """Return the next character that is no space; empty at the end of the file."""
        while True:
            while self._at < len(self._text):
                if not self._text[self._at].isspace():
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def expect(self, *characters: str) -> str:
        """Take the next character, one of `characters`."""
        found = self.peek()
        if found not in characters:
            raise self._wrong(f"found {found!r}" if found else "the file ends early", " or ".join(characters))
        self._at += 1
        return found

    def value(self) -> Any:
        """Take the next whole value."""
        if not self.peek():
            raise self._wrong("the file ends early", "a value")
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except RecursionError as error:
                raise self._wrong("found a value nested too deeply", "plain records") from error
            except json.JSONDecodeError as error:
                problem, end = error.msg, len(self._text)
            except ValueError as error:  # Python reads no number of thousands of digits.
                raise self._wrong(f"found a value that cannot be read ({error})", "plain records") from error
            else:
                problem = ""
            if end - self._at > LARGEST:
                raise self._wrong(f"found a value of over {LARGEST:,} characters", "smaller ones")
            # A number at the end of what was read may go on in the next chunk.
            if not problem and end < len(self._text):
                self._at = end
                return value
            if not self._more():
                if problem:
                    raise self._wrong(f"found a broken or unfinished value ({problem})", "whole JSON")
                self._at = end
                return value

    def _more(self) -> bool:
        try:
            # As much again as a value has had so far: a long one is not tried once a chunk.
            chunk = self._file.read(max(CHUNK, len(self._text) - self._at))
        except (OSError, UnicodeDecodeError) as error:
            raise self._wrong(f"cannot go on ({error})", "text in UTF-8") from error
        self._used += self._at
        self._text, self._at = self._text[self._at :] + chunk, 0
        return bool(chunk)

    def _wrong(self, found: str, expected: str) -> ConfigError:
        return ConfigError(f"{self._path}, near character {self._used + self._at}: {found}, expected {expected}")
