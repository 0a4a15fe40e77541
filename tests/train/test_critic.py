"""The critic says what its head makes of the state before a token, learns beside the policy, and is stored whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rftcore.errors import ConfigError, RunError
from rftcore.schemas.config import CriticConfig, LearnerConfig
from rftcore.train.checkpoint import load_model, optimizer_state, restore_critic, restore_optimizer, save_checkpoint
from rftcore.train.critic import Critic, explained_variance, make_critic
from rftcore.train.learner import Learner
from rftcore.train.losses import token_mean, value_error
from rftcore.train.rows import Row
from rftcore.train.tiny import TinyConfig, build_model, build_tokenizer

Make = Callable[..., Any]


def rows_with_targets() -> list[Row]:
    """Rows that share a beginning, of unlike lengths, with a target at the first sampled token of each and one more."""
    rows = []
    for index in range(5):
        ids = [4, 9, 9, *((7 * index + 3 * place) % 28 + 4 for place in range(4 + 3 * index))]
        positions = [3, *range(5, len(ids))]
        targets = [1.0, *[0.0] * (len(positions) - 2), 1.0]
        rows.append(
            Row(
                ids,
                positions,
                [-3.0] * len(positions),
                [1.0 - index / 2] * len(positions),
                old_values=[0.0] * len(positions),
                returns=[mask * (0.25 * index - 0.5) for mask in targets],
                value_mask=targets,
            )
        )
    return rows


def awake(critic: Critic, seed: int = 5) -> Critic:
    """Give a new critic's head something to say."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        critic.head.weight.copy_(torch.randn(critic.head.weight.shape, generator=draw) / 4)
        critic.head.bias.fill_(0.25)
    return critic


def actor_critic(
    *,
    logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    tokens: int,
    values: torch.Tensor,
    old_values: torch.Tensor,
    returns: torch.Tensor,
    value_mask: torch.Tensor,
    targets: int,
    **rest: Any,
) -> tuple[torch.Tensor, dict[str, float]]:
    error = token_mean(value_error(values, old_values, returns, value_mask, 10.0), value_mask, targets)
    return token_mean(-logprobs * advantages, mask, tokens) + error, {"value_loss": error.item()}


def learner_of(model: Any, critic: Critic, loss: Any = actor_critic, **config: Any) -> Learner:
    return Learner(model, LearnerConfig(**config), loss=loss, critic=critic)


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("own", [False, True], ids=["policy", "own"])
@pytest.mark.parametrize("kind", ["qwen2", "llama", "qwen3", "gpt_neox"])
def test_values_are_the_head_on_the_state_before_each_token(kind: str, own: bool, make_model: Make) -> None:
    policy, rows = make_model(kind), rows_with_targets()
    read = make_model(kind, seed=1) if own else policy
    critic = awake(Critic(policy, read if own else None, learning_rate=1e-12))
    found, seen = critic.row_values(policy, rows, tokens=64), list[float]()

    def noting(*, values: torch.Tensor, mask: torch.Tensor, **tensors: Any) -> tuple[torch.Tensor, dict[str, float]]:
        seen.extend(values[mask > 0].tolist())
        return values.sum(), {}

    learner_of(policy, critic, noting, learning_rate=1e-12, micro_tokens=64).step(rows)
    assert sorted(seen) == pytest.approx(sorted(value for own in found for value in own), abs=1e-4)
    for index, row in enumerate(rows):
        states = read.base_model(torch.tensor([row.ids])).last_hidden_state[0]
        expected = [(states[p - 1] @ critic.head.weight + critic.head.bias).item() for p in row.positions]
        assert found[index] == pytest.approx(expected, abs=1e-4)


def test_a_new_critic_expects_nothing_and_draws_no_random_number(make_model: Make) -> None:
    model = make_model("qwen2")
    before = torch.get_rng_state()
    critic = Critic(model, learning_rate=1e-3)
    assert torch.equal(torch.get_rng_state(), before)
    assert {value for own in critic.row_values(model, rows_with_targets(), tokens=64) for value in own} == {0.0}


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_micro_batches_add_up_with_a_critic(kind: str, make_model: Make) -> None:
    gradients: list[dict[str, torch.Tensor]] = []
    figures = []
    for tokens in (64, 8192):
        model = make_model(kind)
        learner = learner_of(model, awake(Critic(model, learning_rate=1e-3)), micro_tokens=tokens, max_grad_norm=1e9)
        noted: dict[str, torch.Tensor] = {}

        def note(learner: Learner = learner, noted: dict[str, torch.Tensor] = noted) -> None:
            modules = {"policy": learner.model, "critic": learner.critic}
            for owner, module in modules.items():
                noted |= {f"{owner}.{name}": own.grad.clone() for name, own in module.named_parameters()}

        learner.optimizer.step = note
        figures.append(learner.step(rows_with_targets()))
        gradients.append(noted)
    assert figures[0] == pytest.approx(figures[1], rel=1e-4, abs=1e-5)
    assert gradients[1]["critic.head.weight"].abs().max() > 1e-3
    for name, gradient in gradients[1].items():
        torch.testing.assert_close(gradients[0][name], gradient, rtol=1e-3, atol=1e-6)


