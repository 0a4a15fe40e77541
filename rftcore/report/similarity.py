"""What the environments of a study have in common, to be read beside the transfer matrix.

Transfer is said to follow the similarity of action space and feedback (arXiv 2603.12011), so a reader needs both side
by side. Everything is what the environments say about themselves; nothing here is fitted to the outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rftcore.report.figures import MISSING, percent
from rftcore.report.matrix import matrix
from rftcore.schemas.report import Report

TITLE = "The environments beside each other"
LEGEND = (
    "What each environment says about itself. Expert's turns: mean over the train tasks of a difficulty. Words: of the "
    "vocabulary; shared: the part of them that an environment trained in has too. Transfer is said to follow "
    "similarity (arXiv 2603.12011): more shared words, like feedback, like lists of actions."
)

_TURNS = "expert_turns_"
_SHARED = "vocabulary_shared"


def similarity(report: Report) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Return the environments of the transfer axis, and label and values, one an environment, of each row.

    A row is there when any environment knows its value; both are empty where none says anything.
    """
    names = list(dict.fromkeys(column.environment for column in matrix(report, "transfer").columns))
    facts = [report.facts.get(name, {}) for name in names]
    turns = _keys(name for known in facts for name in known if name.startswith(_TURNS))
    trained = _keys(name for known in facts for name in _shared(known))
    rows = [
        ("feedback", _said(facts, "feedback")),
        ("lists actions", _said(facts, "lists_actions")),
        *((f"expert's turns, {name.removeprefix(_TURNS)}", _said(facts, name)) for name in turns),
        ("words", _said(facts, "vocabulary_words")),
    ]
    for other in trained:
        shares = [None if name == other else _shared(report.facts.get(name, {})).get(other) for name in names]
        rows.append((f"shared with {other}, %", [percent(share) for share in shares]))
    rows = [(label, values) for label, values in rows if any(value != MISSING for value in values)]
    return (names, rows) if rows else ([], [])


def _shared(known: Mapping[str, Any]) -> Mapping[str, float]:
    shared = known.get(_SHARED)
    return shared if isinstance(shared, Mapping) else {}


def _keys(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _said(facts: Iterable[Mapping[str, Any]], name: str) -> list[str]:
    values = [known.get(name, MISSING) for known in facts]
    return [("yes" if value else "no") if isinstance(value, bool) else str(value) for value in values]
