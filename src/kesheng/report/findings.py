"""What a reader wants to know first, read back from the warehouse's tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kesheng.warehouse import Warehouse

TOP = 10
DEFAULT_VIEW = "servqual6"
SENTENCE_ENDS = "。！？!?\n"


@dataclass(frozen=True)
class Complaint:
    """An indicator, how many feedback complain of it, and the clearest sentence."""

    indicator: str
    indicator_zh: str
    dimension_zh: str
    n_negative: int
    n_feedback: int
    example: str
    feedback_id: str
    source: str
    day: str


def complaints(warehouse: Warehouse, *, limit: int = TOP) -> list[Complaint]:
    """The most complained-of indicators: feedback with net negative mentions of each."""
    rows = _records(warehouse, _COMPLAINTS_SQL, [limit])
    return [
        Complaint(
            indicator=row["code"],
            indicator_zh=row["indicator_zh"],
            dimension_zh=row["dimension_zh"],
            n_negative=row["n_negative"],
            n_feedback=row["n_feedback"],
            example=sentence(row["text"], row["start"], row["end"]),
            feedback_id=row["feedback_id"],
            source=row["source"],
            day=row["day"],
        )
        for row in rows
    ]


def sentence(text: str, start: int, end: int) -> str:
    """The sentence of a text that holds text[start:end]."""
    begin = max(text.rfind(mark, 0, start) for mark in SENTENCE_ENDS) + 1
    stops = [place for mark in SENTENCE_ENDS if (place := text.find(mark, end)) >= 0]
    return text[begin : min(stops, default=len(text) - 1) + 1].strip()


def scores(warehouse: Warehouse, *, view: str = DEFAULT_VIEW) -> list[dict[str, Any]]:
    """Rows of `sq_scores` over everything, for one view."""
    return _records(
        warehouse,
        "SELECT * FROM sq_scores WHERE view = ? AND period = 'all' AND group_type = 'all' "
        "ORDER BY p_mean NULLS LAST, dimension",
        [view],
    )


def topics(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Each topic with its three heaviest dimensions."""
    return _records(
        warehouse,
        "SELECT topic_id, any_value(topic_label) AS label, any_value(n_topic) AS n_topic, "
        "list(dimension_zh || ' ' || round(100 * weight)::INTEGER || '%' "
        "ORDER BY weight DESC, dimension)[:3] AS dimensions "
        "FROM topic_dimension GROUP BY topic_id ORDER BY n_topic DESC, topic_id",
        [],
    )


def _records(warehouse: Warehouse, query: str, arguments: list[Any]) -> list[dict[str, Any]]:
    with warehouse.connect() as db:
        result = db.execute(query, arguments)
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


_COMPLAINTS_SQL = """
WITH counted AS (
    SELECT m.*, m.indicator::VARCHAR AS code, f.text
    FROM mention m JOIN counted f USING (feedback_id)
), pairs AS (
    SELECT feedback_id, code, sign(sum(polarity)) AS pol FROM counted GROUP BY feedback_id, code
), totals AS (
    SELECT code, count(*) FILTER (pol < 0) AS n_negative, count(*) AS n_feedback
    FROM pairs GROUP BY code
), clearest AS (
    -- Of the surest mentions one in a text of about a sentence.
    SELECT code, first(struct_pack(
        text, "start", "end", feedback_id, source := source::VARCHAR, day := dt::VARCHAR
    ) ORDER BY round(confidence, 2) DESC, abs(length(text) - 30), feedback_id, "start") AS best
    FROM counted WHERE polarity < 0 GROUP BY code
)
SELECT code, d.indicator_zh::VARCHAR AS indicator_zh, d.dimension_zh::VARCHAR AS dimension_zh,
       n_negative, n_feedback, best.*
FROM totals JOIN clearest USING (code)
JOIN dimension d ON d.view = 'canonical' AND d.indicator = code
WHERE n_negative > 0
ORDER BY n_negative DESC, code LIMIT ?
"""
