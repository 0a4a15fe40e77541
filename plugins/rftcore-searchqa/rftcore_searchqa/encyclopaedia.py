"""The questions over the generated encyclopaedia, and which of them are tasks.

A fact is asked for only when its passage is among the best three for the question about it. All of that was tried once
(`python -m rftcore_searchqa.verify`); the few facts that are not found are stored beside this file. A longer question
is made of such questions, so its path is found as well.

Facts of the easy test tasks are on no path of a train task, easy or hard. Everything else about a hard test task can be
new too, but need not be: the encyclopaedia is one world.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files

from rftcore.schemas.task import Split, Task
from rftcore_bm25.index import Index
from rftcore_searchqa.passages import passages
from rftcore_searchqa.questions import Hop, Question
from rftcore_searchqa.relations import RELATIONS, Relation
from rftcore_searchqa.retriever import LexicalRetriever
from rftcore_searchqa.world import Fact, Thing, world

SIZES: dict[Split, int] = {"train": 2_400, "test": 400}
"""Tasks of each difficulty."""
FILE = "unfound.json"
_PRACTICE = 2**40
"""Where the numbers of questions that are in no list begin."""

Asked = tuple[int, str]
"""A fact: number of the thing, name of the relation."""


@cache
def retriever() -> LexicalRetriever:
    """Return the index of all passages; built once per process, in about half a second."""
    return LexicalRetriever(passages(), Index.of(passages().items()), (retriever, ()))


@cache
def task_list(name: str, split: Split, difficulty: str) -> tuple[Task, ...]:
    """Return the tasks of one list, in order. `difficulty` is easy (one hop) or hard."""
    made = _easy() if difficulty == "easy" else _hard()
    chosen = made[: SIZES["test"]] if split == "test" else made[SIZES["test"] :]
    return tuple(question.task(name, split, difficulty, number, form) for number, (form, question) in enumerate(chosen))


def practice_task(name: str, difficulty: str, rng: random.Random) -> Task:
    """Draw a question that is in no list. Of the test tasks' facts, it can hold those that train tasks can, too."""
    form, question = "1 hop", None
    if difficulty == "easy":
        question = question_about(*rng.choice(_facts()[sum(SIZES.values()) :]))
    while question is None:
        form = rng.choice(tuple(_FORMS))
        draft = _FORMS[form](rng)
        if draft is not None and not _held() & draft[1] and draft[0].text not in _listed():
            question = draft[0]
    return question.task(name, "train", difficulty, _PRACTICE + rng.getrandbits(40), form)


def question_about(thing: Thing, relation: Relation, called: str) -> Question:
    """Return the question of one hop, where `called` is one of the thing's names."""
    fact = thing.facts[relation.name]
    text = relation.question.format(called)
    return Question(text, (fact.text, *fact.also), (Hop(text, thing.name),))


@cache
def unfound() -> frozenset[tuple[int, str, str]]:
    """Return number, relation and name called of the facts that searching for them does not find."""
    stored = json.loads((files("rftcore_searchqa") / FILE).read_text(encoding="utf-8"))
    return frozenset((number, relation, called) for number, relation, called in stored)


def _found(thing: Thing, relation: str, called: str) -> bool:
    return (thing.number, relation, called) not in unfound()


@cache
def _facts() -> tuple[tuple[Thing, Relation, str], ...]:
    """Return every fact that is found, each under one of its thing's names, in the order of the easy tasks."""
    rng = random.Random("searchqa/easy")
    facts = []
    for thing in world().things:
        for relation in RELATIONS.get(thing.kind, {}).values():
            called = rng.choice(thing.called())
            if _found(thing, relation.name, called):
                facts.append((thing, relation, called))
    rng.shuffle(facts)
    return tuple(facts)


@cache
def _easy() -> tuple[tuple[str, Question], ...]:
    return tuple(
        ("1 hop", question_about(thing, relation, called))
        for thing, relation, called in _facts()[: sum(SIZES.values())]
    )


@cache
def _hard() -> tuple[tuple[str, Question], ...]:
    """Return the hard questions, the test ones first; the forms take turns."""
    rng = random.Random("searchqa/hard")
    made: dict[str, tuple[str, Question]] = {}
    while len(made) < sum(SIZES.values()):
        form = tuple(_FORMS)[len(made) % len(_FORMS)]
        draft = _FORMS[form](rng)
        testing = len(made) < SIZES["test"]
        if draft is not None and draft[0].text not in made and (testing or not _held() & draft[1]):
            made[draft[0].text] = form, draft[0]
    return tuple(made.values())


@cache
def _held() -> frozenset[Asked]:
    """Return the facts of the easy test tasks."""
    return frozenset((thing.number, relation.name) for thing, relation, _ in _facts()[: SIZES["test"]])


