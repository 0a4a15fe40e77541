"""One promise that a component keeps, as a function that finds what breaks it.

A check is written as a generator of problems: sentences that say what was found, what was expected and what to do. Its
docstring of one line is its title. Whatever somebody's own code raises meanwhile is a problem like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rftcore.errors import RftError
from rftcore.testing.child import Failed
from rftcore.testing.limit import Hung
from rftcore.testing.origin import THEIRS, place, raised

if TYPE_CHECKING:
    from rftcore.testing.subject import Subject

Level = Literal["static", "light", "full"]
LEVELS: tuple[Level, ...] = ("static", "light", "full")
"""Each has the checks of those before it. static: nothing is played; light: seconds; full: what takes longer."""

Problems = Iterator[str]


class NotApplicable(Exception):
    """There is nothing to check; the message says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """A promise, and the function that yields a sentence for each way in which a subject breaks it."""

    name: str
    title: str
    level: Level
    find: Callable[[Any], Problems]
    first: bool = False
    """Where it fails, no later check can say anything."""

    def problems(self, subject: Subject) -> list[str]:
        """Return what breaks the promise; nothing when it is kept.

        A call that hangs is a problem too, and the subject is stopped: it would hang again and again. Raises
        NotApplicable when the subject has not what the promise is about.
        """
        found: list[str] = []
        target = subject.spec.target
        try:
            found.extend(self.find(subject))
        except NotApplicable:
            if not found:
                raise
        except Failed as error:
            found.append(f"in another process {error}, expected an answer; mend what fails there")
        except Hung as error:
            remedy = "limit what it waits for, and let every loop end"
            found.append(f"{error}{place(error, target)}, expected an answer whatever is asked; {remedy}")
            subject.stopped = f"{self.name} hung"
        except THEIRS as error:  # whatever somebody's own code raises breaks the promise
            told = raised(error, target)
            says_what_to_do = isinstance(error, RftError)
            found.append(told if says_what_to_do else f"{told}, expected no exception; mend what raises there")
        return found


def check(level: Level, *, first: bool = False) -> Callable[[Callable[[Any], Problems]], Check]:
    """Make a check of a generator function; its name and its docstring become those of the check."""

    def make(find: Callable[[Any], Problems]) -> Check:
        return Check(find.__name__, (find.__doc__ or "").strip(), level, find, first)

    return make
