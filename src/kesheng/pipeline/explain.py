"""One text, stage by stage: what each made of it, and why."""

from __future__ import annotations

import secrets
from typing import Any

from kesheng.models import cues, sentiment
from kesheng.pipeline.analyse import load_models, score
from kesheng.settings import Settings
from kesheng.text.clean import clean, is_default_text
from kesheng.text.privacy import Pseudonymiser


def explain(text: str, settings: Settings) -> dict[str, Any]:
    """Explain the scores of one text.

    Returns:
        cleaned text (masked under a throw-away key unless one is set), words,
        clauses with offsets and scores, and mentions with indicator, polarity,
        offsets and the terms that made them. Scores are -1..1.
    """
    models = load_models(settings)
    key = settings.privacy.key
    secret = key.get_secret_value().encode() if key else secrets.token_bytes(32)
    cleaned = Pseudonymiser(secret).mask(clean(text))
    analysis = score([cleaned], models)
    band = settings.sentiment.neutral_band
    labels = sentiment.labels(analysis.sentiment, neutral_band=band)
    kind = int(cues.feedback_types(analysis.column, labels)[0])
    return {
        "text": cleaned,
        "is_default_text": is_default_text(cleaned),
        "words": models.tokeniser.cut(cleaned),
        "sentiment": _rounded(analysis.sentiment[0]),
        "sentiment_label": sentiment.LABELS[labels[0]],
        "sentiment_confidence": _rounded(sentiment.confidence(analysis.sentiment)[0]),
        "feedback_type": cues.TYPES[kind] if kind >= 0 else None,
        "severity": int(cues.severities(analysis.column, labels, models.taxonomy)[0]),
        "clauses": [
            {"text": cleaned[a:b], "start": int(a), "end": int(b), "sentiment": _rounded(s)}
            for a, b, s in zip(
                analysis.clause_start, analysis.clause_end, analysis.clause_score, strict=True
            )
        ],
        "mentions": [
            _mention(k, cleaned, analysis, models) for k in range(len(analysis.mentions.row))
        ],
        "model_version": models.sentiment.version,
        "taxonomy_version": models.taxonomy.version,
    }


def _mention(k: int, text: str, analysis: Any, models: Any) -> dict[str, Any]:
    found = analysis.mentions
    indicator = models.aspects.indicators[found.indicator[k]]
    clause = found.clause[k]
    return {
        "dimension": indicator.dimension,
        "dimension_zh": models.taxonomy.dimensions[indicator.dimension].zh,
        "indicator": indicator.id,
        "indicator_zh": indicator.zh,
        "polarity": int(found.polarity[k]),
        "confidence": _rounded(found.confidence[k]),
        "start": int(found.start[k]),
        "end": int(found.end[k]),
        "clause": text[analysis.clause_start[clause] : analysis.clause_end[clause]],
        "evidence": list(dict.fromkeys(text[a:b] for a, b in found.evidence[k])),
    }


def _rounded(value: float) -> float:
    return round(float(value), 4)