@cache
def _listed() -> frozenset[str]:
    """Return the hard questions."""
    return frozenset(question.text for _, question in _hard())


Draft = tuple[Question, frozenset[Asked]]
"""A question and the facts on its path."""


def _bridge(rng: random.Random, length: int) -> Draft | None:
    """Return a question of `length` hops from one thing to the next, or None when this walk did not lead there."""
    walk = _Walk(rng, rng.choice(_starts()))
    for _ in range(length - 1):
        if not walk.on():
            return None
    return walk.question()


def _comparison(rng: random.Random, before: int) -> Draft | None:
    """Return a comparison of two things, each `before` hops away from the one that is named, or None."""
    kind, relation = rng.choice(_comparable())
    walks = []
    for _ in range(2):
        walk = _Walk(rng, rng.choice(_by_kind()[kind] if before == 0 else _starts()))
        if not all(walk.on() for _ in range(before)) or walk.thing.kind != kind or not walk.asks(relation.name):
            return None
        walks.append(walk)
    first, second = walks
    values = [int(walk.thing.facts[relation.name].text.replace(",", "")) for walk in walks]
    if values[0] == values[1] or first.path & second.path or first.thing is second.thing:
        return None
    hops = tuple(
        hop for walk in walks for hop in (*walk.hops, Hop(relation.question.format(walk.called), walk.thing.name))
    )
    better = first if (values[0] > values[1]) == relation.most else second
    others = tuple(name for name in better.thing.called() if name != better.called)
    assert relation.comparison is not None
    text = relation.comparison.format(first.phrase, second.phrase)
    asked = {(walk.thing.number, relation.name) for walk in walks}
    return Question(text, (better.called, *others), hops), first.path | second.path | asked


_FORMS: dict[str, Callable[[random.Random], Draft | None]] = {
    "2 hops": lambda rng: _bridge(rng, 2),
    "3 hops": lambda rng: _bridge(rng, 3),
    "4 hops": lambda rng: _bridge(rng, 4),
    "comparison": lambda rng: _comparison(rng, 0),
    "comparison of 2 hops": lambda rng: _comparison(rng, 1),
}
"""What draws a question of a form that takes more than one hop; None when the walk did not lead to one."""


class _Walk:
    """A way from a thing along relations, with the phrase that describes where it has come to."""

    def __init__(self, rng: random.Random, start: Thing) -> None:
        self._rng = rng
        self.thing = start
        self.called = self.phrase = rng.choice(start.called())
        self.hops: tuple[Hop, ...] = ()
        self.path: frozenset[Asked] = frozenset()
        self._visited = {start.number}

    def on(self) -> bool:
        """Go on to another thing; False when this fact is not found or leads back."""
        leading = [relation for relation in RELATIONS[self.thing.kind].values() if relation.phrase is not None]
        relation = self._rng.choice(leading)
        fact: Fact = self.thing.facts[relation.name]
        if fact.thing is None or fact.thing in self._visited or not self.asks(relation.name):
            return False
        self._visited.add(fact.thing)
        self.hops += (Hop(relation.question.format(self.called), self.thing.name),)
        self.path |= {(self.thing.number, relation.name)}
        self.phrase = str(relation.phrase).format(self.phrase)
        self.thing, self.called = world().things[fact.thing], fact.text
        return True

    def asks(self, relation: str) -> bool:
        """True when the fact is found under the name that the walk has for its thing."""
        return _found(self.thing, relation, self.called)

    def question(self) -> Draft | None:
        """Return the question for a fact of the thing it has come to; None when that fact is not found or was said."""
        relation = self._rng.choice(list(RELATIONS[self.thing.kind].values()))
        fact = self.thing.facts[relation.name]
        if not self.asks(relation.name) or fact.thing in self._visited or fact.text in self.phrase:
            return None
        hop = Hop(relation.question.format(self.called), self.thing.name)
        asked = (self.thing.number, relation.name)
        text = relation.question.format(self.phrase)
        return Question(text, (fact.text, *fact.also), (*self.hops, hop)), self.path | {asked}


@cache
def _by_kind() -> dict[str, list[Thing]]:
    return {kind: world().of(kind) for kind in RELATIONS}


@cache
def _starts() -> list[Thing]:
    return [thing for thing in world().things if thing.kind in RELATIONS]


@cache
def _comparable() -> list[tuple[str, Relation]]:
    return [
        (kind, relation)
        for kind, relations in RELATIONS.items()
        for relation in relations.values()
        if relation.comparison is not None
    ]


def candidates() -> Iterator[tuple[Thing, Relation, str]]:
    """Yield every fact under every name of its thing."""
    for thing in world().things:
        for relation in RELATIONS.get(thing.kind, {}).values():
            for called in thing.called():
                yield thing, relation, called
