"""Searches for every fact of the encyclopaedia once and stores those that are not found.

That takes some seconds, so it is not done at start-up. Run `python -m rftcore_searchqa.verify` after any change of the
world, its passages or the index.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rftcore_searchqa.encyclopaedia import FILE, candidates, question_about, retriever
from rftcore_searchqa.protocol import title_and_text

TOPK = 3


def not_found() -> list[tuple[int, str, str]]:
    """Return number, relation and name called of each fact whose passage is not among the best three."""
    missing = []
    for thing, relation, called in candidates():
        query, title = question_about(thing, relation, called).hops[0]
        found = retriever().search(query, TOPK)
        if f'"{title}"' not in [title_and_text(passage.contents)[0] for passage in found]:
            missing.append((thing.number, relation.name, called))
    return missing


def main() -> None:
    """Write the file beside this one."""
    missing = not_found()
    lines = ",\n".join(json.dumps(fact) for fact in missing)
    Path(__file__).with_name(FILE).write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    sys.stdout.write(f"{len(missing)} of {sum(1 for _ in candidates())} facts are not found\n")


if __name__ == "__main__":
    main()
