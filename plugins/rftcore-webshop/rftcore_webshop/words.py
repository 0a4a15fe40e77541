"""The words of the generated catalogue: what is sold, what it can be like, what can be chosen, who makes it.

Few words, so that a small vocabulary covers the whole shop. No two values of one option are alike by the reward's
comparison, and every name of a product contains words that any noun tagger finds.
"""

from __future__ import annotations

from typing import NamedTuple


class Category(NamedTuple):
    """One of the shop's categories, as the official catalogue has five."""

    name: str
    department: str
    sections: dict[str, tuple[str, ...]]
    """Section to the kinds of product in it."""
    attributes: tuple[str, ...]
    options: dict[str, tuple[str, ...]]
    """Name to values; the first two are the most common."""


_COLOURS = (
    *("black", "white", "red", "blue", "green", "pink", "purple", "yellow", "orange", "brown", "gray", "beige"),
    *("silver", "gold", "teal", "ivory", "olive", "maroon", "coral", "charcoal heather", "natural oak"),
)
_STYLES = ("classic", "modern", "coastal", "sport", "deluxe")

CATEGORIES = (
    Category(
        "beauty",
        "Beauty & Personal Care",
        {
            "Skin Care": ("face cream", "eye serum", "lip balm", "body lotion", "hand soap", "bath salt"),
            "Hair Care": ("hair mask", "shampoo", "hair brush", "hair dye", "styling gel", "hair clip"),
            "Makeup": ("makeup brush", "eye shadow", "nail polish", "lipstick", "face powder", "mascara"),
            "Daily Care": ("toothbrush", "dental floss", "razor", "cotton pads", "perfume", "deodorant"),
        },
        (
            *("cruelty free", "paraben free", "sulfate free", "fragrance free", "alcohol free", "long lasting"),
            *("quick drying", "travel size", "plant based", "non toxic", "leak proof", "double sided"),
            *("water resistant", "clinically tested"),
        ),
        {
            "scent": ("lavender", "citrus", "jasmine", "cedar", "unscented", "honey", "eucalyptus"),
            "color": _COLOURS,
            "style": _STYLES,
        },
    ),
    Category(
        "electronics",
        "Electronics",
        {
            "Audio": ("wireless earbuds", "headphones", "bluetooth speaker", "microphone", "soundbar", "radio"),
            "Power": ("usb cable", "phone charger", "power bank", "wall plug", "extension cord", "battery pack"),
            "Camera": ("camera tripod", "camera lens", "camera bag", "ring light", "memory card", "projector screen"),
            "Computers": ("keyboard", "computer mouse", "laptop stand", "tablet case", "phone case", "router"),
        },
        (
            *("fast charging", "high speed", "noise cancelling", "heavy duty", "gold plated", "water resistant"),
            *("hands free", "long lasting", "light weight", "high definition", "low power", "quick release"),
            *("shock proof", "wide angle"),
        ),
        {
            "color": _COLOURS,
            "size": ("3 feet", "6 feet", "10 feet", "compact", "full size"),
            "style": _STYLES,
        },
    ),
    Category(
        "fashion",
        "Clothing, Shoes & Jewelry",
        {
            "Tops": ("shirt", "hoodie", "sweater", "blouse", "tank top", "jacket"),
            "Bottoms": ("jeans", "shorts", "leggings", "skirt", "pajama pants", "swim trunks"),
            "Shoes": ("running shoes", "sandals", "ankle boots", "loafers", "slippers", "sneakers"),
            "Accessories": ("summer dress", "belt", "backpack", "scarf", "sun hat", "wallet"),
        },
        (
            *("machine washable", "slim fit", "loose fit", "quick drying", "moisture wicking", "hand made"),
            *("light weight", "wrinkle free", "stretch fabric", "faux leather", "water resistant", "wind proof"),
            *("fade resistant", "super soft"),
        ),
        {
            "color": _COLOURS,
            "size": ("small", "medium", "large", "petite", "plus", "6", "7", "8", "9"),
            "style": _STYLES,
        },
    ),
    Category(
        "garden",
        "Home & Kitchen",
        {
            "Bedroom": ("nightstand", "throw pillow", "bed sheet", "blanket", "mattress", "dresser"),
            "Living Room": ("table lamp", "sofa cover", "area rug", "wall clock", "bookcase", "coffee table"),
            "Bath": ("shower curtain", "bath mat", "towel rack", "bath towel", "soap dispenser", "mirror"),
            "Kitchen": ("frying pan", "knife set", "cutting board", "tea kettle", "lunch box", "water bottle"),
        },
        (
            *("easy clean", "easy assemble", "space saving", "solid wood", "stainless steel", "non slip"),
            *("heavy duty", "eco friendly", "mid century", "machine washable", "dishwasher safe", "rust proof"),
            *("super soft", "wall mounted"),
        ),
        {
            "color": _COLOURS,
            "size": ("twin", "queen", "king", "round", "square", "narrow"),
            "style": _STYLES,
        },
    ),
    Category(
        "grocery",
        "Grocery & Gourmet Food",
        {
            "Drinks": ("green tea", "coffee beans", "hot cocoa", "fruit juice", "sparkling water", "protein shake"),
            "Snacks": ("potato chips", "trail mix", "granola bar", "beef jerky", "popcorn", "rice crackers"),
            "Pantry": ("olive oil", "pasta sauce", "peanut butter", "noodles", "maple syrup", "soup mix"),
            "Sweets": ("gummy bears", "dark chocolate", "cookies", "fruit jam", "cake mix", "mints"),
        },
        (
            *("gluten free", "sugar free", "dairy free", "low sodium", "low fat", "high fiber"),
            *("high protein", "usda organic", "non gmo", "plant based", "keto friendly", "individually wrapped"),
            *("caffeine free", "kosher certified"),
        ),
        {
            "flavor": ("vanilla", "lemon", "cinnamon", "cherry", "ginger", "coconut", "hazelnut", "mango", "berry"),
            "size": ("single", "twin pack", "family box", "bulk case"),
            "style": _STYLES,
        },
    ),
)

_BRANDS = (
    "Alderby Bellwick Brakton Cobalto Corvane Dunmore Elmsford Farnholm Fenwick Galloway Halvern Hartsea Ironbay "
    "Jorvik Kestrel Kindale Larkspur Lindqvist Luminor Marlowe Mirova Norcrest Nordell Okuna Ostrava Pinehurst "
    "Quillon Quintal Ravensby Rowanfell Saltmarsh Selwyn Sorrento Tamworth Thornbury Tressel Ulverton Velmora "
    "Wexcombe Zedrix"
)
_LINES = "vintage premium everyday handmade professional studio essential signature heritage portable"
BRANDS, LINES = tuple(_BRANDS.split()), tuple(_LINES.split())

OPENINGS = (
    "i am looking for {attributes} {kind}",
    "i need {attributes} {kind}",
    "show me {kind} that is {attributes}",
    "i want to buy {kind}, {attributes}",
    "find me {attributes} {kind}",
    "please get me {kind} which is {attributes}",
)
CHOICES = (" in {options}", ", i would like {options}", " and i prefer {options}")

_FIRST = ("BA", "CE", "DI", "FO", "GU", "HA", "JE", "KI", "LO", "MU")
_SECOND = ("NA", "PE", "RI", "SO", "TU", "VA", "WE", "XI", "YO", "ZU")
CODES = tuple(first + second for first in _FIRST for second in _SECOND)
"""What the letters of an ASIN are made of: `B0CERI42AA`."""
