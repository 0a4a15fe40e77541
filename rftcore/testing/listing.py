"""The one list of checks: which promises a component of each kind keeps."""

from __future__ import annotations

from functools import cache

from rftcore.testing.algorithms.candidate import spec_says_what_it_needs
from rftcore.testing.algorithms.credit import CREDIT_CHECKS
from rftcore.testing.announcement import announced_once, config_is_strict, plugin_module_is_light, target_is_importable
from rftcore.testing.building import can_be_built
from rftcore.testing.check import Check, check
from rftcore.testing.curricula import CURRICULUM_CHECKS
from rftcore.testing.environments.answers import ANSWER_CHECKS
from rftcore.testing.environments.episodes import EPISODE_CHECKS
from rftcore.testing.environments.facts import FACT_CHECKS
from rftcore.testing.environments.lifetimes import LIFETIME_CHECKS
from rftcore.testing.environments.lists import LIST_CHECKS
from rftcore.testing.environments.readme import README_CHECKS
from rftcore.testing.environments.rewards import REWARD_CHECKS
from rftcore.testing.environments.sharing import SHARING_CHECKS
from rftcore.testing.executors import EXECUTOR_CHECKS
from rftcore.testing.metrics import METRIC_CHECKS
from rftcore.testing.policies import POLICY_CHECKS

ANY = (announced_once, plugin_module_is_light, target_is_importable, config_is_strict, can_be_built)
"""What a component of any kind promises."""


ENVIRONMENT = (
    *README_CHECKS,
    *LIST_CHECKS,
    *EPISODE_CHECKS,
    *REWARD_CHECKS,
    *ANSWER_CHECKS,
    *FACT_CHECKS,
    *SHARING_CHECKS,
    *LIFETIME_CHECKS,
)

PLAIN = {
    "curriculum": CURRICULUM_CHECKS,
    "executor": EXECUTOR_CHECKS,
    "metric": METRIC_CHECKS,
    "policy": POLICY_CHECKS,
}
"""Kinds whose checks need nothing."""


@cache
def checks(kind: str) -> tuple[Check, ...]:
    """Return the checks of a kind, in the order in which they are run; those of algorithms and samplers need torch."""
    if kind == "environment":
        return (*ANY, *ENVIRONMENT)
    if kind == "algorithm":
        from rftcore.train.testing.losses import LOSS_PROMISES

        return (*ANY, spec_says_what_it_needs, *CREDIT_CHECKS, *map(check("light"), LOSS_PROMISES))
    if kind == "sampler":
        from rftcore.train.testing.samplers import SAMPLER_PROMISES

        return (*ANY, *map(check("light"), SAMPLER_PROMISES))
    return (*ANY, *PLAIN.get(kind, ()))
