"""The tables that summarise: dictionary of dimensions, topics × dimensions, scores."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from kesheng import schema
from kesheng.measures import scores
from kesheng.settings import Settings
from kesheng.taxonomy import Taxonomy
from kesheng.warehouse import Warehouse

EVIDENCE = 5


def dimension_rows(taxonomy: Taxonomy) -> pa.Table:
    """Rows of `dimension`: every view's dimensions with their indicators."""
    rows = [
        {
            "view": view.id,
            "dimension": dimension,
            "dimension_zh": taxonomy.dimension_label(view.id, dimension),
            "indicator": indicator,
            "indicator_zh": taxonomy.indicators[indicator].zh,
            "definition": taxonomy.dimensions[dimension].definition if dimension in taxonomy.dimensions else "",
            "taxonomy_version": taxonomy.version,
        }
        for view in taxonomy.views.values()
        for dimension, indicators in view.dimensions.items()
        for indicator in indicators
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema.DIMENSION.arrow())


def measure(
    warehouse: Warehouse, settings: Settings, taxonomy: Taxonomy, *, run_id: str, run_date: date,
    model_version: str,
) -> None:  # fmt: skip
    """Write `dimension`, `topic_dimension` and `sq_scores` from the whole warehouse."""
    views = dimension_rows(taxonomy)
    warehouse.replace(schema.DIMENSION, views, run_id)
    with warehouse.connect() as db:
        by_topic = db.sql(_TOPIC_DIMENSION_SQL).to_arrow_table()
        warehouse.replace(schema.TOPIC_DIMENSION, by_topic, run_id, keep_empty=True)
        group = settings.measures.group
        column, arguments = _group_column(group)
        feedback = db.sql(
            f"SELECT feedback_id, dt, source::VARCHAR AS source, {column} AS grp FROM counted",
            params=arguments,
        )
        facts = scores.Facts(
            feedback=feedback.to_arrow_table(),
            pairs=db.sql(scores.PAIRS_SQL).to_arrow_table(),
            views=views,
        )
    table = scores.scores(facts, periods=settings.measures.periods, group=group, run_date=run_date)
    for name, value in (("model_version", model_version), ("taxonomy_version", taxonomy.version)):
        table = table.append_column(name, pa.array([value] * table.num_rows, pa.string()))
    if table.num_rows == 0:
        table = schema.SQ_SCORES.arrow().empty_table()
    warehouse.replace(schema.SQ_SCORES, table, run_id, keep_empty=True)


def of_other_versions(warehouse: Warehouse, *, model: str, taxonomy: str) -> dict[str, int]:
    """Source → days whose feedback was analysed by another version of the models."""
    with warehouse.connect() as db:
        rows = db.execute(
            "SELECT source::VARCHAR, count(DISTINCT dt) FROM feedback "
            "WHERE model_version <> ? OR taxonomy_version <> ? GROUP BY source",
            [model, taxonomy],
        ).fetchall()
    return dict(rows)


def _group_column(group: str | None) -> tuple[str, list[str]]:
    """SQL of the group column: a column of `feedback`, or a key of its `extra`."""
    if group is None:
        return "NULL::VARCHAR", []
    if group in {c.name for c in schema.FEEDBACK.columns}:
        return f'"{group}"::VARCHAR', []
    return "map_extract(extra, ?)[1]", [group]


_TOPIC_DIMENSION_SQL = f"""
WITH pairs AS (
    SELECT f.topic_id::VARCHAR AS topic_id, m.feedback_id, m.indicator::VARCHAR AS indicator,
           m.dimension::VARCHAR AS dimension,
           arg_max(m.evidence[1], (m.confidence, m.evidence[1])) AS term,
           max(f.topic_score) AS topic_score
    FROM mention m JOIN counted f USING (feedback_id)
    GROUP BY ALL
), overall AS (
    SELECT dimension, count(*) / sum(count(*)) OVER () AS share FROM pairs GROUP BY dimension
), sizes AS (
    SELECT topic_id::VARCHAR AS topic_id, count(*) AS n_topic FROM counted GROUP BY topic_id
), by_dimension AS (
    SELECT topic_id, dimension, count(*) / sum(count(*)) OVER (PARTITION BY topic_id) AS weight,
           count(DISTINCT feedback_id) AS n_feedback
    FROM pairs WHERE topic_id IS NOT NULL GROUP BY topic_id, dimension
), terms AS (
    SELECT topic_id, dimension, list(term ORDER BY n DESC, term)[:{EVIDENCE}] AS evidence FROM (
        SELECT topic_id, dimension, term, count(*) AS n FROM pairs GROUP BY ALL
    ) GROUP BY ALL
), examples AS (
    SELECT topic_id, dimension, list(feedback_id ORDER BY topic_score DESC, feedback_id)[:{EVIDENCE}] AS evidence_ids
    FROM (SELECT DISTINCT topic_id, dimension, feedback_id, topic_score FROM pairs) GROUP BY ALL
)
SELECT topic_id, t.label AS topic_label, dimension, d.dimension_zh::VARCHAR AS dimension_zh, weight,
       weight / share AS lift, n_feedback, n_topic, evidence, evidence_ids
FROM by_dimension JOIN overall USING (dimension) JOIN sizes USING (topic_id)
JOIN terms USING (topic_id, dimension) JOIN examples USING (topic_id, dimension)
JOIN topic t USING (topic_id)
JOIN (SELECT DISTINCT dimension::VARCHAR AS dimension, dimension_zh FROM dimension WHERE view = 'canonical') d
     USING (dimension)
ORDER BY topic_id, dimension
"""
