"""Plays one game: text in, text out, and the list of commands that would do something."""

from __future__ import annotations

from rftcore_alfworld import rules, wording
from rftcore_alfworld.commands import LONGEST, Command, Dialect, read, write
from rftcore_alfworld.game import Game
from rftcore_alfworld.state import State


class Engine:
    """A game in progress. `observation` is what the player sees now; `admissible` is worked out when asked for."""

    def __init__(self, game: Game, dialect: Dialect, mended: bool) -> None:
        self.game, self.dialect, self.mended = game, dialect, mended
        self.state: State = game.start.copy()
        self.observation = wording.introduction(game, self.state)
        self.won = False
        self._admissible: tuple[str, ...] | None = None

    def act(self, text: str) -> bool:
        """Apply an action and return whether it was admissible; one that is not changes nothing.

        White space around it is forgiven; mended, so are letters in upper case and further white space.
        """
        command = self.understood(text)
        admissible = command is not None and rules.possible(self.game, self.state, command, self.mended)
        if command is not None and admissible:
            rules.apply(self.game, self.state, command, self.mended)
            self.observation = wording.answer(self.game, self.state, command, self.dialect, self.mended)
            self._admissible = None
        else:
            self.observation = wording.NOTHING
        self.won = self.game.done(self.state)
        return admissible

    def understood(self, text: str) -> Command | None:
        """Return the command that `text` is, possible or not."""
        if len(text) > LONGEST:
            return None
        words = " ".join(text.lower().split()) if self.mended else text.strip()
        return read(self.game, self.dialect, words)

    def admissible(self) -> tuple[str, ...]:
        """Return every command that is possible now, sorted, without duplicates."""
        if self._admissible is None:
            found = {
                write(self.game, self.dialect, command)
                for command in rules.candidates(self.game, self.state)
                if rules.possible(self.game, self.state, command, self.mended)
                and not (command.verb == "help" and self.dialect == "0.3")
            }
            self._admissible = tuple(sorted(found))
        return self._admissible
