"""What a loss promises the learner: finite, pure, and the same however rows are padded, masked and cut.

The loss is called as the learner calls it, on a few rows of ragged length in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from rftcore.testing.algorithms.candidate import Candidate

Problems = Iterator[str]

TOLERANCE = 1e-9
"""How far losses, figures and gradients may differ that should be equal but for rounding."""

COUNTS = (7, 3, 5, 1, 6)
"""Sampled tokens of the rows."""

Tensors = dict[str, torch.Tensor]


def loss_is_finite(subject: Candidate) -> Problems:
    """The loss is one finite number with a gradient, and its figures are plain finite floats."""
    loss, figures, _ = _call(subject, _rows(subject))
    if not (isinstance(loss, torch.Tensor) and loss.shape == () and loss.requires_grad):
        yield f"the loss is {loss!r}, expected a scalar tensor with a gradient; add up what the rows have"
    elif not math.isfinite(loss.item()):
        yield f"the loss is {loss.item()}, expected a finite number"
    for name, value in figures.items():
        if not (isinstance(value, float) and math.isfinite(value)):
            yield f"the figure {name!r} is {value!r}, expected a finite float; call item() on a tensor"


def loss_is_pure(subject: Candidate) -> Problems:
    """Called twice on the same rows it says the same, and it changes neither them nor the config."""
    rows, config = _rows(subject), subject.algorithm.config.model_copy(deep=True)
    before = {name: tensor.detach().clone() for name, tensor in rows.items()}
    first = _measure(subject, rows)
    yield from _apart("the second time", first, _measure(subject, rows))
    changed = [name for name, tensor in rows.items() if not torch.equal(tensor.detach(), before[name])]
    if changed:
        yield f"the loss changed {', '.join(changed)}, expected its arguments as they were; do nothing in place"
    if subject.algorithm.config != config:
        yield "the loss changed the config, expected it as it was"


def masked_positions_do_not_count(subject: Candidate) -> Problems:
    """What stands at masked positions, NaN included, reaches neither loss nor figures, and has exactly no gradient."""
    rows = _rows(subject)
    outside = rows["mask"] == 0
    expected = _measure(subject, rows)
    for filler in (-3.0, math.nan):
        spoiled = {
            name: tensor if name.endswith("mask") else tensor.masked_fill(outside, filler)
            for name, tensor in rows.items()
        }
        found = _measure(subject, spoiled)
        yield from _apart(f"with {filler} at masked positions", expected, found)
        for name, gradient in found[2].items():
            if gradient[outside].any():
                yield f"masked positions of {name} have a gradient, expected exactly 0; use masked_fill, then add"


def padding_does_not_count(subject: Candidate) -> Problems:
    """Further columns of padding change nothing."""
    rows = _rows(subject)
    width = rows["mask"].shape[1]
    loss, figures, gradients = _measure(
        subject, {name: torch.nn.functional.pad(tensor, (0, 4)) for name, tensor in rows.items()}
    )
    cut = {name: gradient[:, :width] for name, gradient in gradients.items()}
    yield from _apart("with 4 columns of padding", _measure(subject, rows), (loss, figures, cut))


def micro_batches_add_up(subject: Candidate) -> Problems:
    """Losses, figures and gradients of micro-batches add up to those of the whole update."""
    rows = _rows(subject)
    whole = _measure(subject, rows)
    parts = [
        _measure(subject, {name: tensor[start:end] for name, tensor in rows.items()})
        for start, end in ((0, 2), (2, 3), (3, 5))
    ]
    figures: dict[str, float] = {}
    for _, some, _ in parts:
        for name, value in some.items():
            figures[name] = figures.get(name, 0.0) + value
    gradients = {name: torch.cat([part[2][name] for part in parts]) for name in whole[2]}
    yield from _apart("in three micro-batches", whole, (sum(part[0] for part in parts), figures, gradients))


def gradient_follows_advantages(subject: Candidate) -> Problems:
    """On policy, a step makes every token of positive advantage likelier and none less likely."""
    rows = _rows(subject)
    rows["advantages"] = rows["mask"].clone()
    for name in ("old_logprobs", "sampler_logprobs", "reference_logprobs"):
        if name in rows:
            rows[name] = rows["logprobs"].detach().clone()
    gradient = _measure(subject, rows)[2]["logprobs"][rows["mask"] == 1]
    against = int((gradient >= 0).sum())
    if against:
        yield (
            f"{against} of {len(gradient)} tokens of positive advantage do not become likelier, expected all; "
            "the loss is minimized, so an advantage belongs into it with a minus"
        )
    if subject.spec.needs_values and not _measure(subject, rows)[2]["values"].any():
        yield "values have no gradient, expected one; the loss of the critic is part of the loss"


LOSS_PROMISES = (
    loss_is_finite,
    loss_is_pure,
    masked_positions_do_not_count,
    padding_does_not_count,
    micro_batches_add_up,
    gradient_follows_advantages,
)

Measure = tuple[float, dict[str, float], Tensors]
"""Loss, figures, and gradients by the name of what they belong to."""


def _rows(subject: Candidate) -> Tensors:
    """Return what the learner would hand to this loss, [rows, positions] each, 0.0 at masked positions."""
    generator = torch.Generator().manual_seed(0)
    width = max(COUNTS)
    mask = (torch.arange(width)[None] < torch.tensor(COUNTS)[:, None]).double()

    def draw(low: float, high: float) -> torch.Tensor:
        return (low + (high - low) * torch.rand(len(COUNTS), width, generator=generator, dtype=torch.double)) * mask

    logprobs = draw(-3.0, -0.1)
    rows = {
        "logprobs": logprobs,
        "old_logprobs": logprobs + draw(-0.1, 0.1),
        # The same at all tokens of a row, as credit by trajectory has it.
        "advantages": torch.linspace(-1.0, 1.5, len(COUNTS), dtype=torch.double)[:, None] * mask,
        "mask": mask,
    }
    if subject.algorithm.corrects_sampler():
        rows["sampler_logprobs"] = logprobs + draw(-0.1, 0.1)
    if subject.algorithm.reference_weight() > 0 and not subject.algorithm.reference_in_credit:
        rows["reference_logprobs"] = logprobs + draw(-0.5, 0.5)
    if subject.spec.needs_values:
        rows |= {name: draw(-1.0, 1.0) for name in ("values", "old_values", "returns")}
        rows["value_mask"] = mask * (torch.arange(width) % 2 == 0)  # a critic need not be taught at every token
    if subject.algorithm.entropy_weight() > 0:
        rows["entropy"] = -logprobs + draw(0.0, 0.5)
    return rows


def _call(subject: Candidate, rows: Tensors) -> tuple[torch.Tensor, dict[str, float], Tensors]:
    """Call the loss on some of the rows, as the learner does; return also the tensors that gradients belong to."""
    trained: Tensors = {}
    for name in rows.keys() & {"logprobs", "values", "entropy"}:
        trained[name] = rows[name].detach().clone().requires_grad_()
    loss, figures = subject.loss(
        **{"reference_logprobs": None, **rows, **trained},
        config=subject.algorithm.config,
        tokens=sum(COUNTS),
        rows=len(COUNTS),
        **({"targets": sum((count + 1) // 2 for count in COUNTS)} if "values" in rows else {}),
    )
    return loss, figures, trained


def _measure(subject: Candidate, rows: Tensors) -> Measure:
    loss, figures, trained = _call(subject, rows)
    gradients = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
    filled = [torch.zeros_like(rows["mask"]) if gradient is None else gradient for gradient in gradients]
    return loss.item(), figures, dict(zip(trained, filled, strict=True))


def _apart(when: str, expected: Measure, found: Measure) -> Problems:
    """Yield what differs more than by rounding."""
    if not _close(found[0], expected[0]):
        yield f"{when} the loss is {found[0]}, expected {expected[0]} as before"
    if found[1].keys() != expected[1].keys():
        yield f"{when} its figures are {sorted(found[1])}, expected {sorted(expected[1])} as before"
    for name, value in expected[1].items():
        if name in found[1] and not _close(found[1][name], value):
            yield f"{when} the figure {name!r} is {found[1][name]}, expected {value} as before"
    for name, gradient in expected[2].items():
        off = (found[2][name] - gradient).abs().max().item()
        if not off <= TOLERANCE:
            yield f"{when} the gradient of {name} is off by {off:.2g}, expected the same as before"


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
