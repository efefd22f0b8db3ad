"""Dimensions, indicators, views and word lists from a taxonomy YAML file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kesheng.errors import TaxonomyError, choices

# The shipped file has 51 kB; anchors let a small file unfold into gigabytes.
MAX_BYTES = 1_000_000
CANONICAL = "canonical"


@dataclass(frozen=True)
class Indicator:
    """What a customer can speak of. Phrases: neg complains, pos praises, aspect is neutral."""

    id: str
    dimension: str
    zh: str
    aspect: tuple[str, ...]
    neg: tuple[str, ...]
    pos: tuple[str, ...]


@dataclass(frozen=True)
class Dimension:
    """A group of indicators."""

    id: str
    zh: str
    definition: str


@dataclass(frozen=True)
class View:
    """A dimension set: each of its dimensions is a list of indicators."""

    id: str
    dimensions: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Taxonomy:
    """A loaded taxonomy. `version` names file, edition and content hash."""

    version: str
    dimensions: dict[str, Dimension]
    indicators: dict[str, Indicator]
    views: dict[str, View]
    severity: dict[str, tuple[str, ...]]

    def dimension_label(self, view: str, dimension: str) -> str:
        """Chinese name of a dimension of a view."""
        return self.dimensions[dimension].zh if view == CANONICAL else dimension


# libyaml's loaders are some ten times as fast; PyYAML may have been built without them.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _parse(raw: bytes) -> Any:
    """Plain values of a YAML document; anchors are refused: a taxonomy needs none, a bomb is made of them."""
    for event in yaml.parse(raw, Loader=_SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"aliases are not allowed in a taxonomy:\n{event.start_mark}")
    return yaml.load(raw, Loader=_SafeLoader)  # noqa: S506 - a SafeLoader: plain values only


def load(path: Path) -> Taxonomy:
    """Read and check a taxonomy.

    Raises:
        TaxonomyError: naming the file and the entry (or line) at fault.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TaxonomyError(f"{path.name}: larger than {MAX_BYTES:,} bytes; not a taxonomy")
        raw = path.read_bytes()
        content = _parse(raw)
    except OSError as error:
        raise TaxonomyError(f"cannot read taxonomy {str(path)!r}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise TaxonomyError(f"{path.name} is not usable YAML: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("dimensions"), dict):
        raise TaxonomyError(
            f"{path.name}: needs a mapping 'dimensions'; see models/taxonomy/base.yaml"
        )
    try:
        return _build(content, path.stem, hashlib.sha256(raw).hexdigest()[:8])
    except (AttributeError, KeyError, TypeError) as error:
        raise TaxonomyError(f"{path.name}: malformed entry: {error!r}") from error
    except TaxonomyError as error:
        raise TaxonomyError(f"{path.name}: {error}") from error


def _build(content: dict[str, Any], stem: str, digest: str) -> Taxonomy:
    dimensions: dict[str, Dimension] = {}
    indicators: dict[str, Indicator] = {}
    for dimension_id, entry in content["dimensions"].items():
        dimensions[dimension_id] = Dimension(dimension_id, entry["zh"], entry.get("definition", ""))
        for indicator_id, body in entry["indicators"].items():
            if indicator_id in indicators:
                owner = indicators[indicator_id].dimension
                raise TaxonomyError(
                    f"indicator {indicator_id} stands in {owner} and in {dimension_id}; keep one"
                )
            indicators[indicator_id] = Indicator(
                id=indicator_id,
                dimension=dimension_id,
                zh=body["zh"],
                aspect=_phrases(indicator_id, body, "aspect"),
                neg=_phrases(indicator_id, body, "neg"),
                pos=_phrases(indicator_id, body, "pos"),
            )
    _refuse_shared_phrases(indicators)
    canonical = {
        d: tuple(i.id for i in indicators.values() if i.dimension == d) for d in dimensions
    }
    views = {CANONICAL: View(CANONICAL, canonical)}
    for view_id, body in (content.get("views") or {}).items():
        views[view_id] = _view(view_id, body["map"], indicators)
    severity = {
        level: _words(level, words) for level, words in (content.get("severity") or {}).items()
    }
    version = f"{stem}-{content.get('version', 0)}-{digest}"
    return Taxonomy(version, dimensions, indicators, views, severity)


def _phrases(indicator: str, body: dict[str, Any], kind: str) -> tuple[str, ...]:
    phrases = body.get(kind) or ()
    if not isinstance(phrases, list | tuple):
        raise TaxonomyError(f"{indicator}.{kind}: {phrases!r} is not a list; write [{phrases}]")
    for phrase in phrases:
        if not isinstance(phrase, str) or not phrase.strip():
            raise TaxonomyError(f"{indicator}.{kind}: {phrase!r} is not a phrase; write text")
    return tuple(phrases)


def _words(level: str, words: Any) -> tuple[str, ...]:
    """Words of a severity level; 12315 without quotes is a word too."""
    if not isinstance(words, list):
        raise TaxonomyError(f"severity.{level}: {words!r} is not a list; write [{words}]")
    return tuple(map(str, words))


def _refuse_shared_phrases(indicators: dict[str, Indicator]) -> None:
    """A judging phrase belongs to one indicator and one polarity."""
    owner: dict[str, str] = {}
    for indicator in indicators.values():
        for kind, phrases in (("neg", indicator.neg), ("pos", indicator.pos)):
            for phrase in phrases:
                here = f"{indicator.id}.{kind}"
                if owner.setdefault(phrase, here) != here:
                    raise TaxonomyError(
                        f"phrase {phrase!r} stands in {owner[phrase]} and in {here}; keep one"
                    )


def _view(view: str, mapping: dict[str, list[str]], indicators: dict[str, Indicator]) -> View:
    """Unfold `DIM.*`; within a view the first dimension that names an indicator keeps it."""
    taken: set[str] = set()
    result: dict[str, tuple[str, ...]] = {}
    for dimension, patterns in mapping.items():
        members: list[str] = []
        for pattern in patterns:
            found = [
                i.id
                for i in indicators.values()
                if i.id == pattern or (pattern.endswith(".*") and i.dimension == pattern[:-2])
            ]
            if not found:
                raise TaxonomyError(
                    f"view {view}, {dimension}: no indicator {pattern!r}; "
                    f"there are: {choices(indicators)}"
                )
            members += [i for i in found if i not in taken]
            taken.update(found)
        result[dimension] = tuple(members)
    return View(view, result)
