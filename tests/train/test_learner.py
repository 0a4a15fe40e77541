"""One update: the same however it is cut, none when it is not finite, adapters alone with LoRA."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch

from rftcore.errors import RunError
from rftcore.sampler import Completion, Request
from rftcore.schemas.config import LearnerConfig
from rftcore.train.learner import Learner
from rftcore.train.rows import Row

Make = Callable[..., Any]


def ragged(count: int = 9) -> list[Row]:
    """Rows of unlike lengths, some of which begin alike."""
    rng = random.Random(3)
    rows = []
    for index in range(count):
        ids = [4, 9, 9, *(rng.randrange(32) for _ in range(3 + 7 * index % 40))]
        positions = sorted(rng.sample(range(3, len(ids)), k=min(3 + index % 5, len(ids) - 3)))
        rows.append(Row(ids, positions, [-3.0] * len(positions), [rng.uniform(-1, 1) for _ in positions]))
    return rows


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("kind", ["qwen2", "llama", "qwen3", "gpt_neox"])
def test_logprobs_are_those_of_the_models_own_forward(kind: str, make_model: Make, make_learner: Make) -> None:
    model, rows = make_model(kind), ragged()
    for row, found in zip(rows, make_learner(model, micro_tokens=64).logprobs(rows, temperature=0.5), strict=True):
        expected = torch.log_softmax(model(torch.tensor([row.ids])).logits[0].float() / 0.5, -1)
        assert found == pytest.approx([expected[p - 1, row.ids[p]].item() for p in row.positions], abs=1e-4)


@pytest.mark.parametrize("kind", ["qwen2", "llama", "qwen3"])
def test_micro_batches_add_up_to_the_whole_update(kind: str, make_model: Make, make_learner: Make) -> None:
    small, large = (make_learner(make_model(kind), micro_tokens=tokens, max_grad_norm=1e9) for tokens in (64, 8192))
    of_small: dict[str, torch.Tensor] = {}
    of_large: dict[str, torch.Tensor] = {}
    for learner, gradients in ((small, of_small), (large, of_large)):
        learner.optimizer.step = _note(learner.model, gradients)
    one, other = small.step(ragged()), large.step(ragged())
    assert one == pytest.approx(other, rel=1e-4, abs=1e-5)
    assert of_small.keys() == of_large.keys()
    assert any((gradient != 0).any() for gradient in of_large.values())
    for name, gradient in of_large.items():
        torch.testing.assert_close(of_small[name], gradient, rtol=1e-3, atol=1e-6)


def _note(model: Any, gradients: dict[str, torch.Tensor]) -> Callable[[], None]:
    def step() -> None:
        gradients.update({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})

    return step


def test_the_figures_of_an_update_are_those_of_all_its_tokens(make_model: Make, make_learner: Make) -> None:
    learner, rows = make_learner(make_model("qwen2"), micro_tokens=64), ragged()
    now = learner.logprobs(rows)
    tokens = sum(len(row.positions) for row in rows)
    loss = -sum(a * p for row, found in zip(rows, now, strict=True) for a, p in zip(row.advantages, found, strict=True))
    figures = learner.step(rows)
    assert figures["loss"] == pytest.approx(loss / tokens, abs=1e-4)
    assert figures["half"] == pytest.approx(0.5)
    assert figures["sampler_gap"] == pytest.approx(max(abs(p + 3.0) for found in now for p in found), abs=1e-4)
    assert 0.0 < figures["entropy"] < math.log(32)
    assert figures["grad_norm"] > 0.0


def test_of_stale_tokens_the_loss_gets_the_learner_before_the_update_and_weighted_advantages(make_model: Make) -> None:
    given: list[dict[str, Any]] = []

    def loss(*, logprobs: Any, mask: Any, tokens: int, **rest: Any) -> tuple[Any, dict[str, float]]:
        given.append({**rest, "mask": mask})
        return -(logprobs * rest["advantages"] * mask).sum() / tokens, {}

    learner = Learner(make_model("qwen2"), LearnerConfig(), loss=loss, corrects_staleness=True)
    ids, ((half, same, double),) = [4, 9, 8, 7], learner.logprobs([Row([4, 9, 8, 7], [1, 2, 3], [0.0] * 3, [0.0] * 3)])
    sampled = [half + math.log(2.0), same - 1e-3, double - math.log(3.0)]  # weights 1/2, 1 and, cut, 2
    figures = learner.step([Row(ids, [1, 2, 3], sampled, [1.0, -3.0, 0.5], behind=[1, 0, 1])])
    assert given[0]["old_logprobs"].tolist() == [pytest.approx([half, same, double], abs=1e-6)]
    assert given[0]["advantages"].tolist() == [pytest.approx([0.5, -3.0 * math.exp(1e-3), 1.0], abs=1e-4)]
    assert "sampler_logprobs" not in given[0]
    assert figures["correction"] == pytest.approx((0.5 + math.exp(1e-3) + 2.0) / 3, abs=1e-5)
    assert figures["sampler_gap"] == pytest.approx(1e-3, abs=1e-5)  # of the only token by the present weights


def test_an_update_makes_good_tokens_likelier_and_bad_ones_less_likely(make_model: Make, make_learner: Make) -> None:
    learner = make_learner(make_model("llama"), learning_rate=1e-3)
    rows = [Row([4, 9, 8], [2], [-3.0], [1.0]), Row([4, 7, 6], [2], [-3.0], [-1.0])]
    before = learner.logprobs(rows)
    learner.step(rows)
    after = learner.logprobs(rows)
    assert after[0][0] > before[0][0]
    assert after[1][0] < before[1][0]


def test_minibatches_are_optimizer_steps_of_one_update(make_model: Make, make_learner: Make) -> None:
    learner, steps = make_learner(make_model("qwen2"), minibatches=4), []
    plain = learner.optimizer.step
    learner.optimizer.step = lambda: (steps.append(1), plain())
    gap = max(abs(p + 3.0) for found in learner.logprobs(ragged()) for p in found)
    assert learner.step(ragged())["sampler_gap"] <= gap + 1e-5
    assert len(steps) == 4
    learner.step(ragged(2))
    assert len(steps) == 6


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_an_error_and_changes_no_weight(
    value: float, make_model: Make, make_learner: Make
) -> None:
    calls = []

    def loss(*, logprobs: torch.Tensor, **rest: Any) -> tuple[torch.Tensor, dict[str, float]]:
        calls.append(1)
        return logprobs.sum() * (value if len(calls) > 1 else 1.0), {}

    learner = make_learner(make_model("qwen3"), loss=loss, micro_tokens=64, learning_rate=0.1)
    before = weights(learner.model)
    with pytest.raises(RunError, match=r"the loss is -?(nan|inf), because of .*: lower learner\.learning_rate"):
        learner.step(ragged())
    assert len(calls) > 1
    assert all(torch.equal(before[name], value) for name, value in weights(learner.model).items())
    assert all(parameter.grad is None for parameter in learner.model.parameters())


def named(count: int, advantages: dict[int, float] | None = None) -> list[Row]:
    """Rows of trajectories `t0`, `t1`, ... of equal length, with some advantages changed."""
    given = advantages or {}
    return [Row([4, 9, 5 + n], [2], [-3.0], [given.get(n, 1.0)], trajectory=f"t{n}") for n in range(count)]


def test_the_trajectories_behind_a_loss_that_is_not_finite_are_named(make_model: Make, make_learner: Make) -> None:
    learner = make_learner(make_model("qwen2"))
    with pytest.raises(RunError, match=r"the loss is nan, because of t1, t3\. Nothing was learned"):
        learner.step(named(5, {1: math.nan, 3: math.inf}))
    learner.step(named(5))  # the learner itself is as it was
    with pytest.raises(RunError, match=r"because of t0, t1, t2, t3, t4, t5, t6, t7 and 3 more\."):
        learner.step(named(11, dict.fromkeys(range(11), math.nan)))


def test_the_trajectories_behind_a_gradient_that_is_not_finite_are_named(make_model: Make, make_learner: Make) -> None:
    def loss(*, logprobs: torch.Tensor, advantages: torch.Tensor, **rest: Any) -> tuple[torch.Tensor, dict[str, float]]:
        steep = torch.sqrt((logprobs - logprobs.detach())[advantages < 0])  # 0, with an infinite slope
        return steep.sum() + 0.1 * logprobs.sum(), {}

    learner = make_learner(make_model("qwen2"), loss=loss, learning_rate=0.1)
    before = weights(learner.model)
    with pytest.raises(RunError, match=r"the norm of the gradient is (nan|inf), because of t2\. Nothing was learned"):
        learner.step(named(4, {2: -1.0})[2:3] + named(2))
    assert all(torch.equal(before[name], value) for name, value in weights(learner.model).items())


def test_a_gradient_that_is_not_finite_by_no_single_trajectory_says_so(make_model: Make, make_learner: Make) -> None:
    # Each slope is finite, and so is the gradient; its square is not.
    learner = make_learner(make_model("qwen2"), loss=lambda *, logprobs, **rest: (1e30 * logprobs.sum(), {}))
    with pytest.raises(RunError, match=r"the norm of the gradient is inf, because of no single trajectory\. Nothing"):
        learner.step(named(2))


def answer(sampler: Any) -> Completion:
    request = Request(0, 0, (4, 9, 9), random.Random(0), 1.0, 12, frozenset())

    async def run() -> Completion:
        completion: Completion = await sampler.sample(request)
        sampler.release(0)
        return completion

    return asyncio.run(run())


@pytest.mark.parametrize("kind", ["llama", "qwen3"])
def test_lora_trains_adapters_alone_and_the_sampler_sees_their_sum(
    kind: str, make_model: Make, make_sampler: Make, make_learner: Make
) -> None:
    learner = make_learner(make_model(kind), lora={"rank": 4}, learning_rate=0.05)
    sampler, before = make_sampler(learner.model), weights(learner.model)
    first = answer(sampler)
    for _ in range(3):
        learner.step(ragged())
    after = weights(learner.model)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all("lora_" in name for name in changed)
    sampler.sync(learner.model, 1)
    assert all(torch.equal(after[name], value) for name, value in weights(learner.model).items())
    found = answer(sampler)
    row = Row([4, 9, 9, *found.token_ids], list(range(3, 15)))
    assert learner.logprobs([row])[0] == pytest.approx(found.logprobs, abs=1e-4)
    assert found.logprobs != pytest.approx(first.logprobs, abs=1e-2)


@pytest.mark.parametrize("minibatches", [1, 3])
def test_a_loss_that_corrects_the_sampler_gets_the_learners_logprobs_before_the_update_apart(
    minibatches: int, make_model: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]] = []
    passes: list[int] = []

    def loss(
        *,
        logprobs: torch.Tensor,
        old_logprobs: torch.Tensor,
        sampler_logprobs: torch.Tensor,
        mask: torch.Tensor,
        **rest: Any,
    ) -> tuple[torch.Tensor, dict[str, float]]:
        seen.append((logprobs.detach(), old_logprobs, sampler_logprobs, mask))
        return logprobs.sum(), {}

    config = LearnerConfig(minibatches=minibatches, learning_rate=0.05, micro_tokens=64)
    learner, rows = Learner(make_model("qwen2"), config, loss=loss, corrects_sampler=True), ragged()
    before = sorted(value for own in learner.logprobs(rows) for value in own)
    own = learner.logprobs
    monkeypatch.setattr(learner, "logprobs", lambda *asked, **more: passes.append(1) or own(*asked, **more))
    learner.step(rows)
    assert len(passes) == (minibatches > 1)  # the pass of a single step tells them by itself
    old = sorted(value for _, old, _, mask in seen for value in old[mask > 0].tolist())
    assert old == pytest.approx(before, abs=1e-4)
    assert all((sampler[mask > 0] == -3.0).all() for _, _, sampler, mask in seen)
    moved = max(float(((now - old).abs() * mask).max()) for now, old, _, mask in seen)
    assert moved < 1e-4 if minibatches == 1 else moved > 1e-2


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_the_padding_token_is_learned_where_it_is_said(kind: str, make_model: Make, make_learner: Make) -> None:
    learner, gradients = make_learner(make_model(kind, pad_token_id=9)), {}
    learner.optimizer.step = _note(learner.model, gradients)
    learner.step([Row([4, 9, 5], [2], [-3.0], [1.0], trajectory="one")])
    assert float(gradients["model.embed_tokens.weight"][9].abs().max()) > 1e-4
