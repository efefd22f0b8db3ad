"""Sources → staged rows: cleaned, masked, identified, filed by day.

Nothing that is not masked touches a disk. What is staged is a `feedback` row
without its analysis, plus `seq`, the number of the row in its source, and
`own_id`, whether the source gave an id.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kesheng import schema
from kesheng.settings import Settings
from kesheng.sources import files
from kesheng.sources.batches import RawBatch
from kesheng.sources.encoding import UNDECODABLE
from kesheng.sources.records import Columns, Records, as_text, resolve, typed
from kesheng.text.clean import clean_all, is_default_text
from kesheng.text.column import SEPARATOR
from kesheng.text.privacy import Pseudonymiser

FLUSH_ROWS = 16_384
PAYLOAD_CHARS = 500
_ANALYSED = frozenset({
    "language", "duplicate_of", "sentiment", "sentiment_label", "sentiment_confidence",
    "feedback_type", "topic_id", "topic_score", "severity", "run_id", "model_version",
    "taxonomy_version",
})  # fmt: skip
STAGED = pa.schema([
    *(pa.field(f.name, f.type) for f in schema.FEEDBACK.arrow() if f.name not in _ANALYSED),
    pa.field("dt", pa.date32()),
    pa.field("seq", pa.int64()),
    pa.field("own_id", pa.bool_()),
    pa.field("file", pa.string()),
    pa.field("row", pa.int64()),
])  # fmt: skip


@dataclass
class Intake:
    """What was read from one source. rows_read = staged + rejected."""

    source: str
    rows_read: int = 0
    rows_outside: int = 0
    pii_masked: int = 0
    rejected: list[dict[str, object]] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    skipped: list[str] = field(default_factory=list)
    guesses: list[str] = field(default_factory=list)
    extras: set[str] = field(default_factory=set)
    undated: int = 0
    noted: int = 0


@dataclass(frozen=True)
class Window:
    """Days to take, both ends included; None is open."""

    since: date | None = None
    until: date | None = None

    def holds(self, day: date) -> bool:
        """Whether a day lies in the window."""
        return (self.since is None or day >= self.since) and (
            self.until is None or day <= self.until
        )


class Ingest:
    """Reads one source into a staging folder.

    Args:
        folder: where dt=<day>/<n>.parquet goes.
    """

    def __init__(
        self, name: str, settings: Settings, masker: Pseudonymiser, folder: Path, window: Window
    ) -> None:
        self._source = settings.sources[name]
        self._max_chars = settings.text.max_chars
        self._zone = ZoneInfo(settings.warehouse.timezone)
        self._masker = masker
        self._folder = folder
        self._window = window
        self._parts = itertools.count(1)
        self.intake = Intake(name)

    def run(self) -> Iterator[int]:
        """Read everything; yields the number of rows read after each batch.

        Raises:
            SourceError: a file cannot be read.
        """
        buffer: list[pa.Table] = []
        for batch, columns in self._with_columns():
            staged = self._stage(batch, typed(batch, columns, source=self._source, zone=self._zone))
            buffer.append(staged)
            if sum(table.num_rows for table in buffer) >= FLUSH_ROWS:
                self._flush(buffer)
                buffer = []
            yield self.intake.rows_read
        self._flush(buffer)

    def _with_columns(self) -> Iterator[tuple[RawBatch, Columns]]:
        """Batches with the columns of their file, found at its first rows; new ones are added."""
        file: str | None = None
        columns: Columns | None = None
        for raw in files.read(self._source):
            batch = replace(raw, file=self._masked_name(raw.file))
            self.intake.files.add(batch.file)
            if batch.skipped:
                self.intake.skipped.append(f"{batch.file}：{batch.skipped}")
                continue
            if batch.file != file:
                file, columns = batch.file, None
            if batch.columns and not (columns and batch.columns.keys() <= columns.names):
                columns = resolve(self._source, batch, known=columns)
                shown = [self._masked_name(guess) for guess in columns.guessed]
                guesses = [g for g in shown if g not in self.intake.guesses]
                self.intake.guesses += guesses
                self.intake.extras |= {*columns.extra.values()}
            if columns is not None:
                yield batch, columns
            else:
                self._reject_broken(batch)

    def _stage(self, batch: RawBatch, records: Records) -> pa.Table:
        """Clean, mask, identify; reject what has no usable text."""
        intake, masker = self.intake, self._masker
        self._reject_broken(batch)
        days = [moment.astimezone(self._zone).date() for moment in records.created_at]
        inside = [i for i, day in enumerate(days) if self._window.holds(day)]
        intake.rows_outside += len(days) - len(inside)
        intake.rows_read += len(inside)
        problems = [(i, _problem(records.text[i], self._max_chars)) for i in inside]
        usable = [i for i, problem in problems if problem is None]
        texts = clean_all([records.text[i] for i in usable])
        texts, masked = masker.mask_all(texts)
        intake.pii_masked += masked
        # A text of nothing but tags or zero-width characters is empty, too.
        left = [(i, text) for i, text in zip(usable, texts, strict=True) if text]
        empty = [
            (i, ("empty_text", "正文为空")) for i, t in zip(usable, texts, strict=True) if not t
        ]
        for i, (reason, message) in [*((i, p) for i, p in problems if p), *empty]:
            self._reject(batch.file, records.rows[i], reason, message, self._payload(batch, i))
        rows = [i for i, _ in left]
        intake.undated += sum(not records.dated[i] for i in rows)
        intake.noted += sum(bool(records.notes[i]) for i in rows)
        return self._table(batch, records, rows, [text for _, text in left], days)

    def _table(
        self, batch: RawBatch, records: Records, rows: list[int], texts: list[str], days: list[date]
    ) -> pa.Table:
        ids = [records.source_id[i] for i in rows]
        masked_ids = [
            None if own is None else self._masker.mask_id(cleaned, column=records.id_column)
            for own, cleaned in zip(ids, clean_all([own or "" for own in ids]), strict=True)
        ]
        first = self.intake.rows_read - len(rows)
        moments = [records.created_at[i].astimezone(UTC) for i in rows]
        keys = [
            # A row without a time of its own is told apart by the name of its file.
            _digest(self.intake.source, "id", own) if own is not None
            else _digest(self.intake.source, "text", text,
                         moment.isoformat() if records.dated[i] else batch.file)
            for i, own, text, moment in zip(rows, masked_ids, texts, moments, strict=True)
        ]  # fmt: skip
        numbers = {role: [values[i] for i in rows] for role, values in records.numbers.items()}
        return pa.table(
            {
                "feedback_id": keys,
                "source_id": masked_ids,
                "created_at": moments,
                "text": texts,
                **numbers,
                "extra": self._extra(records, rows),
                "is_default_text": [is_default_text(text) for text in texts],
                "dt": [days[i] for i in rows],
                "seq": list(range(first, first + len(rows))),
                "own_id": [own is not None for own in ids],
                "file": [batch.file] * len(rows),
                "row": [records.rows[i] for i in rows],
            },
            schema=STAGED,
        )

    def _extra(self, records: Records, rows: list[int]) -> list[list[tuple[str, str]]]:
        """The other columns, masked, as map entries; empty cells left out."""
        entries: list[list[tuple[str, str]]] = [[] for _ in rows]
        for name, values in records.extra.items():
            texts, masked = self._masker.mask_column(
                name,
                clean_all([values[i] or "" for i in rows]),
                original=records.originals[name],
            )
            self.intake.pii_masked += masked
            shown = self._masked_name(name)
            for entry, text in zip(entries, texts, strict=True):
                if text:
                    entry.append((shown, text))
        noted = [
            (k, key, note) for k, i in enumerate(rows) for key, note in records.notes[i].items()
        ]
        masked_notes, _ = self._masker.mask_all([note for _, _, note in noted])
        for (k, key, _), note in zip(noted, masked_notes, strict=True):
            entries[k] = [*(pair for pair in entries[k] if pair[0] != key), (key, note)]
        return entries

    def _masked_name(self, name: str) -> str:
        """A name of a column or file; without a header a column's is the first customer's data."""
        return self._masker.mask(name.replace(SEPARATOR, ""))

    def _payload(self, batch: RawBatch, i: int) -> str:
        return self._shown({name: as_text(values[i]) for name, values in batch.columns.items()})

    def _shown(self, cells: dict[str, str]) -> str:
        """A row as `name=value`, personal columns masked as a whole."""
        # Cut well beyond what is shown, so that no number is cut where it would be seen.
        masked = (
            (name, self._masker.mask_column(name, clean_all([text[: 4 * PAYLOAD_CHARS]]))[0][0])
            for name, text in cells.items()
        )
        return "，".join(
            f"{name}={text[:PAYLOAD_CHARS]}" if name else text[:PAYLOAD_CHARS]
            for name, text in masked
            if text
        )

    def _reject_broken(self, batch: RawBatch) -> None:
        for row in batch.broken:
            self._reject(batch.file, row.row, row.reason, row.message, self._shown(row.cells))
        self.intake.rows_read += len(batch.broken)

    def _reject(self, file: str, row: int, reason: str, message: str, payload: str) -> None:
        self.intake.rejected.append(
            rejected_row(self.intake.source, self._masker, file, row, reason, message, payload)
        )

    def _flush(self, tables: list[pa.Table]) -> None:
        """File rows by day, in the order they came."""
        if not tables:
            return
        table = pa.concat_tables(tables)
        part = next(self._parts)
        for day in pc.unique(table["dt"]).to_pylist():
            folder = self._folder / f"dt={day}"
            folder.mkdir(parents=True, exist_ok=True)
            rows = table.filter(pc.equal(table["dt"], day))
            pq.write_table(rows, folder / f"{part:06d}.parquet")


def rejected_row(
    source: str, masker: Pseudonymiser, file: str, row: int, reason: str, message: str, payload: str
) -> dict[str, object]:
    """A row of `rejected` but for run_id, masked."""
    cleaned = clean_all([payload[: 4 * PAYLOAD_CHARS], message])
    shown, told = masker.mask_all(cleaned)[0]
    return {
        "rejected_id": _digest(source, file, str(row), reason, shown),
        "reason": reason,
        "message": told,
        "payload": shown[:PAYLOAD_CHARS],
        "file": file,
        "row": row,
    }


def _problem(text: str, max_chars: int) -> tuple[str, str] | None:
    """Reason and message why a text cannot be used, or None."""
    if not text:
        return "empty_text", "正文为空"
    if len(text) > max_chars:
        return "too_long", f"正文有 {len(text)} 字，上限 {max_chars} 字（text.max_chars）"
    if UNDECODABLE in text:
        return "undecodable", "正文的编码无法识别；请用 UTF-8 或 GB18030 重新导出"
    return None


def _digest(*parts: str) -> str:
    """20 hex digits over the parts, each set apart from the next."""
    text = "\x1f".join(part.replace("\x1f", "") for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]
