"""What a component of any kind promises before it is built: its announcement, its module, its options, its README."""

from __future__ import annotations

import json
from importlib.metadata import distribution

from pydantic import ValidationError

from rftcore import registry
from rftcore.errors import PluginError
from rftcore.plugins import GROUP
from rftcore.schemas.frozen import Frozen
from rftcore.testing.check import NotApplicable, Problems, check
from rftcore.testing.child import imports
from rftcore.testing.origin import THEIRS
from rftcore.testing.subject import Subject, attribute

HEAVY = ("accelerate", "numpy", "pydantic", "tokenizers", "torch", "transformers")
"""What no plugin module may import: `rftcore plugins` imports them all."""

CONTRACTS = {
    "environment": "rftcore.environment:Environment",
    "algorithm": "rftcore.algorithm:Algorithm",
    "curriculum": "rftcore.curriculum:Curriculum",
    "metric": "rftcore.metric:Metric",
    "policy": "rftcore.policy:Policy",
    "sampler": "rftcore.sampler:Sampler",
    "executor": "rftcore.executor:Executor",
    "protocol": "rftcore.protocol:Protocol",
    "tracker": "rftcore.tracker:Tracker",
}
CHATS = "rftcore.policy:ChatPolicy"
"""That of a policy whose spec says `chat`."""


@check("static")
def announced_once(subject: Subject) -> Problems:
    """One installed plugin announces the name, and only one."""
    if subject.plugin is None:
        raise NotApplicable("it was given as a spec, which no plugin announces")
    try:
        registry.owner(subject.spec.kind, subject.spec.name)
    except PluginError as error:
        yield str(error)


@check("static")
def plugin_module_is_light(subject: Subject) -> Problems:
    """Importing the plugin module imports neither the component nor anything heavy."""
    name = _module(subject)
    for found in sorted({*HEAVY, subject.spec.target.partition(":")[0]} & imports(name)):
        yield (
            f"importing {name} imports {found}, expected none of it before the component is used; name the "
            "component in `target` alone, and move other imports into the functions that need them"
        )


@check("static", first=True)
def target_is_importable(subject: Subject) -> Problems:
    """`target` names a class that keeps the contract of its kind and has the name of the spec."""
    kind, target = subject.spec.kind, subject.spec.target
    try:
        component = attribute(target)
    except THEIRS as error:
        remedy = "correct the spec, or declare what it needs as a dependency"
        if not isinstance(error, ImportError | AttributeError):
            remedy = "mend the module"
        yield (
            f"target {target!r} cannot be imported ({type(error).__name__}: {error}), expected 'package.module:Class'; "
            f"{remedy}"
        )
        return
    contract = CHATS if kind == "policy" and subject.spec.chat else CONTRACTS[kind]
    if not (isinstance(component, type) and issubclass(component, attribute(contract))):
        yield f"target {target!r} is {component!r}, expected a class that derives from {contract}"
    elif getattr(component, "name", None) != subject.spec.name:
        yield (
            f"{component.__name__}.name is {getattr(component, 'name', None)!r}, expected {subject.spec.name!r} as in "
            "the spec; give both one name"
        )
    elif missing := sorted(getattr(component, "__abstractmethods__", ())):
        yield f"{component.__name__} lacks {', '.join(missing)}, expected every abstract method of {contract}"


@check("static")
def config_is_strict(subject: Subject) -> Problems:
    """`Config` is frozen, refuses unknown keys and survives JSON."""
    config = subject.config
    if not issubclass(config, Frozen):
        yield f"Config is {config!r}, expected a class that derives from rftcore.schemas.frozen.Frozen"
        return
    if not config.model_config.get("frozen"):
        yield "a field of Config can be assigned, expected a frozen model; drop `frozen` from its model_config"
    made = subject.configured()
    try:
        config.model_validate({**subject.options, "no_such_option": 1})
    except ValidationError:
        pass
    else:
        yield "the key 'no_such_option' was accepted, expected an error; drop `extra` from the model_config of Config"
    again = config.model_validate(json.loads(made.model_dump_json()))
    if again != made:
        yield f"{made!r} became {again!r} through JSON, expected the same; use types that JSON has"


def _module(subject: Subject) -> str:
    """Return the module that the entry point names."""
    if subject.plugin is None:
        raise NotApplicable("it was given as a spec, which no plugin announces")
    if not subject.plugin.version:
        raise NotApplicable(f"{subject.plugin.owner} is no distribution, so it has no plugin module of its own")
    if subject.plugin.dist == "rftcore":
        return "rftcore.builtins"
    (entry,) = distribution(subject.plugin.dist).entry_points.select(group=GROUP, name=subject.plugin.name)
    return entry.module
