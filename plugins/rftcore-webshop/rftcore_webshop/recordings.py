"""Replaying what was recorded of the original: episodes, searches, rewards.

Beside the recordings lie the catalogue, the sampled prices and goals, and the nouns that its tagger found; start from
those rather than from a seed, because the original draws from an unseeded generator.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from rftcore.errors import ConfigError
from rftcore_webshop.colours import plain_colour
from rftcore_webshop.episode import Shopping
from rftcore_webshop.goals import Goal
from rftcore_webshop.nouns import Nouns, heuristic
from rftcore_webshop.original import OriginalShopping
from rftcore_webshop.products import Product, read_products
from rftcore_webshop.reward import comparable, reward, token_set_ratio
from rftcore_webshop.shop import MemoryShop

_LARGEST = 256 << 20
"""Characters of the largest file that is read beside the recordings."""

Comparison = tuple[str, Any, Any]
"""Where it is, what was recorded, what happens here."""


def replay(record: Mapping[str, Any], folder: Path, mended: bool) -> Iterator[Comparison]:
    """Yield every comparison of one record with what happens here; its fields tell what kind of record it is.

    Raises ConfigError when it is none of them.
    """
    if {"goals", "goal", "first", "steps"} <= record.keys():
        yield from _episode(record, folder, mended)
    elif {"query", "results"} <= record.keys():
        yield from _search(record, folder)
    elif "kind" in record and record["kind"] in _CASES:
        yield _CASES[record["kind"]](record, mended)
    else:
        raise ConfigError(
            f"found a record with {', '.join(sorted(record)) or 'nothing'}, expected a recorded episode, search or "
            "reward case of WebShop"
        )


def _episode(record: Mapping[str, Any], folder: Path, mended: bool) -> Iterator[Comparison]:
    kind = Shopping if mended else OriginalShopping
    shop = _shop(folder, record["goals"])
    episode = kind(shop, Goal.from_record(record["goal"]), _nouns(folder), record["mode"] == "text_rich", "never")
    where = f"episode {record['id']} ({record['walk']}, {record['mode']})"
    yield f"{where}, first observation", _seen(record["first"]), _shown(episode)
    for number, turn in enumerate(record["steps"]):
        step = episode.step(turn["action"])
        expected = (*_seen(turn), float(turn["reward"]), turn["done"])
        got = (*_shown(episode), _near(turn["reward"], step.reward), step.terminated)
        yield f"{where}, turn {number}", expected, got
    if record["reward_info"] is not None:
        parts = {} if episode.bought is None else episode.bought.parts()
        yield f"{where}, parts of the reward", record["reward_info"], _near_all(record["reward_info"], parts)


def _seen(turn: Mapping[str, Any]) -> tuple[Any, ...]:
    return turn["page"], turn["observation"], turn["has_search_bar"], turn["clickables"]


def _shown(episode: Shopping) -> tuple[Any, ...]:
    return episode.page.name, episode.observation, episode.page.name == "index", [*episode.clickables]


def _search(record: Mapping[str, Any], folder: Path) -> Iterator[Comparison]:
    hits = _shop(folder, "synthetic").hits(record["query"])
    got = [[hit.id, round(hit.score, 4)] for hit in hits]
    yield f"search {record['query']!r}", record["results"], _near_scores(record["results"], got)


def _reward(record: Mapping[str, Any], mended: bool) -> Comparison:
    bought, goal = record["purchased"], Goal.from_record(record["goal"])
    product = Product(
        asin=bought["asin"],
        name=bought["Title"],
        category="",
        query=bought["query"],
        product_category=bought["product_category"],
        description=bought["Description"],
        features=tuple(bought["BulletPoints"]),
        attributes=tuple(bought["Attributes"]),
        options={},
        prices=(record["price"],),
    )
    nouns = {goal.name: tuple(record["goal_nouns"]), product.name: tuple(record["purchased_nouns"])}
    got = reward(product, record["options"], record["price"], goal, nouns.__getitem__, mended)
    expected = (record["reward"], record["info"])
    parts = _near_all(record["info"], got.parts())
    return f"reward {record['id']} ({record['tag']})", expected, (_near(record["reward"], got.value), parts)


def _colour(record: Mapping[str, Any], mended: bool) -> Comparison:
    return f"colour {record['in']!r}", record["out"], plain_colour(record["in"])


def _ratio(record: Mapping[str, Any], mended: bool) -> Comparison:
    return f"ratio {record['id']}", record["score"], token_set_ratio(record["a"], record["b"])


def _ratio_of_pair(record: Mapping[str, Any], mended: bool) -> Comparison:
    got = token_set_ratio(plain_colour(record["p"]), comparable(*record["g"]))
    return f"ratio {record['id']}", record["score"], got


_CASES = {
    "reward": _reward,
    "normalize_color": _colour,
    "token_set_ratio": _ratio,
    "token_set_ratio_of_pair": _ratio_of_pair,
}


@cache
def _shop(folder: Path, goals: str) -> MemoryShop:
    prices = _stored(folder, "webshop-goals.json.gz")[goals]["product_prices"]
    return MemoryShop(_products(folder), prices)


@cache
def _products(folder: Path) -> tuple[Product, ...]:
    records, entries = (_stored(folder, f"webshop-{name}.json.gz") for name in ("catalogue", "items-ins-v2"))
    return tuple(read_products(records, entries.get, "webshop-catalogue.json.gz"))


@cache
def _nouns(folder: Path) -> Nouns:
    recorded = {name: tuple(nouns) for name, nouns in _stored(folder, "webshop-title-nouns.json.gz").items()}
    return lambda name: recorded[name] if name in recorded else heuristic(name)


@cache
def _stored(folder: Path, name: str) -> Any:
    try:
        with gzip.open(folder / name, "rt", encoding="utf-8") as file:
            text = file.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            raise ValueError(f"it has more than {_LARGEST:,} characters")
        return json.loads(text)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{folder / name} cannot be read ({type(error).__name__}: {error}); expected it beside the recordings, or "
            "in the folder that --data names"
        ) from error


def _near(recorded: float, ours: float) -> float:
    """Return `recorded` when `ours` is the same but for rounding."""
    return recorded if abs(recorded - ours) <= 1e-9 else ours


def _near_all(recorded: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _near(recorded[key], value) if key in recorded else value for key, value in ours.items()}


def _near_scores(recorded: list[list[Any]], ours: list[list[Any]]) -> list[list[Any]]:
    """Return `ours` with recorded scores where the fourth digit differs by rounding only."""
    if len(recorded) != len(ours):
        return ours
    pairs = zip(recorded, ours, strict=True)
    return [[asin, was if abs(was - score) < 1.5e-4 else score] for (_, was), (asin, score) in pairs]
