"""Texts → what the tables say of them: one partition's feedback and mentions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kesheng import schema
from kesheng import taxonomy as taxonomies
from kesheng.models import artefacts, cues, sentiment
from kesheng.models.aspects import AspectModel, Mentions
from kesheng.models.sentiment import SentimentModel
from kesheng.models.topics import TopicModel
from kesheng.settings import AspectSettings, SegmentSettings, SentimentSettings, Settings
from kesheng.taxonomy import Taxonomy
from kesheng.text import clauses, duplicates, segment
from kesheng.text.column import TextColumn
from kesheng.text.segment import Tokeniser

# Texts scored at a time: bounds memory (some 2 kB a text) and keeps arrays in cache.
CHUNK = 4096
CHUNK_CHARS = 1 << 20

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Models:
    """Everything that scores texts; loaded once a process."""

    taxonomy: Taxonomy
    sentiment: SentimentModel
    aspects: AspectModel
    tokeniser: Tokeniser


def load_models(settings: Settings) -> Models:
    """Load what `settings` asks for; the same settings give the same objects."""
    return _load(settings.segment, settings.sentiment, settings.aspects)


@lru_cache(maxsize=4)
def _load(
    segment_settings: SegmentSettings,
    sentiment_settings: SentimentSettings,
    aspect_settings: AspectSettings,
) -> Models:
    taxonomy = taxonomies.load(artefacts.taxonomy_path(aspect_settings.taxonomy))
    return Models(
        taxonomy=taxonomy,
        sentiment=sentiment.load(sentiment_settings.backend),
        aspects=AspectModel(taxonomy, neutral_band=aspect_settings.neutral_band),
        tokeniser=segment.tokeniser(segment_settings, terms=service_terms(taxonomy)),
    )


def service_terms(taxonomy: Taxonomy) -> list[str]:
    """Words that the tokeniser must know: the taxonomy's terms, and its phrases of a word's length."""
    terms: dict[str, None] = {}
    for indicator in taxonomy.indicators.values():
        terms.update(dict.fromkeys(indicator.aspect))
        terms.update((p, None) for p in (*indicator.neg, *indicator.pos) if len(p) <= 4)
    return list(terms)


@dataclass(frozen=True)
class Analysis:
    """Scores of a column of texts.

    clause_start, clause_end, clause_score: its clauses; mentions: by clause.
    """

    column: TextColumn
    sentiment: Floats
    clause_start: Ints
    clause_end: Ints
    clause_score: Floats
    mentions: Mentions


def score(texts: list[str], models: Models) -> Analysis:
    """Sentiment of texts and clauses, and the mentions in them."""
    column = TextColumn.of(texts)
    starts, ends = clauses.split(column)
    spans = np.concatenate([column.starts, starts]), np.concatenate([column.ends, ends])
    scores = models.sentiment.scores(column, *spans)
    of_texts, of_clauses = scores[: len(texts)], scores[len(texts) :]
    mentions = models.aspects.mentions(column, starts, ends, of_clauses)
    return Analysis(column, of_texts, starts, ends, of_clauses, mentions)


def feedback_columns(
    analysis: Analysis, models: Models, settings: Settings, *, defaults: Sequence[bool]
) -> dict[str, pa.Array]:
    """The scored columns of `feedback` for the texts of an analysis.

    Args:
        defaults: which texts the platform wrote; they judge nothing.
    """
    column = analysis.column
    scores = np.where(np.asarray(defaults, dtype=bool), 0.0, analysis.sentiment)
    labels = sentiment.labels(scores, neutral_band=settings.sentiment.neutral_band)
    kinds = cues.feedback_types(column, labels)
    return {
        "language": _category(languages(column), ("zh", "en", "other", "und")),
        "sentiment": pa.array(scores, pa.float32()),
        "sentiment_label": _category(labels, sentiment.LABELS),
        "sentiment_confidence": pa.array(sentiment.confidence(scores), pa.float32()),
        "feedback_type": _category(kinds, cues.TYPES),
        "severity": pa.array(cues.severities(column, labels, models.taxonomy), pa.int8()),
    }


def mention_rows(analysis: Analysis, ids: pa.Array, models: Models) -> pa.Table:
    """Rows of `mention` but for run_id, offsets relative to their text."""
    found, joined = analysis.mentions, analysis.column.joined
    indicators = models.aspects.indicators
    offset = analysis.column.starts[found.row]
    clauses_of = zip(
        analysis.clause_start[found.clause], analysis.clause_end[found.clause], strict=True
    )
    return pa.table({
        "feedback_id": ids.take(pa.array(found.row)),
        "dimension": _category(found.indicator, [i.dimension for i in indicators]),
        "indicator": _category(found.indicator, [i.id for i in indicators]),
        "polarity": pa.array(found.polarity, pa.int8()),
        "confidence": pa.array(found.confidence, pa.float32()),
        "score": pa.array(found.score, pa.float32()),
        "start": pa.array(found.start - offset, pa.int32()),
        "end": pa.array(found.end - offset, pa.int32()),
        "clause": pa.array([joined[a:b] for a, b in clauses_of], pa.string()),
        "evidence": pa.array(
            [list(dict.fromkeys(joined[a:b] for a, b in spans)) for spans in found.evidence],
            schema.TEXT_LIST,
        ),
    })  # fmt: skip


def analyse(
    rows: pa.Table, topics: TopicModel, models: Models, settings: Settings
) -> tuple[pa.Table, pa.Table]:
    """Fill in the analysed columns of one partition.

    Args:
        rows: feedback rows with at least feedback_id, text, is_default_text,
            in the table's order.

    Returns:
        The rows with the analysed columns, and the mentions.
    """
    texts: list[str] = rows["text"].to_pylist()
    defaults: list[bool] = rows["is_default_text"].to_pylist()
    ids = rows["feedback_id"].combine_chunks()
    columns: dict[str, list[pa.Array]] = {}
    mentions: list[pa.Table] = []
    for begin, end in _chunks(texts):
        part = texts[begin:end]
        analysis = score(part, models)
        scored = feedback_columns(analysis, models, settings, defaults=defaults[begin:end])
        topic, similarity = topics.assign(part, models.tokeniser)
        scored["topic_id"] = pa.array(topic, pa.string())
        scored["topic_score"] = pa.array(similarity, pa.float32())
        for name, array in scored.items():
            columns.setdefault(name, []).append(array)
        mentions.append(mention_rows(analysis, ids.slice(begin, end - begin), models))
    for name, arrays in columns.items():
        rows = _set(rows, name, pa.chunked_array(arrays))
    own_texts = ["" if default else text for text, default in zip(texts, defaults, strict=True)]
    # Without an id, equal rows are base, base-2 …: customers who say the same, not one twice.
    bases = [name.partition("-")[0] for name in ids.to_pylist()]
    original = duplicates.find(own_texts, apart=bases, settings=settings.text)
    rows = _set(rows, "duplicate_of", ids.take(pa.array(original, mask=original < 0)))
    rows = _set(rows, "model_version", _constant(models.sentiment.version, len(texts)))
    rows = _set(rows, "taxonomy_version", _constant(models.taxonomy.version, len(texts)))
    # What the platform wrote is no mention by the customer.
    own = rows.filter(pc.invert(rows["is_default_text"]))["feedback_id"].combine_chunks()
    found = pa.concat_tables(mentions)
    return rows, found.filter(pc.is_in(found["feedback_id"], own))


def _chunks(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Begin and end of runs of texts of at most CHUNK texts and about CHUNK_CHARS characters."""
    begin, chars = 0, 0
    for end, text in enumerate(texts, start=1):
        chars += len(text)
        if end - begin == CHUNK or chars >= CHUNK_CHARS or end == len(texts):
            yield begin, end
            begin, chars = end, 0


def languages(column: TextColumn) -> npt.NDArray[np.int8]:
    """0 zh, 1 en, 2 other, 3 undetermined (no letters): by the script of the letters."""
    zh, en, rest = column.letters(column.starts, column.ends)
    # A Chinese character says as much as some three letters.
    result = np.select([zh + en + rest == 0, 3 * zh >= np.maximum(en, 1), rest > en], [3, 0, 2], 1)
    result = np.where((rest > 2 * zh) & (zh + en + rest > 0), 2, result)
    return result.astype(np.int8)


def _category(codes: npt.NDArray[Any], names: Sequence[str]) -> pa.Array:
    """Names by their codes; code -1 is null."""
    return pa.array(names, pa.string()).take(pa.array(codes.astype(np.int32), mask=codes < 0))


def _constant(value: str, size: int) -> pa.Array:
    return pa.array([value] * size, pa.string())


def _set(rows: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    if name in rows.schema.names:
        return rows.set_column(rows.schema.get_field_index(name), name, values)
    return rows.append_column(name, values)
