"""What an environment says about itself in reports, and whether it is so."""

from __future__ import annotations

from rftcore.action_template import ActionTemplate, ambiguous, most_specific, parse
from rftcore.environment import distinct_words
from rftcore.errors import ConfigError
from rftcore.testing.check import NotApplicable, Problems, check
from rftcore.testing.environments.walk import shown
from rftcore.testing.environments.watched import Watched
from rftcore.testing.environments.world import World

LIST = "Available actions: ["
"""How `with_actions` begins a list."""


@check("light")
def facts_are_plain(world: World) -> Problems:
    """`facts` are short plain values, and those that reports print have the right type and are true."""
    facts = world.environment.facts()
    for name, value in facts.items():
        if not isinstance(value, str | int | float | bool):
            yield f"facts()[{name!r}] is {value!r}, expected text, a number, True or False"
    kinds = {"feedback": str, "lists_actions": bool, "vocabulary_words": int}
    for name, kind in kinds.items():
        if name in facts and type(facts[name]) is not kind:
            yield f"facts()[{name!r}] is {facts[name]!r}, expected {kind.__name__}; reports print it"
    words = len(distinct_words(world.environment.vocabulary()))
    if "vocabulary_words" in facts and facts["vocabulary_words"] != words:
        yield f"facts()['vocabulary_words'] is {facts['vocabulary_words']}, expected {words}, which vocabulary() has"
    for name in facts:
        difficulty = name.removeprefix("expert_turns_")
        if difficulty != name:
            turns = facts[name]
            if difficulty not in world.environment.difficulties:
                yield f"facts() has {name!r}, expected the name of a difficulty at its end"
            elif not isinstance(turns, int | float) or not 0 <= turns <= world.environment.max_turns:
                yield f"facts()[{name!r}] is {turns!r}, expected 0 to {world.environment.max_turns}, which is max_turns"


@check("light")
def action_list_is_shown_as_asked(world: World) -> Problems:
    """Observations list the available actions as the option `action_list` says (every, first, never), or refuse it."""
    if "action_list" not in world.component.Config.model_fields:
        raise NotApplicable("it has no option action_list")
    for mode, expected in (("never", (False, False)), ("first", (True, False)), ("every", (True, True))):
        try:
            environment = Watched(world.make(action_list=mode))
        except ConfigError:
            continue
        episode = environment.start(world.tasks[0])
        observations = (episode.observation, episode.step("nothing of the kind").observation)
        episode.close()
        for text, wanted in zip(observations, expected, strict=True):
            if (LIST in text) != wanted:
                yield (
                    f"with action_list={mode!r} the observation {shown(text[-60:])} "
                    f"{'has no list' if wanted else 'has a list'} of actions, expected the opposite; use "
                    "rftcore.environment.with_actions where the option asks for it"
                )
        said = environment.facts().get("lists_actions", mode != "never")
        if said != (mode != "never"):
            yield f"with action_list={mode!r}, facts()['lists_actions'] is {said}, expected {mode != 'never'}"


@check("light")
def actions_follow_templates(world: World) -> Problems:
    """Every action that is listed, drawn or done by the expert has one of the forms in `action_templates`."""
    templates = most_specific(map(ActionTemplate, world.environment.action_templates))
    if not templates:
        raise NotApplicable("it declares no action_templates")
    if (template := ambiguous(templates)) is not None:
        yield (
            f"the form {template.text!r} in action_templates cannot be told from others by its verb and the names of "
            "its arguments, expected a name for each argument, none of them 'action'; `{first} {second}` is two"
        )
    for walk in world.walks():
        for turn, (done, listed) in enumerate(zip(walk.actions, walk.listed, strict=True)):
            strange = [action for action in (done, *(listed or ())) if action and parse(action, templates) is None]
            if strange:
                yield (
                    f"task {walk.task.id!r}, turn {turn}: the action {shown(strange[0])} has none of the "
                    f"{len(templates)} forms in action_templates, expected one for every action; add it"
                )
                return


FACT_CHECKS = (facts_are_plain, action_list_is_shown_as_asked, actions_follow_templates)