def test_the_critic_learns_at_its_own_rate_what_it_is_taught(make_model: Make) -> None:
    model = make_model("llama")
    critic = Critic(model, learning_rate=0.05)
    learner = learner_of(model, critic, learning_rate=1e-12)
    before = weights(model)
    losses = [learner.step(rows_with_targets())["value_loss"] for _ in range(60)]
    # The targets are -0.5, -0.25, 0, 0.25, 0.5, twice each: mean square 1/8. The first tokens have one state in common,
    # of which nothing but the mean can be foreseen; the last ones can be told apart.
    assert losses[0] == pytest.approx(1 / 16)
    assert losses[-1] == pytest.approx(1 / 32, rel=0.02)
    assert max((before[name] - value).abs().max().item() for name, value in weights(model).items()) < 1e-6


@pytest.mark.parametrize("own", [False, True], ids=["policy", "own"])
def test_its_errors_reach_the_policy_only_through_a_head_on_it(own: bool, make_model: Make) -> None:
    def values_alone(**tensors: Any) -> tuple[torch.Tensor, dict[str, float]]:
        return actor_critic(**tensors | {"advantages": torch.zeros_like(tensors["advantages"])})

    model = make_model("qwen2")
    critic = awake(Critic(model, make_model("qwen2", seed=1) if own else None, learning_rate=1e-2))
    before, of_critic = weights(model), weights(critic)
    learner_of(model, critic, values_alone, learning_rate=1e-2).step(rows_with_targets())
    moved = changed(of_critic, weights(critic))
    assert {"head.weight", "head.bias"} <= moved
    assert any(name.startswith("model.") for name in moved) == own
    assert bool(changed(before, weights(model))) != own


@pytest.mark.parametrize("own", [False, True], ids=["policy", "own"])
def test_with_lora_the_head_is_trained_in_full_and_base_weights_never(own: bool, make_model: Make) -> None:
    model = make_model("llama")
    critic = awake(Critic(model, make_model("llama", seed=1) if own else None, learning_rate=1e-2))
    learner = learner_of(model, critic, lora={"rank": 4}, learning_rate=1e-2)
    before, of_critic = weights(learner.model), weights(critic)
    for _ in range(2):
        learner.step(rows_with_targets())
    assert all("lora_" in name for name in changed(before, weights(learner.model)))
    moved = changed(of_critic, weights(critic))
    assert {"head.weight", "head.bias"} <= moved
    assert all("lora_" in name or name.startswith("head.") for name in moved)
    assert any("lora_" in name for name in moved) == own


@pytest.mark.parametrize("lora", [None, {"rank": 4}], ids=["full", "lora"])
@pytest.mark.parametrize("own", [False, True], ids=["policy", "own"])
def test_training_with_a_critic_goes_on_from_a_checkpoint_to_the_very_bit(
    own: bool, lora: Any, tmp_path: Path, make_model: Make
) -> None:
    make_model("llama").save_pretrained(tmp_path / "base")

    def begun(folder: Path) -> Learner:
        model = load_model(folder)
        critic = Critic(model, load_model(tmp_path / "base") if own else None, learning_rate=1e-2)
        return learner_of(model, critic, learning_rate=1e-2, lora=lora)

    straight = begun(tmp_path / "base")
    for _ in range(2):
        straight.step(rows_with_targets())
    tokenizer, kept = build_tokenizer(["go on"]), straight.critic
    averages = optimizer_state(straight.model, straight.optimizer, kept)
    save_checkpoint(tmp_path / "last", straight.model, tokenizer, {}, averages, critic=kept)
    resumed, without = begun(tmp_path / "last"), begun(tmp_path / "last")
    for learner in (resumed, without):
        restore_optimizer(tmp_path / "last", learner.model, learner.optimizer, learner.critic)
    restore_critic(tmp_path / "last", resumed.critic)
    assert not changed(weights(straight.critic), weights(resumed.critic))
    for learner in (straight, resumed, without):
        learner.step(rows_with_targets())
    assert not changed(weights(straight.critic), weights(resumed.critic))
    assert not changed(weights(straight.model), weights(resumed.model))
    assert changed(weights(straight.critic), weights(without.critic))


