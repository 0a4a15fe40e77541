"""Templates of actions: what an environment declares its actions to be made of.

Text worlds call them so since Jericho (arXiv 1909.05398, section 4): a verb and the places of its arguments, as in
`take {thing} from {place}`. `{number}` stands for digits, any other name for any text. Whoever writes an action in
another form (JSON, other verbs) reads its arguments with the environment's own templates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

_PLACE = re.compile(r"\{([a-z_]+)\}")
_VERB = re.compile(r"[^\w{]*([a-z]\w*(?: [a-z]\w*)*)")


@dataclass(frozen=True)
class ActionTemplate:
    """One form of an action, such as `take {thing} from {place}`.

    Example: `ActionTemplate("take {thing} from {place}").read("take cup 1 from sink 1")` is `("cup 1", "sink 1")`.
    """

    text: str

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What stands at the places of the arguments, in order."""
        return tuple(_PLACE.findall(self.text))

    @cached_property
    def verb(self) -> str:
        """The words before the first argument; without any, the name of that argument."""
        found = _VERB.match(self.text)
        return found[1] if found else self.names[0]

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """The texts around the arguments, one more than there are arguments."""
        return tuple(_PLACE.split(self.text)[::2])

    def read(self, action: str) -> tuple[str, ...] | None:
        """Return the arguments of `action`, or None when it has another form. Case and space around do not matter."""
        found = self._pattern.fullmatch(action.strip())
        return None if found is None else found.groups()

    def write(self, arguments: Sequence[str]) -> str:
        """Return the action with these arguments, one for each of `names`."""
        pieces = [self.literals[0]]
        for argument, literal in zip(arguments, self.literals[1:], strict=True):
            pieces += [argument, literal]
        return "".join(pieces)

    @cached_property
    def enclosed(self) -> bool:
        """Whether signs show where it begins and ends, as in `search[{words}]`, so that it is known inside a text."""
        first, last = self.literals[0][-1:], self.literals[-1][-1:]
        return bool(self.names) and all(sign and not sign.isalnum() and not sign.isspace() for sign in (first, last))

    def replaced(self, text: str, write: Callable[[tuple[str, ...]], str]) -> str:
        """Return `text` with `write` of the arguments wherever it has this form."""
        return self._pattern.sub(lambda found: write(found.groups()), text)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        places = [r"(\d+)" if name == "number" else "(.+?)" for name in self.names]
        pieces = [re.escape(self.literals[0])]
        for place, literal in zip(places, self.literals[1:], strict=True):
            pieces += [place, re.escape(literal)]
        return re.compile("".join(pieces), re.IGNORECASE | re.DOTALL)


def ambiguous(templates: Sequence[ActionTemplate]) -> ActionTemplate | None:
    """Return the first template whose actions no form with named arguments, as in JSON, can tell apart; else None.

    Its arguments have one name twice, or are called `action`, or another template has the same verb and names.
    """
    signatures = [(template.verb.replace(" ", "_"), frozenset(template.names)) for template in templates]
    for place, (template, signature) in enumerate(zip(templates, signatures, strict=True)):
        twice = len(signature[1]) < len(template.names)
        if twice or "action" in template.names or signature in signatures[:place]:
            return template
    return None


def most_specific(templates: Iterable[ActionTemplate]) -> tuple[ActionTemplate, ...]:
    """Return `templates` in the order in which an action is looked for among them: the longest texts first."""
    return tuple(sorted(templates, key=lambda each: (-sum(map(len, each.literals)), each.text)))


def parse(action: str, templates: Iterable[ActionTemplate]) -> tuple[ActionTemplate, tuple[str, ...]] | None:
    """Return the first template that `action` has the form of, and the arguments; None without one."""
    for template in templates:
        arguments = template.read(action)
        if arguments is not None:
            return template, arguments
    return None
