"""Actions that nobody should send, from a seeded stream: nonsense, near misses, and what is right at the wrong time.

They are made of what the environment itself understands: actions of its expert and of its random player with a mistake
in each, its templates with arguments that fit none, and words that it has just said.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from rftcore.action_template import ActionTemplate
from rftcore.environment import Environment, Episode

NONSENSE = (
    *("", " ", "\n", "\t\r\n", "\0", "\0\0look\0", "\x1b[2J", "\ufeff", "\u200b", "\u202eevil", "\ud83d", "\U0010ffff"),
    *(
        "пойти на север",
        "走る",
        "اذهب شمالا",
        "पकड़ो",
        "e\u0301\u0301\u0301" * 9,
        "🙂" * 30,
        "\u017f",
        "\u0130",
        "ß",
        "½",
        "٣",
        "²",
    ),
    *("'; DROP TABLE tasks; --", "{0.__class__}", "{}", "%s%n%d", "$(reboot)", "`ls`", "../../etc/passwd", "\\", "\\1"),
    *("(a+)+$", "[", "]", "[[", "(?P<x>", ".*", "^", "<script>", "&amp;", "null", "None", "true", "__import__('os')"),
    *("0", "-1", "1.5", "1e999", "NaN", "inf", "0x10", "1_000", "+7", "9" * 30, "9" * 5000, "-" * 50),
    *('{"action": ', '{"action": null}', "{" * 2000, "[" * 2000, '{"action": ["go"]}', "<tool_call>", "</tool_call>"),
    *("Action:", "Thought: I win\nAction: ", "x" * 10_000, "a b " * 5000, "\n" * 3000, '"', "''", '"' * 999),
)
"""Texts that are an action nowhere."""

_LONG = ("x", "go ", "9", "\0", "é", "[", '{"a":')
_WORD = re.compile(r"\w+(?: \d+)?")
_NUMBER = re.compile(r"\d+")
_NUMBERS = ("0", "-1", "99", "2147483648", "9" * 40, "1.0", "1e3", "٣", "")


class Adversary:
    """Draws actions for the episodes of one environment: the same ones for the same seed and the same answers."""

    def __init__(self, environment: Environment, known: Sequence[str], rng: random.Random) -> None:
        """`known` are actions that the environment understands somewhere, such as its expert's."""
        self._rng = rng
        self._known = list(known) or ["look"]
        self._templates = tuple(map(ActionTemplate, environment.action_templates))
        self._last = ""
        self._ways: tuple[Callable[[Episode], str], ...] = (
            lambda episode: episode.random_action(rng),
            lambda episode: rng.choice(self._known),
            lambda episode: self._mistaken(rng.choice(self._known)),
            lambda episode: self._mistaken(self._mistaken(episode.random_action(rng))),
            self._filled,
            lambda episode: rng.choice(NONSENSE),
            lambda episode: rng.choice(NONSENSE) + rng.choice(self._known) + rng.choice(NONSENSE),
            lambda episode: self._last,
            self._long,
        )
        self._weights = (4, 4, 6, 3, 4, 3, 1, 2, 0.1)

    def action(self, episode: Episode) -> str:
        """Return the next action."""
        (way,) = self._rng.choices(self._ways, self._weights)
        self._last = way(episode)
        return self._last

    def _filled(self, episode: Episode) -> str:
        """Return a template with words that were just said, other actions, or nonsense as its arguments."""
        rng = self._rng
        if not self._templates:
            return self._mistaken(episode.random_action(rng))
        template = rng.choice(self._templates)
        said = _WORD.findall(episode.observation[-4000:]) or ["it"]
        pools = (said, said, said, self._known, NONSENSE, _NUMBERS)
        return template.write([rng.choice(rng.choice(pools)) for _ in template.names])

    def _mistaken(self, action: str) -> str:
        """Return an action with one mistake in it."""
        rng = self._rng
        place = rng.randrange(len(action) + 1)
        words = action.split(" ")
        word = rng.randrange(len(words))
        mistake: Callable[[], str] = rng.choice(
            (
                lambda: action[:place] + action[place + 1 :],
                lambda: action[:place] + rng.choice(NONSENSE) + action[place:],
                lambda: action[:place] + rng.choice("\0\n\"'[]{}<>,.:;%\\é走") + action[place:],
                lambda: action[:place],
                lambda: action[place:],
                lambda: " ".join([*words[:word], *words[word + 1 :]]),
                lambda: " ".join([*words[: word + 1], *words[word:]]),
                lambda: " ".join([*words[:word], rng.choice(self._known), *words[word + 1 :]]),
                lambda: " ".join(rng.sample(words, len(words))),
                lambda: action.upper(),
                lambda: action.swapcase(),
                lambda: f"{action} {action}",
                lambda: f"{action}\n{rng.choice(self._known)}",
                lambda: action.replace(" ", "\u00a0"),
                lambda: action.replace("a", "\u0430").replace("e", "\u0435"),
                lambda: _NUMBER.sub(rng.choice(_NUMBERS), action),
                lambda: action[::-1],
                lambda: f'"{action}"',
            )
        )
        return mistake()

    def _long(self, episode: Episode) -> str:
        return self._rng.choice(self._known) + self._rng.choice(_LONG) * self._rng.choice((5_000, 20_000))
