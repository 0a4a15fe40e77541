"""What can be asked: the facts of each kind of thing, how a question asks for one, and how a phrase stands for one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Relation:
    """One fact that every thing of a kind has."""

    kind: str
    """Of what: person, town, firm, or one of the works: novel, play, opera, painting."""
    name: str
    question: str
    """Asks for the fact; `{}` is the thing."""
    phrase: str | None = None
    """Stands for the fact in a longer question, where it is a thing itself."""
    comparison: str | None = None
    """Asks which of two things comes first by this fact."""
    most: bool = False
    """The comparison asks for the larger value, not the smaller one."""


def _of_work(kind: str, maker: str, made: str) -> tuple[Relation, ...]:
    return (
        Relation(kind, "maker", f"Who {made} {{}}?", f"the {maker} of {{}}"),
        Relation(kind, "publisher", "Which firm published {}?", "the publisher of {}"),
        Relation(kind, "setting", "In which town is {} set?", "the town where {} is set"),
        Relation(kind, "year", "When did {} come out?", comparison="Which came out earlier, {} or {}?"),
    )


_RELATIONS = (
    Relation("person", "birthplace", "Where was {} born?", "the birthplace of {}"),
    Relation("person", "year", "When was {} born?", comparison="Who was born earlier, {} or {}?"),
    Relation("person", "occupation", "What was the occupation of {}?"),
    Relation("person", "teacher", "Who taught {}?", "the teacher of {}"),
    Relation("person", "employer", "Which firm did {} work for?", "the employer of {}"),
    Relation("town", "region", "In which region is {}?"),
    Relation("town", "river", "Which river runs through {}?"),
    Relation("town", "mayor", "Who is the mayor of {}?", "the mayor of {}"),
    Relation("town", "year", "When was {} founded?"),
    Relation(
        "town",
        "population",
        "How many people live in {}?",
        comparison="Where do more people live, in {} or in {}?",
        most=True,
    ),
    Relation("firm", "founder", "Who founded {}?", "the founder of {}"),
    Relation("firm", "seat", "Where is {} based?", "the seat of {}"),
    Relation("firm", "product", "What does {} make?"),
    Relation("firm", "year", "When was {} founded?", comparison="Which was founded earlier, {} or {}?"),
    *_of_work("novel", "author", "wrote"),
    *_of_work("play", "author", "wrote"),
    *_of_work("opera", "composer", "composed"),
    *_of_work("painting", "painter", "painted"),
)

RELATIONS: dict[str, dict[str, Relation]] = {}
"""By kind and name."""
for _relation in _RELATIONS:
    RELATIONS.setdefault(_relation.kind, {})[_relation.name] = _relation

WORKS = ("novel", "play", "opera", "painting")
