"""What the task lists of an environment promise. A run asks for a part of it at its start, with the same code."""

from __future__ import annotations

import re

from rftcore.errors import SplitError
from rftcore.manifests import task_lists
from rftcore.schemas.task import SPLITS
from rftcore.testing.check import Problems, check
from rftcore.testing.environments.world import World

_DIFFICULTY = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")


@check("light")
def difficulties_are_declared(world: World) -> Problems:
    """`difficulties` names each difficulty once, in letters that a configuration can write."""
    names = world.environment.difficulties
    for name in names:
        if not isinstance(name, str) or not _DIFFICULTY.match(name):
            yield f"the difficulty {name!r} was found, expected lower-case letters, digits, '_' and '-'; rename it"
    if len(set(names)) < len(names):
        yield f"difficulties is {names!r}, expected each name once; remove the second"


@check("light")
def splits_are_disjoint(world: World) -> Problems:
    """No list is empty, no id is in two lists, and no test task is a train task under another id."""
    try:
        task_lists({world.spec.name: world.environment})
    except SplitError as error:
        yield str(error)


@check("light")
def tasks_say_what_they_are(world: World) -> Problems:
    """A task has the environment, split and difficulty of its list, and an id that begins with them."""
    name = world.environment.name  # that of a bridge is the name of what it plays
    for split in SPLITS:
        for difficulty in world.environment.difficulties:
            expected = (name, split, difficulty)
            prefix = f"{name}/{difficulty}/{split}/"
            for task in world.environment.tasks(split, difficulty):
                found = (task.environment, task.split, task.difficulty)
                if found != expected or not task.id.startswith(prefix):
                    yield (
                        f"the task {task.id!r} says that it is of {'/'.join(found)}, expected {'/'.join(expected)} and "
                        f"an id that begins with {prefix!r}; make it from the arguments of tasks()"
                    )
                    break


@check("light")
def lists_are_stable(world: World) -> Problems:
    """Built again, here or in another process, an environment lists the same tasks in the same order."""
    name = world.spec.name
    lists = task_lists({name: world.environment})
    for where, found in (
        ("built again", task_lists({name: world.make()})),
        ("in another process", world.elsewhere["lists"]),
    ):
        for place in sorted(place for place in lists if found.get(place) != lists[place]):
            yield (
                f"{where}, the list {place} is another one, expected the same tasks in the same order; let all that is "
                "random follow from fixed seeds, and no order from a set"
            )


LIST_CHECKS = (difficulties_are_declared, splits_are_disjoint, tasks_say_what_they_are, lists_are_stable)
