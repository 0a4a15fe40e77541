"""Colours: two option values are compared by the first colour word in each, as WebShop does."""

from __future__ import annotations

_ALPHABET = (
    "alabaster apricot aqua ash asphalt azure banana beige black blue blush bordeaux bronze brown burgundy camel "
    "camo caramel champagne charcoal cheetah chestnut chocolate christmas coffee cognac copper coral cranberry "
    "cream crystal dark denim eggplant elephant espresso fuchsia gold granite grape graphite grass gray green grey "
    "heather indigo ivory ivy khaki lavender lemon leopard light lilac lime magenta maroon mauve merlot midnight "
    "mint mocha multicolor mushroom mustard natural navy nude olive orange peach pewter pink plum purple rainbow "
    "red rose royal rust sand sapphire seashell silver skull slate steel stone stonewash sunflower tan taupe teal "
    "tiger turquoise violet walnut wheat white wine yellow"
)
_COLOURS = tuple(_ALPHABET.split())
"""WebShop's words, in its order: the alphabet decides which of two wins."""


def plain_colour(value: str) -> str:
    """Return the alphabetically first colour word that occurs in `value`, even inside a word, or `value` itself.

    So `dark red` is `dark`, `navy blue` is `blue`, and `credit card` is `red`.
    """
    for colour in _COLOURS:
        if colour in value:
            return colour
    return value


def is_colour(value: str) -> bool:
    """Return whether `value` is itself one of the words."""
    return value in _COLOURS
