"""What a loss promises the learner: finite, pure, and the same however rows are padded, masked and cut.

The loss is called as the learner calls it, on a few rows of ragged length in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from rftcore.conformance.subject import Subject

TOLERANCE = 1e-9
"""How far losses, figures and gradients may differ that should be equal but for rounding."""

COUNTS = (7, 3, 5, 1, 6)
"""Sampled tokens of the rows."""

Tensors = dict[str, torch.Tensor]


def check_loss_is_finite(subject: Subject) -> None:
    """The loss is one finite number with a gradient, and its figures are plain finite floats."""
    loss, figures, _ = _call(subject, _rows(subject))
    assert isinstance(loss, torch.Tensor) and loss.shape == () and loss.requires_grad, f"it returned {loss!r}"
    assert math.isfinite(loss.item()), f"it is {loss.item()}"
    for name, value in figures.items():
        assert isinstance(value, float) and math.isfinite(value), f"its figure {name!r} is {value!r}"


def check_loss_is_pure(subject: Subject) -> None:
    """Called twice on the same rows it says the same, and it changes neither them nor the config."""
    rows, config = _rows(subject), subject.algorithm.config.model_copy(deep=True)
    before = {name: tensor.detach().clone() for name, tensor in rows.items()}
    first = _measure(subject, rows)
    _require_same("the second time", first, _measure(subject, rows))
    changed = [name for name, tensor in rows.items() if not torch.equal(tensor.detach(), before[name])]
    assert not changed, f"it changed {', '.join(changed)}"
    assert subject.algorithm.config == config, "it changed the config"


def check_mask(subject: Subject) -> None:
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
        _require_same(f"with {filler} at masked positions", expected, found)
        for name, gradient in found[2].items():
            assert not gradient[outside].any(), f"masked positions of {name} have a gradient"


def check_padding(subject: Subject) -> None:
    """Further columns of padding change nothing."""
    rows = _rows(subject)
    width = rows["mask"].shape[1]
    loss, figures, gradients = _measure(
        subject, {name: torch.nn.functional.pad(tensor, (0, 4)) for name, tensor in rows.items()}
    )
    cut = {name: gradient[:, :width] for name, gradient in gradients.items()}
    _require_same("with 4 columns of padding", _measure(subject, rows), (loss, figures, cut))


def check_micro_batches(subject: Subject) -> None:
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
    _require_same("in three micro-batches", whole, (sum(part[0] for part in parts), figures, gradients))


def check_gradient(subject: Subject) -> None:
    """On policy, a step makes every token of positive advantage likelier and none less likely."""
    rows = _rows(subject)
    rows["advantages"] = rows["mask"].clone()
    for name in ("old_logprobs", "sampler_logprobs", "reference_logprobs"):
        if name in rows:
            rows[name] = rows["logprobs"].detach().clone()
    gradient = _measure(subject, rows)[2]["logprobs"][rows["mask"] == 1]
    assert (gradient < 0).all(), f"{int((gradient >= 0).sum())} of {len(gradient)} tokens have no such gradient"
    if subject.spec.needs_values:
        assert _measure(subject, rows)[2]["values"].any(), "values have no gradient"


LOSS_CHECKS: tuple[Callable[[Subject], None], ...] = (
    check_loss_is_finite,
    check_loss_is_pure,
    check_mask,
    check_padding,
    check_micro_batches,
    check_gradient,
)

Measure = tuple[float, dict[str, float], Tensors]
"""Loss, figures, and gradients by the name of what they belong to."""


def _rows(subject: Subject) -> Tensors:
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


def _call(subject: Subject, rows: Tensors) -> tuple[torch.Tensor, dict[str, float], Tensors]:
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


def _measure(subject: Subject, rows: Tensors) -> Measure:
    loss, figures, trained = _call(subject, rows)
    gradients = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
    filled = [torch.zeros_like(rows["mask"]) if gradient is None else gradient for gradient in gradients]
    return loss.item(), figures, dict(zip(trained, filled, strict=True))


def _require_same(when: str, expected: Measure, found: Measure) -> None:
    assert math.isclose(found[0], expected[0], rel_tol=TOLERANCE, abs_tol=TOLERANCE), (
        f"{when} the loss is {found[0]}, not {expected[0]}"
    )
    assert found[1].keys() == expected[1].keys(), (
        f"{when} its figures are {sorted(found[1])}, not {sorted(expected[1])}"
    )
    for name, value in expected[1].items():
        assert math.isclose(found[1][name], value, rel_tol=TOLERANCE, abs_tol=TOLERANCE), (
            f"{when} the figure {name!r} is {found[1][name]}, not {value}"
        )
    for name, gradient in expected[2].items():
        off = (found[2][name] - gradient).abs().max().item()
        assert off <= TOLERANCE, f"{when} the gradient of {name} is off by {off:.2g}"
