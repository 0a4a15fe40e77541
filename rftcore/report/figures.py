"""How numbers are written for people: one precision for each kind of figure, everywhere the same.

Scores are percentages and changes are percentage points with one decimal; interval bounds are whole numbers, because
their own noise is larger than a decimal. A figure that does not exist is a dash, never a zero. Everything is ASCII, so
that any terminal can show it; `typeset` gives the page its real minus signs.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

MISSING = "-"
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
"""Not `%B`, which depends on the reader's locale."""


def typeset(text: str) -> str:
    """Return `text` with typographic minus signs before numbers, and a dash where a figure is missing."""
    return "\u2013" if text == MISSING else re.sub(r"(?<!\w)-(?=\d)", "\u2212", text)


def percent(fraction: float | None) -> str:
    """0.7416 -> `74.2`."""
    return MISSING if fraction is None else f"{100 * fraction:.1f}"


def points(fraction: float | None) -> str:
    """0.0312 -> `+3.1`, -0.5 -> `-50.0`; what rounds to nothing has no sign."""
    if fraction is None:
        return MISSING
    text = f"{100 * fraction:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def bounds(low: float | None, high: float | None) -> str:
    """(0.661, 0.809) -> `66 to 81`."""
    return MISSING if low is None or high is None else f"{_whole(low)} to {_whole(high)}"


def signed_bounds(low: float | None, high: float | None) -> str:
    """(-0.02, 0.31) -> `-2 to +31`."""
    return MISSING if low is None or high is None else f"{_whole(low, '+')} to {_whole(high, '+')}"


def probability(value: float | None) -> str:
    """0.00004 -> `<0.001`, 0.0312 -> `0.031`."""
    if value is None:
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def mean(value: float | None) -> str:
    """4.1937 -> `4.2`, 624.58 -> `625`."""
    if value is None:
        return MISSING
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"


def duration(seconds: float) -> str:
    """512.3 -> `8 min 32 s`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def size(count: float) -> str:
    """4_530_608 -> `5 MB`, 2_640_000_000 -> `2.6 GB`."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def moment(text: str) -> str:
    """`2026-11-25T22:58:26+00:00` -> `25 November 2026, 22:58 UTC`; what is no time stays as it is."""
    try:
        at = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return text
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M} UTC"


def at_most(value: float) -> str:
    """0.0000134 -> `2e-05`: an upper bound in one digit, never below the value itself."""
    if value <= 0:
        return f"{value:.0e}"
    power = math.floor(math.log10(value))
    digit = math.ceil(value / 10.0**power - 1e-9)
    return f"{digit * 10.0**power:.0e}"


def count(number: int, noun: str, plural: str = "") -> str:
    """(1, `cell`) -> `1 cell`, (2000, `cell`) -> `2,000 cells`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _whole(fraction: float, sign: str = "") -> str:
    text = f"{100 * fraction:{sign}.0f}"
    return "0" if text in ("+0", "-0") else text
