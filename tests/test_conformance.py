"""Every installed algorithm keeps the promises, and every check finds the specimen that breaks it and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from rftcore import registry
from rftcore.conformance import algorithm as checks
from rftcore.conformance import check_algorithm
from rftcore.conformance.credit import CREDIT_CHECKS, check_credit_is_pure, check_credit_shape
from rftcore.conformance.credit import check_credit_without_torch as check_without_torch
from rftcore.conformance.subject import Subject, load
from rftcore.errors import PluginError
from rftcore.specs import AlgorithmSpec
from rftcore.train import conformance as loss_checks

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


@pytest.mark.parametrize("name", registry.names("algorithm"))
def test_an_algorithm_of_ours_keeps_what_every_algorithm_promises(name: str) -> None:
    check_algorithm(name)


@pytest.mark.parametrize(("name", "options"), [(name, each) for name, all_ in VARIANTS.items() for each in all_])
def test_so_do_its_variants(name: str, options: Mapping[str, Any]) -> None:
    subject = load(name, options)
    for check in (*CREDIT_CHECKS[1:], *loss_checks.LOSS_CHECKS):
        check(subject)


@pytest.fixture
def specimen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AlgorithmSpec]:
    """`specimen(class, loss="sound", **spec)` returns the spec of an algorithm of `specimens/promises.py`."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "specimens"))

    def make(kind: str, loss: str = "sound", **said: Any) -> AlgorithmSpec:
        return AlgorithmSpec(
            **{
                "name": "sound",
                "target": f"promises:{kind}",
                "loss": f"promises:{loss}",
                "summary": "keeps every promise but one",
                **said,
            }
        )

    return make


BROKEN: list[tuple[Callable[[Subject], None], dict[str, Any], str]] = [
    (checks.check_announcement, {"name": "other"}, "the class is named 'sound' and the spec 'other'"),
    (checks.check_announcement, {"kind": "Pulling"}, "asks for the start policy and the spec does not say so"),
    (checks.check_config, {"kind": "Loose"}, "the key 'no_such_option' was accepted"),
    (check_without_torch, {"kind": "Torch"}, "torch was imported"),
    (check_credit_shape, {"kind": "Flat"}, "1 floats came back for the 2 turns of trajectory 1 of probe/easy/train/0"),
    (check_credit_shape, {"kind": "Spoiled"}, "4 credits came back for 2 usable trajectories"),
    (check_credit_shape, {"kind": "Divided"}, "trajectory 0 of probe/easy/train/1 has the credit inf"),
    (check_credit_shape, {"needs_values": True}, "trajectory 0 of probe/easy/train/0 has no returns to teach a critic"),
    (check_credit_is_pure, {"kind": "Drawn"}, "asked again, credits differ"),
    (check_credit_is_pure, {"kind": "Running"}, "with the groups in another order, probe/easy/train/2 has"),
    (loss_checks.check_loss_is_finite, {"loss": "vector"}, "it returned tensor"),
    (loss_checks.check_loss_is_finite, {"loss": "tensor_figure"}, "its figure 'sampled' is tensor"),
    (loss_checks.check_loss_is_pure, {"loss": "noisy"}, "the second time the loss is"),
    (loss_checks.check_loss_is_pure, {"loss": "in_place"}, "the second time the loss is"),
    (loss_checks.check_loss_is_pure, {"kind": "Counting", "loss": "counting"}, "it changed the config"),
    (loss_checks.check_mask, {"loss": "unmasked"}, "with -3.0 at masked positions the loss is"),
    (loss_checks.check_mask, {"loss": "multiplied"}, "with nan at masked positions the loss is nan"),
    (loss_checks.check_padding, {"loss": "by_positions"}, "with 4 columns of padding the loss is"),
    (loss_checks.check_micro_batches, {"loss": "by_micro_batch"}, "in three micro-batches the loss is"),
    (loss_checks.check_gradient, {"loss": "upside_down"}, "22 of 22 tokens have no such gradient"),
    (loss_checks.check_gradient, {"loss": "without_values", "needs_values": True}, "values have no gradient"),
]


@pytest.mark.parametrize(("check", "said", "sentence"), BROKEN)
def test_a_check_finds_its_specimen(
    check: Callable[[Subject], None], said: dict[str, Any], sentence: str, specimen: Callable[..., AlgorithmSpec]
) -> None:
    with pytest.raises(AssertionError) as found:
        check(load(specimen(**{"kind": "Sound", **said})))
    assert sentence in str(found.value)


def test_every_check_has_a_specimen_and_a_row_in_the_documentation() -> None:
    every = [checks.check_announcement, checks.check_config, *CREDIT_CHECKS, *loss_checks.LOSS_CHECKS]
    assert {check for check, _, _ in BROKEN} == set(every)
    page = (Path(__file__).parents[1] / "docs" / "algorithms.md").read_text(encoding="utf-8")
    section = page.partition("\n## Conformance\n")[2].partition("\n## ")[0]
    stated = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    assert stated == [check.__name__.removeprefix("check_") for check in every]


def test_the_sound_specimen_fails_by_its_import_of_torch_alone_and_the_message_says_what_is_expected(
    specimen: Callable[..., AlgorithmSpec],
) -> None:
    with pytest.raises(PluginError) as found:
        check_algorithm(specimen("Sound"))
    assert str(found.value).splitlines() == [
        "algorithm 'sound' breaks these promises:",
        f"credit_without_torch: numpy, torch was imported; expected: {check_without_torch.__doc__}",
    ]


def test_what_the_author_s_code_raises_is_told_as_a_broken_promise(specimen: Callable[..., AlgorithmSpec]) -> None:
    with pytest.raises(PluginError, match="loss_is_finite: TypeError: without_values"):
        check_algorithm(specimen("Sound", "without_values"))
