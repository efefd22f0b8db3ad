"""Staged rows → partitions of the warehouse: which row is new, which an update."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kesheng import schema
from kesheng.errors import WarehouseError
from kesheng.models.topics import TopicModel
from kesheng.pipeline.analyse import analyse, load_models
from kesheng.pipeline.ingest import STAGED
from kesheng.settings import PrivacySettings, Settings
from kesheng.warehouse import Warehouse, partition_days


@dataclass(frozen=True)
class PartitionTask:
    """All that is needed to rebuild one partition; small, and can be pickled.

    dropped: staged rows (seq) that a later row of the same id replaces.
    renamed: staged rows (seq) → their feedback_id, where it is not the staged one.
    removed: feedback_ids that moved to another day.
    """

    settings: Settings
    run_id: str
    source: str
    day: date
    staged: Path
    dropped: frozenset[int] = frozenset()
    renamed: dict[int, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """For people: which partition this is."""
        return f"{self.source} {self.day}"


@dataclass(frozen=True)
class PartitionResult:
    """What a partition holds now."""

    source: str
    rows: int
    duplicates: int
    default_texts: int
    changed: bool


@dataclass(frozen=True)
class SourcePlan:
    """The tasks of one source, and what becomes of its rows.

    superseded: (file, row, text) of rows whose id came again with another text.
    """

    tasks: list[PartitionTask]
    kept: int
    updated: int
    superseded: list[tuple[str, int, str]]


_RESOLVE = """
CREATE TEMP TABLE resolved AS
SELECT seq, dt, own_id,
       CASE WHEN own_id OR occurrence = 1 THEN feedback_id
            ELSE feedback_id || '-' || occurrence END AS id,
       (NOT own_id) OR from_end = 1 AS current,
       said = last_said AS same_text
