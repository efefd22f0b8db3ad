"""The error tree of kesheng.

Every error a user can meet is a `KeshengError` whose message names the value,
what is allowed and what to do. `transient` says whether trying again can help;
the flows ask it before they retry.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class KeshengError(Exception):
    """Base of every error that kesheng raises on purpose."""

    transient: bool = False


class SettingsError(KeshengError):
    """A setting, option or environment variable cannot be used."""


class TaxonomyError(KeshengError):
    """A taxonomy file is not usable."""


class ArtefactError(KeshengError):
    """A shipped model file is missing or is not the one its manifest names."""


class SourceError(KeshengError):
    """A source cannot be read as configured. What is wrong with data is said in Chinese."""


class WarehouseError(KeshengError):
    """The warehouse cannot be read or written."""


class WarehouseBusyError(WarehouseError):
    """Another run is writing to this warehouse."""

    transient = True


class WarehouseIOError(WarehouseError):
    """The disk or network under the warehouse failed; it may be better in a minute."""

    transient = True


class ConservationError(KeshengError):
    """A run lost or invented rows: read != kept + updated + rejected."""


def choices(values: Iterable[object], *, limit: int = 20) -> str:
    """List what is allowed, bounded, for an error message."""
    names = [str(value) for value in values]
    shown = ", ".join(names[:limit]) if names else "(none)"
    return shown if len(names) <= limit else f"{shown} … ({len(names)} in all)"


def closest(name: str, allowed: Iterable[str]) -> str | None:
    """The allowed name that is most like `name`, if one is."""
    return next(iter(difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.5)), None)


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the closest allowed name, or ``''``."""
    close = closest(name, allowed)
    return f"; did you mean {close!r}?" if close else ""


def nearest_zh(name: str, allowed: Iterable[str]) -> str:
    """Likewise for messages about data, which are in Chinese."""
    close = closest(name, allowed)
    return f"，是否指 {close!r}？" if close else ""
