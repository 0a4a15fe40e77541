"""Every check of algorithms finds the specimen that breaks its promise and says so; variants of ours keep them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from rftcore import registry
from rftcore.specs import AlgorithmSpec
from rftcore.testing.algorithms.candidate import Candidate
from rftcore.testing.listing import ANY, checks
from rftcore.testing.report import results_of, run

BY_NAME = {check.name: check for check in checks("algorithm")}

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "grpo": [
        {"kl": 0.1, "dynamic_sampling": False},
        {"ratio": "sequence", "aggregation": "sequence"},
        {"aggregation": "constant", "constant_length": 8, "scale_rewards": "none"},
        {"objective": "cispo", "clip_low": 1.0, "clip_high": 4.0},
        {"objective": "sapo", "aggregation": "sequence", "correction": "sequence", "correction_cut": "mask"},
    ],
    "rloo": [{"kl": 0.1, "normalize_advantages": True}],
    "reinforce": [{"baseline": "none"}],
    "ppo": [{"level": "token", "kl": 0.1, "kl_target": 1.0, "entropy": 0.01}, {"rewards": "outcome"}],
}
"""Options that take another way through an algorithm than its defaults."""


@pytest.mark.parametrize(("name", "options"), [(name, each) for name, all_ in VARIANTS.items() for each in all_])
def test_a_variant_of_ours_keeps_what_every_algorithm_promises(name: str, options: Mapping[str, Any]) -> None:
    subject = Candidate(registry.spec("algorithm", name), options)
    for check in checks("algorithm"):
        if check.name != "credit_needs_no_torch":  # the options do not change what is imported
            assert run(check, subject).problems == (), check.name


@pytest.fixture
def specimen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Candidate]:
    """`specimen(class, loss="sound", **spec)` returns an algorithm of `specimens/promises.py`."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "specimens"))

    def make(kind: str, loss: str = "sound", **said: Any) -> Candidate:
        return Candidate(
            AlgorithmSpec(
                **{
                    "name": "sound",
                    "target": f"promises:{kind}",
                    "loss": f"promises:{loss}",
                    "summary": "keeps every promise but one",
                    **said,
                }
            )
        )

    return make


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    (
        "spec_says_what_it_needs",
        {"kind": "Pulling"},
        "asks for the start policy and the spec does not say so, expected",
    ),
    ("spec_says_what_it_needs", {"loss": "__name__"}, "promises:__name__ is 'promises', expected a function; name it"),
    ("credit_needs_no_torch", {"kind": "Torch"}, "asking for credit imports numpy, torch, expected plain Python"),
    (
        "credit_has_its_shape",
        {"kind": "Flat"},
        "1 floats came back for 2 turns, expected one each (trajectory 1 of pro",
    ),
    (
        "credit_has_its_shape",
        {"kind": "Spoiled"},
        "4 credits came back for 2 usable trajectories of probe/easy/train/3",
    ),
    (
        "credit_has_its_shape",
        {"kind": "Divided"},
        "inf came back, expected a finite number; mind a deviation of 0 (tra",
    ),
    ("credit_has_its_shape", {"needs_values": True}, "the credit has no returns, expected what the critic is to be"),
    ("credit_is_pure", {"kind": "Drawn"}, "asked again, credits differ, expected the same; draw nothing at random"),
    ("credit_is_pure", {"kind": "Running"}, "with the groups in another order, probe/easy/train/2 has"),
    ("loss_is_finite", {"loss": "vector"}, "expected a scalar tensor with a gradient; add up what the rows have"),
    ("loss_is_finite", {"loss": "tensor_figure"}, "the figure 'sampled' is tensor"),
    ("loss_is_finite", {"loss": "without_values"}, "it raised TypeError: without_values() missing"),
    ("loss_is_pure", {"loss": "noisy"}, "the second time the loss is"),
    ("loss_is_pure", {"loss": "in_place"}, "the second time the loss is"),
    ("loss_is_pure", {"kind": "Counting", "loss": "counting"}, "the loss changed the config, expected it as it was"),
    ("masked_positions_do_not_count", {"loss": "unmasked"}, "with -3.0 at masked positions the loss is"),
    ("masked_positions_do_not_count", {"loss": "multiplied"}, "with nan at masked positions the loss is nan"),
    ("padding_does_not_count", {"loss": "by_positions"}, "with 4 columns of padding the loss is"),
    ("micro_batches_add_up", {"loss": "by_micro_batch"}, "in three micro-batches the loss is"),
    ("gradient_follows_advantages", {"loss": "upside_down"}, "22 of 22 tokens of positive advantage do not become"),
    ("gradient_follows_advantages", {"loss": "without_values", "needs_values": True}, "values have no gradient, expec"),
]
"""Check, specimen, and what it must say."""


@pytest.mark.parametrize(("name", "said", "sentence"), BROKEN)
def test_a_check_finds_its_specimen(
    name: str, said: dict[str, Any], sentence: str, specimen: Callable[..., Candidate]
) -> None:
    result = run(BY_NAME[name], specimen(**{"kind": "Sound", **said}))
    assert result.verdict == "broken"
    assert any(sentence in problem for problem in result.problems), result.problems


def test_every_check_of_algorithms_alone_has_a_specimen() -> None:
    assert {name for name, _, _ in BROKEN} == set(BY_NAME) - {check.name for check in ANY}


def test_the_sound_specimen_breaks_nothing_but_that_its_module_imports_torch(
    specimen: Callable[..., Candidate],
) -> None:
    results = results_of(specimen("Sound"), "full")
    assert [result.check for result in results if result.verdict == "broken"] == ["credit_needs_no_torch"]
