"""All checks of an algorithm, one after the other, and what its spec and its `Config` promise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from rftcore.algorithm import Algorithm
from rftcore.conformance.credit import CREDIT_CHECKS
from rftcore.conformance.subject import Subject, load
from rftcore.errors import PluginError
from rftcore.schemas.frozen import Frozen
from rftcore.specs import AlgorithmSpec


def check_algorithm(algorithm: str | AlgorithmSpec, options: Mapping[str, Any] | None = None) -> None:
    """Check an installed algorithm by its name, or one by its spec, with `options` for its `Config`.

    Raises PluginError that names every promise which does not hold, with what was found.
    """
    from rftcore.train.conformance import LOSS_CHECKS

    subject = load(algorithm, options)
    broken = []
    for check in (check_announcement, check_config, *CREDIT_CHECKS, *LOSS_CHECKS):
        try:
            check(subject)
        except Exception as found:  # whatever somebody's own code raises breaks the promise
            what = str(found) if isinstance(found, AssertionError) else f"{type(found).__name__}: {found}"
            broken.append(f"{check.__name__.removeprefix('check_')}: {what}; expected: {check.__doc__}")
    if broken:
        raise PluginError("\n".join([f"algorithm {subject.spec.name!r} breaks these promises:", *broken]))


def check_announcement(subject: Subject) -> None:
    """The spec names an `Algorithm` of the same name, and says when it needs the start policy."""
    kind = type(subject.algorithm)
    assert isinstance(subject.algorithm, Algorithm), f"{subject.spec.target} is no Algorithm"
    assert kind.name == subject.spec.name, f"the class is named {kind.name!r} and the spec {subject.spec.name!r}"
    pulls = subject.algorithm.reference_in_credit or subject.algorithm.reference_weight() > 0
    assert subject.spec.needs_reference or not pulls, "it asks for the start policy and the spec does not say so"
    assert callable(subject.loss), f"{subject.spec.loss} cannot be called"


def check_config(subject: Subject) -> None:
    """`Config` is a frozen model of rftcore with defaults that refuses unknown keys and survives JSON."""
    config = type(subject.algorithm).Config
    assert issubclass(config, Frozen), "Config is not made of rftcore.schemas.frozen.Frozen"
    assert subject.algorithm.config.model_config.get("frozen"), "a field of the config can be assigned"
    try:
        config.model_validate({"no_such_option": 1})
    except ValidationError:
        again = config.model_validate(json.loads(subject.algorithm.config.model_dump_json()))
        assert again == subject.algorithm.config, f"{subject.algorithm.config!r} became {again!r} through JSON"
    else:
        raise AssertionError("the key 'no_such_option' was accepted")
