"""Steps per second of every installed environment, and the ratio to the packages that they replace.

Our own are timed under their own random policy on one core (`steps/own.py`); BabyAI under AgentGym's, which draws from
AgentGym's list. The peers are compared on the same actions (`steps/peers.py`), where they can be imported. The last
line printed is one JSON object: `steps_per_second`, `reset_ms` and `bytes_per_episode` by environment, `ratios` by
peer, and `detail`, which also names what could not be measured, and why.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from steps.own import measure, search_p50_ms
from steps.peers import PEERS

from rftcore import registry
from rftcore.errors import RftError

OPTIONS: dict[str, dict[str, Any]] = {"babyai": {"profile": "agentgym"}}
"""Where speed is stated for another profile than the default."""

FIGURES = ("steps_per_second", "reset_ms", "bytes_per_episode")


def own(name: str) -> dict[str, Any]:
    """Return the figures of one environment, or what kept it from being measured."""
    options = OPTIONS.get(name, {})
    try:
        environment = registry.create("environment", name, options)
        row = {**measure(environment), "options": options}
    except RftError as error:
        return {"not_measured": str(error), "options": options}
    return row | {"search_p50_ms": search_p50_ms(environment)} if name == "searchqa" else row


def peer(name: str) -> dict[str, Any]:
    """Return the ratio to one peer and its detail, or what kept it from being compared."""
    try:
        ratio, detail = PEERS[name]()
    except ImportError as error:
        return {"not_compared": str(error)}
    return {"ratio": ratio, **detail}


def main() -> None:
    """Measure everything and print the result."""
    names = [name for name in registry.names("environment") if not registry.spec("environment", name).bridge]
    environments = {name: own(name) for name in names}
    peers = {name: peer(name) for name in PEERS}
    line = {
        "benchmark": "environments",
        **{key: {name: row[key] for name, row in environments.items() if key in row} for key in FIGURES},
        "ratios": {name: row["ratio"] for name, row in peers.items() if "ratio" in row},
        "detail": {
            "environments": environments,
            "peers": peers,
            "plugins_not_loaded": {row.name: row.reason for row in registry.plugins() if row.status != "ok"},
        },
    }
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
