"""Figures of a paper that a study repeats, to be printed beside its own."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from rftcore.schemas.frozen import Frozen


class PublishedFigure(Frozen):
    """One figure, and which of the study's it belongs beside. Successes are fractions, as everywhere."""

    train: str
    """The checkpoint, by its name here: `base`, `webshop:easy`, `webshop>textcraft`."""
    environment: str
    """Where it was measured; `held-in` or `held-out` for the mean over all of them."""
    difficulty: str | None = None
    """None: the mean over the environment's difficulties."""
    measure: Literal["avg_at_k", "turns", "generated_tokens"] = "avg_at_k"
    value: float | None = None
    change: float | None = None
    """From base."""
    note: str = ""
    """What tells it from other figures of the same place, such as the model's size."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.value is None and self.change is None:
            raise ValueError("a value or a change")
        return self


class Published(Frozen):
    """What a paper reports, and what of its protocol this study could not repeat."""

    source: str
    figures: tuple[PublishedFigure, ...] = Field(min_length=1)
    unmatched: tuple[str, ...] = ()
    """Differences between the paper's protocol and this study's, a sentence each."""
