"""A tokenizer's chat template as token pieces, so that nothing sampled is ever encoded again.

The template is rendered to text with a placeholder where the model's answer stands; the text before and after it are
the pieces. Only text from the environment is encoded, and a special token's name in it stays text: no observation ends
a turn or speaks in another role. When a template has no place for a system message, the system prompt opens the first
observation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerFast

from rftcore.errors import ConfigError, RunError

_MARK = "\u241f{}\u241f"
_ANSWER, _OBSERVATION = _MARK.format("answer"), _MARK.format("observation")


def load_tokenizer(model: Path | str) -> Any:
    """Load the tokenizer of a folder or hub id.

    A folder's `tokenizer.json` is taken as it is: the automatic choice by model type would rebuild it as another
    class and silently lose words. Raises RunError when it cannot be loaded, ConfigError without a chat template.
    """
    try:
        if (Path(model) / "tokenizer.json").is_file():
            tokenizer = PreTrainedTokenizerFast.from_pretrained(model)
        else:
            tokenizer = AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise RunError(f"no tokenizer could be loaded from {str(model)!r}: {error}") from error
    if not tokenizer.chat_template:
        raise ConfigError(f"the tokenizer of {str(model)!r} has no chat template; rftcore trains chat models")
    return tokenizer


class ChatEncoder:
    """Implements `rftcore.conversation.Encoder` for a Hugging Face tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._special = tuple(tokenizer.all_special_tokens)
        self._has_system = self._template_takes_system()
        user, answer = {"role": "user", "content": "x"}, {"role": "assistant", "content": _ANSWER}
        text = self._render([user, answer, {"role": "user", "content": _OBSERVATION}])
        _, found, tail = text.partition(_ANSWER)
        self._close, placed, self._open = tail.partition(_OBSERVATION)
        if not found or not placed:
            raise ConfigError("the chat template rewrites messages; rftcore needs them verbatim in the prompt")
        closing = set(self._encode(self._close)[:1]) & set(tokenizer.all_special_ids)
        self.stop_ids = frozenset(closing or {tokenizer.eos_token_id} - {None})
        if not self.stop_ids:
            raise ConfigError("the tokenizer names no end-of-turn token, so no answer would ever end")

    def first(self, system: str, observation: str) -> list[int]:
        if self._has_system and system:
            messages = [{"role": "system", "content": system}, {"role": "user", "content": _OBSERVATION}]
        else:
            messages = [{"role": "user", "content": f"{system}\n\n{_OBSERVATION}" if system else _OBSERVATION}]
        before, _, after = self._render(messages).partition(_OBSERVATION)
        return self._encode_within(before, observation, after)

    def next(self, observation: str, closed: bool) -> list[int]:
        ids = self._encode_within(self._close, observation, self._open)
        return ids[1:] if closed and ids[0] in self.stop_ids else ids

    def decode(self, token_ids: list[int]) -> str:
        if token_ids and token_ids[-1] in self.stop_ids:
            token_ids = token_ids[:-1]
        return str(self._tokenizer.decode(token_ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def encode_answer(self, text: str) -> list[int]:
        """Return the tokens of a demonstrated answer, end-of-turn token included."""
        return [*self._encode_within("", text, ""), min(self.stop_ids)]

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def _encode_within(self, before: str, text: str, after: str) -> list[int]:
        """Encode `text` between two parts of the template: at once, as in training, unless it names a special token."""
        if not any(name in text for name in self._special):
            return self._encode(before + text + after)
        literal = self._tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        return [*self._encode(before), *literal, *self._encode(after)]

    def _render(self, messages: list[dict[str, str]]) -> str:
        return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def _template_takes_system(self) -> bool:
        try:
            self._render([{"role": "system", "content": "x"}, {"role": "user", "content": "x"}])
        except Exception:  # a template raises whatever it likes, usually jinja2's TemplateError
            return False
        return True
