"""The environment `shift`: another environment behind another interface, under a name that says which.

Tasks, splits, difficulties, rules and success are those of the environment within. What is changed is what an agent
reads, how it has to write, and when it is told what it earned: so a difference between the two is one of interface.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field, JsonValue

from rftcore.environment import ActionList, Environment, distinct_words
from rftcore.errors import ConfigError
from rftcore.schemas.frozen import Frozen
from rftcore.schemas.task import Split, Task
from rftcore_shift.distractors import usable
from rftcore_shift.episode import NOTHING, Feedback, Interface, ShiftedEpisode
from rftcore_shift.syntax import Kind, Syntax, other_words
from rftcore_shift.within import find, installed_version
from rftcore_shift.wording import phrases

_MARKS: dict[ActionList, str] = {"every": "listed", "first": "listed-first", "never": "unlisted"}
_DENSE = "Feedback: the action was understood and possible; not or; earned so far: 0.00; turns left: 0."


class Shift(Environment):
    """`environment` with each shift that is asked for; several stack."""

    class Config(Frozen):
        """Which environment, and what is changed."""

        environment: str
        """Name of the environment within."""
        options: dict[str, JsonValue] = Field(default_factory=dict)
        """Its options."""
        action_list: ActionList | None = None
        """Which observations list the available actions; None: as the environment within does."""
        renamed: bool = False
        """Whether verbs have other words, from a seeded table that the instructions show."""
        syntax: Kind = "plain"
        """How actions are written: as text, as a JSON object, or as a tool call."""
        feedback: Feedback | None = None
        """`dense`: each answer says whether the action was possible and what was earned. `sparse`: what is not possible
        is not explained, and all reward comes with the end."""
        distractors: int = Field(default=0, ge=0, le=8)
        """Sentences in each observation that have nothing to do with the goal."""
        paraphrased: bool = False
        """Whether observations say the same in other words, drawn for each task."""
        seed: int = Field(default=0, ge=0)
        """Of the table of verbs, the distractors and the wording."""
        version: str | None = None
        """Behaviour version of the environment within; None: the installed one, which is then written here."""

    name: ClassVar[str] = "shift"

    def __init__(self, config: Frozen | None = None, **options: Any) -> None:
        """Take a `Config`, or its fields as keyword arguments.

        Raises ConfigError when nothing is shifted, or the environment within cannot be shifted so.
        """
        super().__init__(config, **options)
        given: Shift.Config = self.config
        if given.environment == type(self).name:
            raise ConfigError("environment: found 'shift', expected another one; one shift has an option for each")
        version = installed_version(given.environment, given.version)
        within = find(given.environment, given.options)
        inner = self._inner = within.environment
        self.config = given.model_copy(update={"options": within.options, "version": version})
        self._marks = _marks(given)
        if not self._marks:
            raise ConfigError(
                f"found nothing that is shifted, expected one option at least of {', '.join(_SHIFTS)}; "
                f"without any, play {given.environment} itself"
            )
        # Declared by the class elsewhere; here they are those of whatever is within.
        vars(self).update(
            name="-".join((inner.name, *self._marks)),
            difficulties=inner.difficulties,
            returns=inner.returns,
            reward_range=_reward_range(given, inner),
        )
        words = distinct_words(inner.vocabulary()) if given.renamed or given.distractors else frozenset()
        syntax = _syntax(given, inner, words)
        self.max_turns = inner.max_turns
        self.instructions = f"{inner.instructions}\n{syntax.rules}".strip() if syntax else inner.instructions
        self.action_templates = syntax.templates if syntax else inner.action_templates
        self._interface = Interface(
            syntax=syntax,
            action_list=within.action_list if given.action_list is None else given.action_list,
            feedback=given.feedback,
            sentences=_sentences(given, inner, words),
            distractors=given.distractors,
            paraphrased=given.paraphrased,
            seed=given.seed,
            returns=inner.returns,
            max_turns=inner.max_turns,
        )
        self._tasks: dict[tuple[Split, str], tuple[Task, ...]] = {}

    def tasks(self, split: Split, difficulty: str) -> Sequence[Task]:
        """Return the tasks of the environment within, in its order, under this environment's name."""
        if (split, difficulty) not in self._tasks:
            tasks = self._inner.tasks(split, difficulty)
            self._tasks[split, difficulty] = tuple(_moved(task, self.name) for task in tasks)
        return self._tasks[split, difficulty]

    def start(self, task: Task) -> ShiftedEpisode:
        """Begin `task` as the task of the environment within that it is."""
        own = _moved(task, self._inner.name)
        return ShiftedEpisode(self._inner.start(own), self._interface, own.id)

    def vocabulary(self) -> Sequence[str]:
        """Return that of the environment within, and what is added."""
        interface = self._interface
        added = [*interface.syntax.forms(), interface.syntax.rules] if interface.syntax else []
        added += [*interface.sentences] if interface.distractors else []
        added += [*phrases()] if interface.paraphrased else []
        added += [_DENSE] if interface.feedback == "dense" else [NOTHING] if interface.feedback == "sparse" else []
        added += ["Available actions:"] if interface.action_list != "never" else []
        return [*self._inner.vocabulary(), *added]

    def facts(self) -> dict[str, str | int | float | bool]:
        """Return those of the environment within, with what is shifted."""
        own = self._inner.facts()
        feedback = str(own.get("feedback", "that of the environment within"))
        if self.config.feedback == "dense":
            feedback += "; each answer says what was possible and earned"
        elif self.config.feedback == "sparse":
            feedback = "no word on what is not possible, reward at the end"
        return {
            **own,
            "feedback": feedback,
            "lists_actions": self._interface.action_list != "never",
            "action_list": self._interface.action_list,
            "vocabulary_words": len(distinct_words(self.vocabulary())),
            "shift_of": self._inner.name,
            "shifts": ", ".join(self._marks),
        }


