"""The generated catalogue: invented products and instructions, in the schema of the official files.

Products come in families: one product, or up to four near-duplicates that differ in an attribute, a value and the
price. Everything derives from the number of the family, so that a catalogue of any size begins like every other, and
is generated in one pass. A product's record, its entry of attributes and its instructions are exactly what the official
`items_shuffle.json`, `items_ins_v2.json` and `items_human_ins.json` hold for it.

    python -m rftcore_webshop.generator FOLDER --products 1180000
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from rftcore_webshop.products import DEPARTMENTS
from rftcore_webshop.words import BRANDS, CATEGORIES, CHOICES, CODES, LINES, OPENINGS, Category

PRODUCTS = 10_000
"""How many products the default catalogue has."""
MOST = len(CODES) * 100 * 26 * 26
"""More products than this would repeat ASINs."""
_LONE = 0.75
"""Share of families of one product."""
_WITHOUT_PRICE, _WITH_RANGE, _SYNTHETIC = 0.02, 0.1, 0.4
_CENTS = (0.0, 0.25, 0.5, 0.75, 0.99)


class Item(NamedTuple):
    """One product, as the three official files describe it."""

    family: int
    record: dict[str, Any]
    entry: dict[str, Any]
    """Its attributes, and for some an instruction that synthetic goals extend."""
    instructions: list[dict[str, Any]]
    """One human-like instruction."""


class _Design(NamedTuple):
    """What the products of a family share before each is varied."""

    category: Category
    section: str
    kind: str
    brand: str
    line: str
    attributes: list[str]
    options: dict[str, list[str]]
    price: int


def items(count: int) -> Iterator[Item]:
    """Yield `count` products, at most `MOST`, always the same ones."""
    made = family = 0
    while made < count:
        rng = random.Random(f"webshop/family/{family}")
        size = 1 if rng.random() < _LONE else rng.randint(2, 4)
        design = _design(rng, size > 1)
        for _ in range(min(size, count - made)):
            yield _item(rng, family, made, design, size > 1)
            made += 1
        family += 1


def asin(number: int) -> str:
    """Return the ASIN of product `number`, from 0: `B0`, four letters, two digits, two letters."""
    block, digits = divmod(number, 100)
    ending, letters = divmod(block, len(CODES))
    first, second = divmod(ending, 26)
    # Neighbours get different letters, so that near-duplicates are told apart at a glance.
    return f"B0{CODES[(letters + 37 * digits) % len(CODES)]}{digits:02}{chr(65 + first)}{chr(65 + second)}"


def _design(rng: random.Random, duplicated: bool) -> _Design:
    category = rng.choice(CATEGORIES)
    section = rng.choice(tuple(category.sections))
    least = 2 if duplicated else rng.choice((0, 1, 2))
    chosen = list(category.options)[: max(least, rng.randint(1, 3))]
    return _Design(
        category=category,
        section=section,
        kind=rng.choice(category.sections[section]),
        brand=rng.choice(BRANDS),
        line=rng.choice(LINES),
        attributes=rng.sample(category.attributes, rng.randint(3, 5)),
        options={name: rng.sample(category.options[name], rng.randint(2, 4)) for name in chosen},
        price=rng.randint(4, 160),
    )


def _item(rng: random.Random, family: int, number: int, design: _Design, duplicated: bool) -> Item:
    attributes, options = [*design.attributes], {name: [*values] for name, values in design.options.items()}
    if duplicated:
        _vary(rng, design, attributes, options)
    code = asin(number)
    named = attributes[: rng.randint(1, 2)]
    title = " ".join([design.brand, design.line, design.kind, *named]).title()
    record = {
        "name": title,
        "asin": code,
        "category": design.category.name,
        "query": design.kind,
        "product_category": DEPARTMENTS.join((design.category.department, design.section, design.kind.title())),
        "full_description": f"{design.brand} {design.kind} for every day: {', '.join(attributes[:-1])}.",
        "small_description": [f"{attribute} {design.kind}" for attribute in attributes],
        "pricing": _pricing(rng, design.price),
        "customization_options": {
            name: [{"value": value, "image": None} for value in values] for name, values in options.items()
        },
        "images": ["https://img.example/main.jpg"],
    }
    entry: dict[str, Any] = {"attributes": attributes}
    if rng.random() < _SYNTHETIC:
        asked = rng.sample(attributes, rng.randint(1, 2))
        entry |= {"instruction": f"Find me {', '.join(asked)} {design.kind}", "instruction_attributes": asked}
    return Item(family, record, entry, [_instruction(rng, code, design.kind, attributes, options, duplicated)])


def _vary(rng: random.Random, design: _Design, attributes: list[str], options: dict[str, list[str]]) -> None:
    """Swap one attribute, and one value of the first option, for others of the category."""
    others = [attribute for attribute in design.category.attributes if attribute not in attributes]
    attributes[rng.randrange(1, len(attributes))] = rng.choice(others)
    for name, values in list(options.items())[:1]:
        left = [value for value in design.category.options[name] if value not in values]
        values[rng.randrange(len(values))] = rng.choice(left)


def _instruction(
    rng: random.Random, code: str, kind: str, attributes: list[str], options: dict[str, list[str]], much: bool
) -> dict[str, Any]:
    """Return what a person asks for: one or two things, or `much`: at least four."""
    names = list(options)
    wanted = rng.sample(names, min(len(names), rng.randint(2, 3) if much else rng.randint(0, 1)))
    asked = rng.sample(attributes, max(4 - len(wanted), rng.randint(1, 2)) if much else rng.randint(1, 2 - len(wanted)))
    values = [rng.choice(options[name]) for name in sorted(wanted, key=names.index)]
    text = rng.choice(OPENINGS).format(attributes=" and ".join(asked), kind=kind)
    if values:
        text += rng.choice(CHOICES).format(options=" and ".join(values))
    return {
        "asin": code,
        "instruction": text,
        "attributes": attributes,
        "options": values,
        "instruction_attributes": asked,
        "instruction_options": values,
    }


def _pricing(rng: random.Random, near: int) -> str:
    draw = rng.random()
    if draw < _WITHOUT_PRICE:
        return ""
    price = max(2, near + rng.randint(-near // 4, near // 4)) + rng.choice(_CENTS)
    if draw < _WITHOUT_PRICE + _WITH_RANGE:
        return f"${price:.2f} to ${price + rng.randint(2, 30):.2f}"
    return f"${price:.2f}"


def write(folder: Path, count: int, told: int) -> None:
    """Write `count` products into `folder`, as the official files; the first `told` have human instructions."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        names = ("items_shuffle.json", "items_ins_v2.json", "items_human_ins.json")
        products, attributes, instructions = (
            stack.enter_context((folder / name).open("w", encoding="utf-8")) for name in names
        )
        for number, item in enumerate(items(count)):
            comma = ",\n" if number else ""
            key = json.dumps(item.record["asin"])
            products.write((comma or "[") + json.dumps(item.record))
            attributes.write((comma or "{") + f"{key}: {json.dumps(item.entry)}")
            if number < told:
                instructions.write((comma or "{") + f"{key}: {json.dumps(item.instructions)}")
        products.write("]\n")
        attributes.write("}\n")
        instructions.write("}\n" if told else "{}\n")


def main() -> None:
    """Write a catalogue."""
    parser = argparse.ArgumentParser(prog="python -m rftcore_webshop.generator", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder to write the three files to")
    parser.add_argument("--products", type=int, default=PRODUCTS, help=f"how many, at most {MOST:,}")
    parser.add_argument("--instructions", type=int, default=12_087, help="how many products have a human instruction")
    given = parser.parse_args()
    write(given.folder, min(given.products, MOST), given.instructions)


if __name__ == "__main__":
    main()