FROM (
    SELECT seq, dt, own_id, feedback_id, hash(text) AS said,
           row_number() OVER (PARTITION BY feedback_id ORDER BY seq) AS occurrence,
           row_number() OVER (PARTITION BY feedback_id ORDER BY seq DESC) AS from_end,
           last_value(hash(text)) OVER (PARTITION BY feedback_id ORDER BY seq
               ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS last_said
    FROM staged
)
"""


def plan(
    warehouse: Warehouse, settings: Settings, *, run_id: str, source: str, staged: Path
) -> SourcePlan:
    """Decide what becomes of each staged row of a source.

    An id that comes again within the run: the last row stands; an earlier one
    of the same text is an update, one of another text is superseded. Rows
    without an id that say the same at the same time are counted, not merged.
    """
    days = partition_days(staged)
    if not days:
        return SourcePlan([], 0, 0, [])
    with warehouse.connect() as db:
        files = [str(path) for path in sorted(staged.rglob("*.parquet"))]
        db.read_parquet(files, hive_partitioning=False).create_view("staged")
        db.execute(_RESOLVE)
        db.execute(
            "CREATE TEMP TABLE existing AS SELECT feedback_id AS id, dt FROM feedback WHERE source = ?",
            [source],
        )
        changes = _Changes(db)
    travelling = _travelling(settings)
    tasks = [
        PartitionTask(
            travelling, run_id, source, day, staged / f"dt={day}",
            frozenset(changes.dropped[day]), changes.renamed[day], frozenset(changes.removed[day]),
        )
        for day in sorted({*days, *changes.removed})
    ]  # fmt: skip
    return SourcePlan(tasks, changes.kept, changes.updated, changes.superseded)


def untouched(
    warehouse: Warehouse, settings: Settings, tasks: list[PartitionTask], *, run_id: str
) -> list[PartitionTask]:
    """Tasks for the partitions that no task is for: they are analysed anew as they are."""
    planned = {(task.source, task.day) for task in tasks}
    folders = sorted((warehouse.path / schema.FEEDBACK.name).glob("source=*"))
    return [
        PartitionTask(
            _travelling(settings), run_id, source, day, warehouse.staging(run_id) / "none"
        )
        for source in (folder.name.removeprefix("source=") for folder in folders)
        for day in warehouse.days(source)
        if (source, day) not in planned
    ]


def _travelling(settings: Settings) -> Settings:
    """Configuration only: the key of the pseudonyms does not travel."""
    return settings.model_copy(update={"privacy": PrivacySettings()})


def sample(warehouse: Warehouse, run_id: str, *, size: int) -> list[str]:
    """Up to `size` different texts that customers wrote, in the warehouse or staged by a run.

    By their hash: a fixed, fair sample, whatever order rows came in; without the digits of
    pseudonyms, so that topics do not depend on the key.
    """
    files = sorted(warehouse.staging(run_id).rglob("*.parquet"))
    if not files:
        return []
    with warehouse.connect() as db:
        db.read_parquet([str(f) for f in files], hive_partitioning=False).create_view("staged")
        rows = db.execute(
            "SELECT text FROM (SELECT text, is_default_text FROM staged UNION ALL "
            "SELECT text, is_default_text FROM feedback) "
            "WHERE NOT is_default_text GROUP BY text "
            "ORDER BY md5(regexp_replace(text, '#[0-9a-f]+〕', '〕', 'g')), text LIMIT ?",
            [size],
        ).fetchall()
    return [text for (text,) in rows]


class _Changes:
    """What the tables `resolved` and `existing` say, by day."""

    def __init__(self, db: duckdb.DuckDBPyConnection) -> None:
        self.dropped: dict[date, list[int]] = defaultdict(list)
        self.renamed: dict[date, dict[int, str]] = defaultdict(dict)
        self.removed: dict[date, list[str]] = defaultdict(list)
        for day, seq in db.execute("SELECT dt, seq FROM resolved WHERE NOT current").fetchall():
            self.dropped[day].append(seq)
        for day, seq, name in db.execute(
            "SELECT dt, seq, id FROM resolved WHERE current AND NOT own_id AND contains(id, '-')"
        ).fetchall():
            self.renamed[day][seq] = name
        for day, name in db.execute(
            "SELECT e.dt, e.id FROM existing e JOIN resolved r USING (id) WHERE r.current AND r.dt <> e.dt"
        ).fetchall():
            self.removed[day].append(name)
        self.superseded: list[tuple[str, int, str]] = db.execute(
            "SELECT file, row, text FROM staged SEMI JOIN "
            "(SELECT seq FROM resolved WHERE NOT current AND NOT same_text) USING (seq) ORDER BY seq"
        ).fetchall()
        current = _one(db, "SELECT count(*) FROM resolved WHERE current")
        known = _one(
            db, "SELECT count(*) FROM resolved r SEMI JOIN existing e USING (id) WHERE current"
        )
        repeated = _one(db, "SELECT count(*) FROM resolved WHERE NOT current AND same_text")
        self.kept = current - known
        self.updated = known + repeated


def _one(db: duckdb.DuckDBPyConnection, query: str) -> int:
    row = db.execute(query).fetchone()
    return int(row[0]) if row else 0


def process(task: PartitionTask) -> PartitionResult:
    """Rebuild one partition: rows that were there, rows that came, analysed together."""
    settings = task.settings
    warehouse = Warehouse(settings.warehouse.path)
    if not warehouse.staging(task.run_id).is_dir():
        raise WarehouseError(
            f"{task.name}: run {task.run_id} is over; its partitions are not written"
        )
    place: dict[str, Any] = {"source": task.source, "dt": task.day}
    rows = _merged(warehouse, task).sort_by([(c, "ascending") for c in schema.FEEDBACK.order])
    models = load_models(settings)
    topics = TopicModel.of(warehouse.read(schema.TOPIC), min_score=settings.topics.min_score)
    if rows.num_rows:
        feedback, mentions = analyse(rows, topics, models, settings)
    else:
        feedback, mentions = rows, schema.MENTION.arrow().empty_table()
    changed = warehouse.replace(schema.FEEDBACK, feedback, task.run_id, **place)
    changed |= warehouse.replace(
        schema.MENTION, mentions, task.run_id, keep_empty=feedback.num_rows > 0, **place
    )
    linked = feedback["duplicate_of"].null_count if feedback.num_rows else 0
    return PartitionResult(
        source=task.source,
        rows=feedback.num_rows,
        duplicates=feedback.num_rows - linked,
        default_texts=pc.sum(feedback["is_default_text"]).as_py() or 0,
        changed=changed,
    )


def _merged(warehouse: Warehouse, task: PartitionTask) -> pa.Table:
    """Unanalysed rows of a partition after the run."""
    names = [n for n in schema.FEEDBACK.arrow().names if n in STAGED.names]
    existing = warehouse.read(schema.FEEDBACK, source=task.source, dt=task.day).select(names)
    incoming = _incoming(task).select(names)
    gone = pa.array([*incoming["feedback_id"].to_pylist(), *task.removed], pa.string())
    stays = existing.filter(pc.invert(pc.is_in(existing["feedback_id"], gone)))
    plain = pa.schema([pa.field(n, STAGED.field(n).type) for n in names])
    return pa.concat_tables([stays.cast(plain), incoming.cast(plain)])


def _incoming(task: PartitionTask) -> pa.Table:
    files = sorted(task.staged.glob("*.parquet"))
    parts = [pq.ParquetFile(path).read() for path in files]
    rows = pa.concat_tables(parts) if parts else STAGED.empty_table()
    if task.renamed:
        pairs = zip(rows["seq"].to_pylist(), rows["feedback_id"].to_pylist(), strict=True)
        ids = pa.array([task.renamed.get(seq, name) for seq, name in pairs], pa.string())
        rows = rows.set_column(rows.schema.get_field_index("feedback_id"), "feedback_id", ids)
    if task.dropped:
        dropped = pa.array(sorted(task.dropped), pa.int64())
        rows = rows.filter(pc.invert(pc.is_in(rows["seq"], dropped)))
    return rows
