"""The objects and furniture of our own rooms: which there are, what can be done with them, what holds what.

The words are those of ALFRED, so that an agent meets the same vocabulary in official games; what goes where is a
judgement of our own. One line a receptacle.
"""

from __future__ import annotations

TRAITS = {
    "c": "cleanable",
    "h": "heatable",
    "o": "coolable",
    "s": "sliceable",
    "t": "toggleable",
    "b": "isreceptacleobject",
}
"""Letters of `THINGS`. What cannot be switched on can be picked up."""

THINGS = {
    "alarmclock": "", "apple": "chos", "baseballbat": "", "basketball": "", "book": "", "bowl": "cob", "box": "b",
    "bread": "hos", "butterknife": "c", "candle": "", "cd": "", "cellphone": "", "cloth": "c", "creditcard": "",
    "cup": "chob", "desklamp": "t", "dishsponge": "c", "egg": "cho", "floorlamp": "t", "fork": "c", "glassbottle": "",
    "handtowel": "", "kettle": "c", "keychain": "", "knife": "c", "ladle": "c", "laptop": "", "lettuce": "cos",
    "mug": "chob", "newspaper": "", "pan": "cob", "pen": "", "pencil": "", "peppershaker": "", "pillow": "",
    "plate": "chob", "pot": "cob", "potato": "chos", "remotecontrol": "", "saltshaker": "", "soapbar": "c",
    "soapbottle": "", "spatula": "c", "spoon": "c", "spraybottle": "", "statue": "", "teddybear": "",
    "tennisracket": "", "tissuebox": "", "toiletpaper": "", "tomato": "chos", "towel": "", "vase": "", "watch": "",
    "wateringcan": "", "winebottle": "o",
}  # fmt: skip
"""For each class of object the letters of its traits."""

_FOOD = "apple bread egg lettuce potato tomato"
_DISHES = "bowl cup mug plate"
_CUTLERY = "butterknife fork knife ladle spatula spoon"
_SHAKERS = "peppershaker saltshaker"
_POCKET = "cellphone creditcard keychain watch"
_PAPER = "book cd pen pencil"
_BATH = "cloth soapbar soapbottle spraybottle toiletpaper"

HOLDS = {
    "armchair": f"{_POCKET} book laptop newspaper pillow remotecontrol",
    "bathtubbasin": "cloth dishsponge soapbar",
    "bed": "baseballbat basketball book cellphone laptop newspaper pillow teddybear tennisracket",
    "cabinet": f"{_DISHES} {_BATH} {_SHAKERS} candle glassbottle kettle pan pot vase",
    "cart": f"{_BATH} book candle newspaper vase",
    "coffeemachine": "mug",
    "coffeetable": f"{_POCKET} {_PAPER} box laptop mug newspaper remotecontrol statue tissuebox vase",
    "countertop": f"{_FOOD} {_DISHES} {_CUTLERY} {_SHAKERS} {_BATH} candle dishsponge kettle pan pot tissuebox "
    "winebottle",
    "desk": f"{_POCKET} {_PAPER} alarmclock basketball box desklamp laptop mug statue tissuebox",
    "diningtable": f"{_FOOD} {_DISHES} {_CUTLERY} {_SHAKERS} {_PAPER} floorlamp laptop newspaper remotecontrol vase",
    "drawer": f"{_CUTLERY} {_POCKET} {_PAPER} {_SHAKERS} cloth dishsponge remotecontrol soapbar toiletpaper",
    "dresser": f"{_POCKET} {_PAPER} alarmclock box desklamp floorlamp statue teddybear vase wateringcan",
    "fridge": f"{_FOOD} {_DISHES} pan pot winebottle",
    "garbagecan": f"{_FOOD} cd cloth newspaper pencil soapbar spraybottle tissuebox toiletpaper",
    "handtowelholder": "handtowel",
    "laundryhamper": "cloth",
    "microwave": "apple bread cup egg mug plate potato tomato",
    "ottoman": f"{_POCKET} book box laptop pillow remotecontrol",
    "safe": f"{_POCKET} cd statue vase",
    "shelf": f"{_DISHES} {_BATH} {_PAPER} alarmclock box creditcard keychain statue teddybear vase watch",
    "sidetable": f"{_POCKET} {_PAPER} alarmclock box desklamp floorlamp mug newspaper remotecontrol tissuebox",
    "sinkbasin": f"apple {_DISHES} {_CUTLERY} cloth dishsponge lettuce pan pot potato soapbar tomato",
    "sofa": f"{_POCKET} box laptop newspaper pillow remotecontrol",
    "stoveburner": "kettle pan pot",
    "toaster": "",
    "toilet": "candle cloth soapbar soapbottle spraybottle toiletpaper",
    "toiletpaperhanger": "toiletpaper",
    "towelholder": "towel",
    "tvstand": f"{_POCKET} box newspaper remotecontrol statue vase wateringcan",
}
"""For each class of receptacle the classes of objects that it may hold."""

OPENABLE = frozenset({"cabinet", "drawer", "fridge", "laundryhamper", "microwave", "safe"})
"""Receptacles that begin closed."""

_ANYWHERE = "book candle cellphone creditcard keychain pen pencil vase watch"
FOUND: dict[str, frozenset[str]] = {
    room: frozenset(words.split())
    for room, words in {
        "kitchen": f"{_FOOD} {_DISHES} {_CUTLERY} {_SHAKERS} dishsponge glassbottle kettle pan pot soapbottle "
        "winebottle",
        "bedroom": f"{_ANYWHERE} alarmclock baseballbat basketball box cd cloth desklamp laptop mug pillow statue "
        "teddybear tennisracket",
        "livingroom": f"{_ANYWHERE} box floorlamp laptop newspaper pillow plate remotecontrol statue tissuebox "
        "wateringcan",
        "bathroom": f"{_BATH} candle dishsponge handtowel tissuebox towel",
    }.items()
}
"""For each room the classes of objects that are found there."""
