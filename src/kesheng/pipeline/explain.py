"""One text, stage by stage: what each made of it, and why."""

from __future__ import annotations

import secrets
from typing import Any

from kesheng.pipeline.analyse import feedback_columns, load_models, score
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
    default = is_default_text(cleaned)
    scored = feedback_columns(analysis, models, settings, defaults=[default])
    said = {name: array[0].as_py() for name, array in scored.items()}
    return {
        "text": cleaned,
        "is_default_text": default,
        "words": models.tokeniser.cut(cleaned),
        "sentiment": _rounded(said["sentiment"]),
        "sentiment_label": said["sentiment_label"],
        "sentiment_confidence": _rounded(said["sentiment_confidence"]),
        "feedback_type": said["feedback_type"],
        "severity": said["severity"],
        "clauses": [
            {"text": cleaned[a:b], "start": int(a), "end": int(b), "sentiment": _rounded(s)}
            for a, b, s in zip(
                analysis.clause_start, analysis.clause_end, analysis.clause_score, strict=True
            )
        ],
        "mentions": [
            _mention(k, cleaned, analysis, models)
            for k in range(len(analysis.mentions.row))
            if not default
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
