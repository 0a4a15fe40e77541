"""Imports what nobody has."""

import abacus  # type: ignore[import-not-found]  # noqa: F401
