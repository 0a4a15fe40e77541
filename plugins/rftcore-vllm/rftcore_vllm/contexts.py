"""The contexts of the live conversations: vLLM gets a whole one at each turn, and finds its beginning in its cache."""

from __future__ import annotations

from rftcore.errors import RunError
from rftcore.sampler import ContextFull, Request


class Contexts:
    """What each conversation consists of, as token ids."""

    def __init__(self) -> None:
        self._contexts: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self._contexts)

    def prompt(self, request: Request, max_context: int) -> list[int]:
        """Return the context that `request` asks to continue.

        Raises ContextFull when no answer fits after it, RunError when it keeps more than the conversation has.
        """
        length = request.keep + len(request.ids)
        if length >= max_context:
            raise ContextFull(f"the context needs {length + 1} tokens, {max_context} fit")
        has = self._contexts.get(request.conversation, [])
        if request.keep > len(has) or not length:
            raise RunError(
                f"conversation {request.conversation} is asked to keep {request.keep} tokens and to add "
                f"{len(request.ids)}, but has {len(has)}: it was released"
            )
        return has[: request.keep] + list(request.ids)

    def answered(self, conversation: int, context: list[int]) -> None:
        """Note a context with its answer."""
        self._contexts[conversation] = context

    def release(self, conversation: int) -> None:
        """Forget one."""
        self._contexts.pop(conversation, None)
