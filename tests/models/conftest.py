"""The shipped models, loaded once, and scoring that gives plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from kesheng import taxonomy
from kesheng.models import artefacts, sentiment
from kesheng.models.aspects import AspectModel
from kesheng.taxonomy import Taxonomy
from kesheng.text.clauses import split
from kesheng.text.column import TextColumn


@dataclass(frozen=True)
class Mention:
    """A mention in plain values; places count from the beginning of its text."""

    row: int
    clause: str
    indicator: str
    polarity: int
    confidence: float
    start: int
    end: int
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Scored:
    """What the models say of a column."""

    sentiment: list[float]
    clauses: list[tuple[int, str, float]]
    mentions: list[Mention]


Score = Callable[[Sequence[str]], Scored]


@pytest.fixture(scope="session")
def base() -> Taxonomy:
    """The shipped taxonomy."""
    return taxonomy.load(artefacts.taxonomy_path("base"))


@pytest.fixture(scope="session")
def model() -> sentiment.NgramSentiment:
    """The shipped sentiment model."""
    loaded = sentiment.load("ngram")
    assert isinstance(loaded, sentiment.NgramSentiment)
    return loaded


@pytest.fixture(scope="session")
def score(base: Taxonomy, model: sentiment.NgramSentiment) -> Score:
    """Score texts with the shipped models, as the pipeline does."""
    aspects = AspectModel(base, neutral_band=0.1)

    def run(texts: Sequence[str]) -> Scored:
        column = TextColumn.of(texts)
        starts, ends = split(column)
        spans = np.concatenate([column.starts, starts]), np.concatenate([column.ends, ends])
        scores = model.scores(column, *spans)
        of_clauses = scores[len(texts) :]
        found = aspects.mentions(column, starts, ends, of_clauses)
        clauses = [column.joined[a:b] for a, b in zip(starts, ends, strict=True)]
        return Scored(
            sentiment=scores[: len(texts)].tolist(),
            clauses=list(
                zip(column.row_of(starts).tolist(), clauses, of_clauses.tolist(), strict=True)
            ),
            mentions=[
                Mention(
                    row=int(found.row[i]),
                    clause=clauses[found.clause[i]],
                    indicator=aspects.indicators[found.indicator[i]].id,
                    polarity=int(found.polarity[i]),
                    confidence=float(found.confidence[i]),
                    start=int(found.start[i] - column.starts[found.row[i]]),
                    end=int(found.end[i] - column.starts[found.row[i]]),
                    evidence=tuple(column.joined[a:b] for a, b in found.evidence[i]),
                )
                for i in range(len(found.row))
            ],
        )

    return run
