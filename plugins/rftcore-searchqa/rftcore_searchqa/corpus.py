"""A corpus in Search-R1's form: JSON lines of `id` and `contents`, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rftcore.errors import ConfigError
from rftcore_searchqa.jsonlines import records

Corpus = Mapping[str, str]
"""Contents by id: the title in quotes, a line break, the text."""

MOST_PASSAGES = 1_000_000
MOST_CHARACTERS = 2_000_000_000
_ELSEWHERE = "serve a larger corpus with Search-R1's retrieval server, and set retriever=http"


def read_corpus(file: Path) -> Corpus:
    """Read a corpus, gzipped or not.

    Raises ConfigError when the file is missing, damaged or of another form, when two passages have one id, and when it
    is larger than what one process should hold.
    """
    corpus: dict[str, str] = {}
    characters = 0
    for line, record in records(file):
        key, contents = record.get("id"), record.get("contents")
        if isinstance(key, int):
            key = str(key)
        if not isinstance(key, str) or not isinstance(contents, str):
            raise ConfigError(
                f"{file}, line {line}: found the fields {', '.join(sorted(record)) or 'none'}, expected 'id' and "
                "'contents', both strings"
            )
        if key in corpus:
            raise ConfigError(
                f"{file}, line {line}: found the id {key[:80]!r} a second time, expected one passage an id"
            )
        corpus[key] = contents
        characters += len(contents)
        if len(corpus) > MOST_PASSAGES or characters > MOST_CHARACTERS:
            raise ConfigError(
                f"{file}: found more than {MOST_PASSAGES:,} passages or {MOST_CHARACTERS:,} characters; {_ELSEWHERE}"
            )
    if not corpus:
        raise ConfigError(f"{file}: found no passage, expected JSON lines with 'id' and 'contents'")
    return corpus
