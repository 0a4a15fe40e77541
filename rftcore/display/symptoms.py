"""What in a job's figures a person should look at while there is time to stop: each rule says it in a few words.

Rules over counts look at all that a job has counted, once that is enough to speak of a share; rules over measurements
look at one update.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from rftcore.updates import FLAT, GAP

LEAST = 20
"""Episodes or answers of which a share is taken at least."""
LOST, AGAIN, CUT = 0.01, 0.05, 0.1
"""Shares of samples lost for good, of episodes played again, and of answers and contexts cut off, that are too much."""
COLLAPSED = 0.1
"""Share of its first entropy at which a policy hardly explores any more."""
FAR = 1.0
"""Nats a token from the start policy that are a long way: probabilities differ by a factor of e on average."""


class Symptom(NamedTuple):
    """One finding. Those of one rule are counted together."""

    rule: str
    text: str
    unit: Literal["update", "job"]


def symptoms(counts: Counter[str], figures: Mapping[str, float], first: Mapping[str, float]) -> Iterator[Symptom]:
    """Yield what is to be seen in a job's `counts` so far, its newest `figures`, and the `first` ones of this session.

    `figures` are empty where only counts have changed.
    """
    yield from _of_counts(counts)
    if "rows" in figures and not figures["rows"]:
        yield Symptom("idle", "an update taught nothing: no trajectory had any credit", "update")
    if figures.get("drift"):
        yield Symptom("drift", f"{figures['drift']:,.0f} trained tokens are not those that were sampled", "update")
    if not figures.get("sampler_gap", 0.0) <= GAP:
        yield Symptom("gap", f"sampler and learner differ by {figures['sampler_gap']:.2g} in a logprob", "update")
    if figures.get("zero_variance", 0.0) > FLAT:
        share = figures["zero_variance"]
        yield Symptom("flat", f"{share:.0%} of an update's groups have no variance, and teach nothing", "update")
    if "entropy" in figures and figures["entropy"] < COLLAPSED * first.get("entropy", 0.0):
        text = f"entropy fell from {first['entropy']:.2g} to {figures['entropy']:.2g}: hardly anything is explored"
        yield Symptom("entropy", text, "update")
    if figures.get("kl", 0.0) > FAR:
        yield Symptom("kl", f"the policy is {figures['kl']:.1f} nats a token from the start policy", "update")


def _of_counts(counts: Counter[str]) -> Iterator[Symptom]:
    samples = counts["episodes"] - counts["retried"]
    shares = (
        ("lost", "masked", samples, LOST, "of samples lost to the machine"),
        ("again", "retried", counts["episodes"], AGAIN, "of episodes played again after failures of the machine"),
        ("cut", "cut", counts["answers"], CUT, "of answers cut off at sampling.max_new_tokens"),
        ("overflowed", "overflowed", samples, CUT, "of episodes ended because the context was full"),
    )
    for rule, name, total, limit, what in shares:
        if total >= LEAST and counts[name] > limit * total:
            yield Symptom(rule, f"{counts[name] / total:.0%} {what}", "job")
    if counts["unpaid"]:
        yield Symptom("unpaid", f"the budget is spent: {counts['unpaid']:,.0f} samples are not played", "job")
    if counts["unclosed"]:
        text = f"{counts['unclosed']:,.0f} episodes could not be closed: what they held may not be free"
        yield Symptom("unclosed", text, "job")
