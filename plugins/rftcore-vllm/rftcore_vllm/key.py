"""The key of the servers: from the environment into a header, and out of whatever a server repeats of it.

It is in no configuration, and an error of a server goes into logs and records: so it is in no message either.
"""

from __future__ import annotations

import os
import re

API_KEY = "VLLM_API_KEY"
"""Environment variable with the servers' key: the one that `vllm serve` itself reads."""

SECRET = 12
"""Characters from which a key is looked for in what a server says. A shorter one is a placeholder, such as `EMPTY`."""


def authorization() -> dict[str, str]:
    """Return the header that a server asks for; none without a key."""
    key = _key()
    return {"Authorization": f"Bearer {key}"} if key else {}


def hidden(text: str) -> str:
    """Return `text` with `[key]` for the key, plain or escaped as JSON, a JSON in a JSON, or addresses do it."""
    key = _key()
    if len(key) < SECRET:
        return text
    written = (rf"(?:\\*(?:{re.escape(sign)}|u(?i:{ord(sign):04x}))|%(?i:{ord(sign):02x}))" for sign in key)
    return re.sub("".join(written), "[key]", text)


def _key() -> str:
    return os.environ.get(API_KEY, "")
