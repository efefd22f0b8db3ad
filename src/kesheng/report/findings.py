"""What a reader wants to know first, read back from the warehouse's tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kesheng.warehouse import Warehouse

TOP = 10
DEFAULT_VIEW = "servqual6"


@dataclass(frozen=True)
class Complaint:
    """An indicator, how many feedback complain of it, and the clearest sentence."""

    indicator: str
    indicator_zh: str
    dimension_zh: str
    n_negative: int
    n_feedback: int
    example: str
    evidence: tuple[str, ...]
    feedback_id: str
    source: str
    day: str


def complaints(warehouse: Warehouse, *, limit: int = TOP) -> list[Complaint]:
    """The most complained-of indicators: feedback with net negative mentions of each."""
    with warehouse.connect() as db:
        rows = db.execute(_COMPLAINTS_SQL, [limit]).fetchall()
    return [Complaint(*row[:6], tuple(row[6]), *row[7:]) for row in rows]


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
    SELECT m.*, m.indicator::VARCHAR AS code FROM mention m JOIN feedback f USING (feedback_id)
    WHERE f.duplicate_of IS NULL AND NOT f.is_default_text
), pairs AS (
    SELECT feedback_id, code, sign(sum(polarity)) AS pol FROM counted GROUP BY feedback_id, code
), totals AS (
    SELECT code, count(*) FILTER (pol < 0) AS n_negative, count(*) AS n_feedback
    FROM pairs GROUP BY code
), clearest AS (
    SELECT code, first(struct_pack(clause, evidence, feedback_id, source := source::VARCHAR, day := dt::VARCHAR)
                 ORDER BY confidence DESC, length(clause) DESC, feedback_id) AS best
    FROM counted WHERE polarity < 0 GROUP BY code
)
SELECT code, d.indicator_zh::VARCHAR, d.dimension_zh::VARCHAR, n_negative, n_feedback,
       best.clause, best.evidence, best.feedback_id, best.source, best.day
FROM totals JOIN clearest USING (code)
JOIN dimension d ON d.view = 'canonical' AND d.indicator = code
WHERE n_negative > 0
ORDER BY n_negative DESC, code LIMIT ?
"""
