"""Translates actions between an environment's own syntax and the shifted one.

What is not in the shifted syntax must not be understood, the environment's own syntax included. So it reaches the
environment with an x for every letter and digit, and is answered like any other nonsense; where the answer quotes it,
the agent reads what it wrote.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import partial
from typing import Literal

from rftcore.action_template import ActionTemplate, most_specific, parse
from rftcore.errors import EpisodeError
from rftcore_shift.forms import JSON, Form, Plain, ToolCall
from rftcore_shift.verbs import renamed, table

Kind = Literal["plain", "json", "tool"]
_FORMS: dict[Kind, type[JSON]] = {"json": JSON, "tool": ToolCall}
_SIGN = re.compile(r"\w")


class Syntax:
    """The shifted syntax of an environment with `templates`."""

    def __init__(self, templates: Sequence[str], kind: Kind, words: dict[str, str]) -> None:
        """Take other words for some verbs. Raises ConfigError when the templates cannot be written as `kind`."""
        self._own = [ActionTemplate(text) for text in templates]
        self._ordered = most_specific(self._own)
        self._place = {template: place for place, template in enumerate(self._own)}
        shifted = [renamed(template, words) for template in self._own]
        self._form: Form = Plain(shifted) if kind == "plain" else _FORMS[kind](shifted)
        self.templates = tuple(template.text for template in shifted) if kind == "plain" else ()
        """What the environment declares now; JSON has no templates of this kind."""
        pairs = [(self._shown(place), _capitals(template)) for place, template in enumerate(self._own)]
        self.rules = "\n".join(
            [
                "Actions have another form here, and no other is understood. Write",
                *(f"{new} for {old}" for new, old in pairs if new != old),
            ]
        )

    def write(self, action: str) -> str:
        """Return the environment's action in the shifted syntax.

        Raises EpisodeError when no template covers it.
        """
        found = parse(action, self._ordered)
        if found is None:
            raise EpisodeError(
                f"the action {action!r} has none of the forms in action_templates, expected these to cover every "
                "action: report it to the authors of the environment"
            )
        return self._form.write(self._place[found[0]], found[1])

    def read(self, text: str) -> str | None:
        """Return the environment's own action, or None when `text` is not in the shifted syntax.

        An argument that makes the action another one is not in it: `{"number": "look around"}` is no number.
        """
        found = self._form.read(text)
        if found is None:
            return None
        template, arguments = self._own[found[0]], found[1]
        action = template.write(arguments)
        again = parse(action, self._ordered)
        return action if again is not None and again[0] == template else None

    def told(self, line: str) -> str:
        """Return a line of an observation with its actions in the shifted syntax.

        An action is known by its brackets or tags, such as `search[WORDS]`; one of words alone only when it is the
        whole line, as in a list of recipes.
        """
        whole = parse(line, self._ordered)
        if whole is not None and whole[0].literals[0]:
            return self._form.write(self._place[whole[0]], whole[1])
        for template in self._own:
            if template.enclosed:
                line = template.replaced(line, partial(self._form.write, self._place[template]))
        return line

    def forms(self) -> tuple[str, ...]:
        """Return each form with the names of its arguments in place of them."""
        return tuple(self._shown(place) for place in range(len(self._own)))

    def _shown(self, place: int) -> str:
        return self._form.write(place, [name.upper() for name in self._own[place].names])


def other_words(templates: Sequence[str], taken: Collection[str], key: str) -> dict[str, str]:
    """Return a table of other words for the verbs of `templates`."""
    own = (ActionTemplate(text) for text in templates)
    return table({each.verb for each in own if each.literals[0]}, taken, key)


def opaque(text: str) -> str:
    """Return text of the same length that no environment understands."""
    return _SIGN.sub("x", text)


def requoted(answer: str, sent: str, said: str) -> str:
    """Return `answer` with `said` where it quotes `sent`, whole or cut off at its end; both have one length."""
    if not _SIGN.search(sent) or sent == said:
        return answer
    for length in dict.fromkeys((len(sent), *range(min(len(sent), 200), 11, -1))):
        place = _quoted(answer, sent[:length])
        if place is not None:
            return answer[:place] + said[:length] + answer[place + length :]
    return answer


def _quoted(answer: str, text: str) -> int | None:
    """Return where `answer` has `text` as words of their own; None where it has not.

    No regular expression: there are up to 190 texts, thousands of characters each, and to compile one takes longer.
    """
    place = answer.find(text)
    while place >= 0:
        end = place + len(text)
        if not _SIGN.match(answer[place - 1 : place]) and not _SIGN.match(answer[end : end + 1]):
            return place
        place = answer.find(text, place + 1)
    return None


def _capitals(template: ActionTemplate) -> str:
    return template.write([name.upper() for name in template.names])
