"""What the README of an environment says: how to install it, what it rewards, how much there is of what, whose it is.

It is read from the installed distribution, as a package index shows it. So a README that was changed since has to be
installed again, also where the package is editable; each answer says so.
"""

from __future__ import annotations

import re
from importlib.metadata import metadata

from rftcore.schemas.task import SPLITS
from rftcore.testing.check import NotApplicable, Problems, check
from rftcore.testing.environments.world import World
from rftcore.testing.subject import Subject

STATED = {
    "the licence": (r"^#+ .*licen[cs]e", "a section on data and licence"),
    "where the data come from": (r"^#+ .*\bdata\b", "a section on data and licence"),
    "the reward": (r"\breward", "what is rewarded, and what is a success"),
}
"""What is stated, by what it is recognized, and what to write."""

_NUMBER = re.compile(r"\d{1,3}(?:[ ,_\u00a0\u202f]\d{3})+(?!\d)|\d+")


@check("static")
def readme_is_complete(subject: Subject) -> Problems:
    """The README says how to install it, what is rewarded, where its data come from and under which licence."""
    text = _readme(subject)
    assert subject.plugin is not None
    if not text.strip():
        yield f"{subject.plugin.dist} has no README, expected one; name it in pyproject.toml: readme = 'README.md'"
        return
    if not re.search(rf"pip install .*\b{re.escape(subject.plugin.dist)}\b", text):
        yield (
            f"the README has no line 'pip install {subject.plugin.dist}', expected one; say how to install it, "
            f"{_again(subject)}"
        )
    for what, (pattern, remedy) in STATED.items():
        if not re.search(pattern, text, re.IGNORECASE | re.MULTILINE):
            yield f"the README does not say {what}, expected it; write {remedy}, {_again(subject)}"


@check("light")
def readme_states_sizes(world: World) -> Problems:
    """The README states how many tasks each list has."""
    if world.spec.bridge:
        raise NotApplicable("it is a bridge: how many tasks there are depends on what it plays")
    numbers = {re.sub(r"\D", "", found) for found in _NUMBER.findall(_readme(world))}
    sizes = {
        f"{difficulty}/{split}": len(world.environment.tasks(split, difficulty))
        for difficulty in world.environment.difficulties
        for split in SPLITS
    }
    unstated = [f"{name} has {size}" for name, size in sizes.items() if str(size) not in numbers]
    if unstated:
        yield (
            f"the README does not say how many tasks some lists have, expected their numbers: {', '.join(unstated)}; "
            f"state them, {_again(world)}"
        )


def _again(subject: Subject) -> str:
    assert subject.plugin is not None
    return f"and install {subject.plugin.dist} again, editable or not: the README that it was installed with is read"


def _readme(subject: Subject) -> str:
    if subject.plugin is None or not subject.plugin.version:
        raise NotApplicable("no distribution announces it, so it has no README")
    return str(metadata(subject.plugin.dist).json.get("description", ""))


README_CHECKS = (readme_is_complete, readme_states_sizes)
