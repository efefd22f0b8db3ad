"""One run, from the sources to the measures, with its ledger entry."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa

from kesheng import __version__, schema
from kesheng.errors import (
    ConservationError,
    KeshengError,
    SettingsError,
    choices,
    nearest,
)
from kesheng.models import topics
from kesheng.pipeline.analyse import Models, load_models
from kesheng.pipeline.ingest import Ingest, Intake, Window, rejected_row
from kesheng.pipeline.ledger import SourceCounts, reason, warnings_of
from kesheng.pipeline.measure import measure, of_other_versions
from kesheng.pipeline.partitions import (
    PartitionResult,
    PartitionTask,
    SourcePlan,
    plan,
    process,
    sample,
    untouched,
)
from kesheng.report import page
from kesheng.settings import Settings
from kesheng.text.column import SEPARATOR
from kesheng.text.privacy import Pseudonymiser
from kesheng.warehouse import Warehouse

Mapper = Callable[
    [Callable[[PartitionTask], PartitionResult], Sequence[PartitionTask]], Iterable[PartitionResult]
]
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class RunReport:
    """What a run did."""

    run_id: str
    warehouse: Path
    page: Path
    counts: list[SourceCounts]
    duration_s: float

    @property
    def failed(self) -> list[SourceCounts]:
        """Sources that could not be read; the others are complete."""
        return [c for c in self.counts if c.status == "failed"]


def in_turn(
    function: Callable[[PartitionTask], PartitionResult], tasks: Sequence[PartitionTask]
) -> Iterable[PartitionResult]:
    """The plainest mapper: one partition after the other, in this process."""
    return map(function, tasks)


def _silent(_stage: str, _done: int, _total: int | None) -> None:
    """Report no progress."""


def run(
    settings: Settings,
    *,
    window: Window = Window(),  # noqa: B008 - frozen
    only: Sequence[str] = (),
    map: Mapper = in_turn,  # noqa: A002 - the name the architecture gives it
    progress: Progress = _silent,
    wait_s: float = 0,
) -> RunReport:
    """Do a whole run.

    A source that cannot be read is left as it was, recorded as failed, and does
    not stop the others.

    Args:
        window: days to take.
        only: names of sources to run; none means all.
        map: applies a function to each partition, in any order, anywhere.
        wait_s: how long to wait for another run that holds the warehouse.
        progress: called with stage, done, total (None where it is not known).

    Raises:
        ConservationError: rows were lost or invented; the ledger says which.
        KeshengError: settings, models or the warehouse cannot be used.
    """
    names = _chosen(settings, only)
    models = load_models(settings)
    warehouse = Warehouse(settings.warehouse.path)
    with warehouse.writing(wait_s=wait_s) as run_id:
        return _Run(settings, warehouse, run_id, models, window, progress).execute(names, map)


def _chosen(settings: Settings, only: Sequence[str]) -> list[str]:
    if not settings.sources:
        raise SettingsError("no sources are configured; add [sources.NAME] to kesheng.toml")
    for name in only:
        if name not in settings.sources:
            raise SettingsError(
                f"no source {name!r}{nearest(name, settings.sources)}; "
                f"there are: {choices(settings.sources)}"
            )
    return list(only) or list(settings.sources)


@dataclass
class _Run:
    settings: Settings
    warehouse: Warehouse
    run_id: str
    models: Models
    window: Window
    progress: Progress
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def execute(self, names: Sequence[str], mapper: Mapper) -> RunReport:
        counts = {name: SourceCounts(name) for name in names}
        try:
            self._work(counts, mapper)
        except Exception as error:
            for count in counts.values():
                count.status, count.error = "failed", reason(error)
            self._write_ledger(list(counts.values()))
            raise
        done = list(counts.values())
        duration = self._write_ledger(done)
        report = page.write(self.warehouse, run_id=self.run_id, counts=done)
        return RunReport(self.run_id, self.warehouse.path, report, done, duration)

    def _work(self, counts: dict[str, SourceCounts], mapper: Mapper) -> None:
        key = self.settings.privacy.key
        secret = key.get_secret_value().encode() if key else self.warehouse.key()
        self.warehouse.refuse_other_key(secret)
        masker = Pseudonymiser(secret)
        intakes = {name: self._ingest(count, masker) for name, count in counts.items()}
        fresh_topics = self._extract_topics()
        before = {name: self.warehouse.count(name) for name in counts}
        plans = {
            name: plan(
                self.warehouse, self.settings, run_id=self.run_id, source=name,
                staged=self._staged(name),
            )
            for name, intake in intakes.items() if intake is not None
        }  # fmt: skip
        tasks = [task for p in plans.values() for task in p.tasks]
        if fresh_topics:
            tasks += untouched(self.warehouse, self.settings, tasks, run_id=self.run_id)
        # A row that moves to another day is written there before it is taken away here.
        tasks.sort(key=lambda task: len(task.removed) > 0)
        self._process(tasks, counts, mapper)
        for name, source_plan in plans.items():
            self._settle(counts[name], intakes[name], source_plan, masker)
            self._check(counts[name], before[name])
        self.progress("指标", 0, None)
        # Measuring takes the most memory of all: what the partitions are done with goes back first.
        pa.default_memory_pool().release_unused()
        zone = ZoneInfo(self.settings.warehouse.timezone)
        measure(
            self.warehouse, self.settings, self.models.taxonomy, run_id=self.run_id,
            run_date=self.started.astimezone(zone).date(), model_version=self.models.sentiment.version,
        )  # fmt: skip
        older = of_other_versions(
            self.warehouse,
            model=self.models.sentiment.version,
            taxonomy=self.models.taxonomy.version,
        )
        for name, days in older.items():
            if name in counts:
                counts[name].warnings.append(
                    f"{days} 天的数据由其他版本的模型或指标体系算出，重读这些天可统一"
                )

    def _staged(self, source: str) -> Path:
        return self.warehouse.staging(self.run_id) / f"source={source}"

    def _ingest(self, count: SourceCounts, masker: Pseudonymiser) -> Intake | None:
        """Read a source whole before anything of it is written; None if it failed."""
        ingest = Ingest(
            count.source, self.settings, masker, self._staged(count.source), self.window
        )
        try:
            for read in ingest.run():
                self.progress(f"读取 {count.source}", read, None)
        except KeshengError as error:
            if error.transient:
                raise
            # It may list the columns; without a header these are a customer's data.
            count.status, count.error = "failed", masker.mask(str(error).replace(SEPARATOR, ""))
            shutil.rmtree(self._staged(count.source), ignore_errors=True)
            return None
        return ingest.intake

    def _extract_topics(self) -> bool:
        """Extract topics once there are texts enough, and never again; whether it was now."""
        if self.warehouse.read(schema.TOPIC).num_rows:
            return False
        self.progress("主题", 0, None)
        texts = sample(self.warehouse, self.run_id, size=self.settings.topics.fit_texts)
        found = topics.fit(texts, tokeniser=self.models.tokeniser, settings=self.settings.topics)
        self.warehouse.replace(schema.TOPIC, found, self.run_id, keep_empty=True)
        return bool(found.num_rows)

    def _process(
        self, tasks: list[PartitionTask], counts: dict[str, SourceCounts], mapper: Mapper
    ) -> None:
        for done, result in enumerate(mapper(process, tasks), start=1):
            self.progress("分析", done, len(tasks))
            count = counts.get(result.source)
            if count is None:  # of another source, for its topics
                continue
            count.rows_duplicate += result.duplicates
            count.rows_default_text += result.default_texts
            count.partitions += result.changed

    def _settle(
        self, count: SourceCounts, intake: Intake | None, plan: SourcePlan, masker: Pseudonymiser
    ) -> None:
        """Fill in the counts and add to `rejected`."""
        if intake is None:
            return
        rejected = intake.rejected + [
            rejected_row(count.source, masker, file, row, "superseded",
                         "同一编号在后面以另一内容再次出现，以后者为准", text)
            for file, row, text in plan.superseded
        ]  # fmt: skip
        count.rows_read, count.rows_outside = intake.rows_read, intake.rows_outside
        count.rows_kept, count.rows_updated = plan.kept, plan.updated
        count.rows_rejected, count.pii_masked = len(rejected), intake.pii_masked
        count.warnings = warnings_of(count, intake, self.settings.measures.group)
        # What a file read whole held before is settled by what it holds now.
        again = set() if self.window.since or self.window.until else intake.files
        kept = self.warehouse.read(schema.REJECTED, source=count.source).drop_columns(["run_id"])
        rows = {r["rejected_id"]: r for r in kept.to_pylist() if r["file"] not in again}
        rows |= {str(r["rejected_id"]): r for r in rejected}
        table = schema.REJECTED.arrow()
        table = table.remove(table.get_field_index("run_id"))
        merged = pa.Table.from_pylist(list(rows.values()), schema=table)
        self.warehouse.replace(
            schema.REJECTED, merged, self.run_id, keep_empty=True, source=count.source
        )

    def _check(self, count: SourceCounts, before: int) -> None:
        """Conservation: by the counts, and by the rows that now lie in the warehouse."""
        used = count.rows_kept + count.rows_updated + count.rows_rejected
        after = self.warehouse.count(count.source)
        if count.rows_read != used or after != before + count.rows_kept:
            raise ConservationError(
                f"source {count.source!r}: read {count.rows_read} != kept {count.rows_kept} + updated "
                f"{count.rows_updated} + rejected {count.rows_rejected}, or feedback went from "
                f"{before} to {after} rows; this is a defect of kesheng: please report it"
            )

    def _write_ledger(self, counts: list[SourceCounts]) -> float:
        finished = datetime.now(UTC)
        duration = (finished - self.started).total_seconds()
        common = {
            "run_id": self.run_id,
            "started_at": self.started,
            "finished_at": finished,
            "duration_s": round(duration, 3),
            "since": self.window.since,
            "until": self.window.until,
            "kesheng_version": __version__,
            "model_version": self.models.sentiment.version,
            "taxonomy_version": self.models.taxonomy.version,
            "settings_hash": self.settings.hash,
        }
        rows = [common | vars(count) for count in counts]
        table = pa.Table.from_pylist(rows, schema=schema.RUN.arrow())
        self.warehouse.replace(schema.RUN, table, self.run_id, name=self.run_id)
        return duration