def test_a_gradient_of_the_critic_that_is_not_finite_is_an_error_and_changes_nothing(make_model: Make) -> None:
    def broken(*, logprobs: torch.Tensor, values: torch.Tensor, **rest: Any) -> tuple[torch.Tensor, dict[str, float]]:
        return logprobs.sum() + (values * 0).sum().sqrt(), {}  # the root's slope at 0 is infinite

    model = make_model("qwen2")
    critic = Critic(model, learning_rate=1e-2)
    before = weights(critic)
    with pytest.raises(RunError, match=r"norm of the .*gradient is nan"):
        learner_of(model, critic, broken).step(rows_with_targets())
    assert not changed(before, weights(critic))


def test_a_loss_gets_entropy_with_its_gradient_only_where_it_is_asked_for(make_model: Make) -> None:
    seen: list[bool | None] = []

    def loss(*, logprobs: torch.Tensor, entropy: torch.Tensor | None = None, **rest: Any) -> Any:
        seen.append(None if entropy is None else entropy.requires_grad)
        return logprobs.sum() * 0 - (0 if entropy is None else entropy.sum() / 9), {}

    plain = Learner(make_model("qwen2"), LearnerConfig(), loss=loss)
    asking = Learner(make_model("qwen2"), LearnerConfig(learning_rate=1e-2), loss=loss, entropy=True)
    plain.step(rows_with_targets())
    entropies = [asking.step(rows_with_targets())["entropy"] for _ in range(3)]
    assert seen == [None, True, True, True]
    assert entropies[0] < entropies[1] < entropies[2]


def test_explained_variance_is_that_of_the_targets_alone() -> None:
    # Targets 1, 0, 1, 0; what is left of them 0.5, -0.5, 0.5, -0.5: a quarter of the variance.
    rows = [
        Row([], old_values=[0.5, 7.0, 0.5], returns=[1.0, 0.0, 0.0], value_mask=[1.0, 0.0, 1.0]),
        Row([], old_values=[0.5, 0.5], returns=[1.0, 0.0], value_mask=[1.0, 1.0]),
    ]
    assert explained_variance(rows) == pytest.approx(0.0)
    rows[1].old_values = [1.0, 0.0]
    rows[0].old_values = [0.75, 7.0, 0.25]
    # What is left: 0.25, -0.25, 0, 0; squares 2 / 16 of 4 against 4 / 4.
    assert explained_variance(rows) == pytest.approx(1 - (2 / 16) / 1)
    for row in rows:
        row.returns = [0.0] * len(row.returns)
    assert explained_variance(rows) == 0.0
    assert explained_variance([]) == 0.0


def saved(folder: Path, words: str) -> Path:
    tokenizer = build_tokenizer([words])
    build_model(len(tokenizer), TinyConfig(layers=1, width=32, mlp=32), 0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_model_of_its_own_is_the_start_or_one_that_reads_the_same_tokens(tmp_path: Path) -> None:
    start, other = saved(tmp_path / "start", "go on"), saved(tmp_path / "other", "come back")
    policy, tokenizer = load_model(start), build_tokenizer(["go on"])

    def made(model: str | None) -> Critic:
        config = CriticConfig(model=model, learning_rate=0.5)
        return make_critic(config, policy, tokenizer, start, device=torch.device("cpu"), dtype=torch.float32)

    assert made(None).model is None
    copy = made("start")
    assert copy.learning_rate == 0.5
    assert copy.model is not policy
    assert not changed(weights(policy), weights(copy.model))
    assert not changed(weights(copy.model), weights(made(str(start)).model))
    with pytest.raises(ConfigError, match=r"critic\.model: found '.*other', whose vocabulary is not the policy's"):
        made(str(other))


def test_a_model_that_does_not_say_its_width_can_carry_no_critic(make_model: Make) -> None:
    model = make_model("qwen2")

    class Narrow:
        def get_text_config(self) -> object:
            return object()

    model.config = Narrow()
    with pytest.raises(ConfigError, match=r"a Qwen2ForCausalLM can carry no critic: found no hidden_size"):
        Critic(model, learning_rate=1e-3)


def test_the_head_is_float32_on_a_model_of_less_precision(make_model: Make) -> None:
    model = make_model("qwen2").to(torch.bfloat16)
    critic = awake(Critic(model, learning_rate=1e-3))
    figures = learner_of(model, critic).step(rows_with_targets())
    assert critic.head.weight.dtype == torch.float32
    assert math.isfinite(figures["critic_grad_norm"])