_SHIFTS = ("action_list", "renamed", "syntax", "feedback", "distractors", "paraphrased")


def _marks(config: Shift.Config) -> tuple[str, ...]:
    """Return what the name says, one word for each shift."""
    marks = (
        _MARKS[config.action_list] if config.action_list else "",
        "renamed" if config.renamed else "",
        "" if config.syntax == "plain" else config.syntax,
        config.feedback or "",
        f"distractors{config.distractors}" if config.distractors else "",
        "paraphrased" if config.paraphrased else "",
    )
    found = tuple(mark for mark in marks if mark)
    return (*found, f"seed{config.seed}") if found and config.seed else found


def _reward_range(config: Shift.Config, inner: Environment) -> tuple[float, float]:
    """Return the range of a reward: under sparse feedback one reward may be the sum of all."""
    low, high = inner.reward_range
    if config.feedback != "sparse":
        return low, high
    times = inner.max_turns if inner.returns == "sum" else 1
    return min(0.0, low * times), max(0.0, high * times)


def _syntax(config: Shift.Config, inner: Environment, words: frozenset[str]) -> Syntax | None:
    if not config.renamed and config.syntax == "plain":
        return None
    if not inner.action_templates:
        raise ConfigError(
            f"found {inner.name} without action_templates, expected every form of its actions there; "
            "without them neither `renamed` nor `syntax` is possible"
        )
    key = f"verbs/{config.seed}/{inner.name}"
    return Syntax(
        inner.action_templates,
        config.syntax,
        other_words(inner.action_templates, words, key) if config.renamed else {},
    )


def _sentences(config: Shift.Config, inner: Environment, words: frozenset[str]) -> tuple[str, ...]:
    found = usable(words)
    if len(found) < config.distractors:
        raise ConfigError(
            f"distractors: found {config.distractors}, expected {len(found)} at most in {inner.name}: "
            "it has the things that the other sentences are about"
        )
    return found


def _moved(task: Task, name: str) -> Task:
    """Return `task` as that of the environment `name`."""
    key = task.id.removeprefix(f"{task.environment}/")
    return task.model_copy(update={"environment": name, "id": f"{name}/{key}"})
