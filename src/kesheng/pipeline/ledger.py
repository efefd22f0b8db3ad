"""What the ledger (`run`) says of a source: counts, warnings, why it failed."""

from __future__ import annotations

from dataclasses import dataclass, field

from kesheng import schema
from kesheng.errors import KeshengError, nearest_zh
from kesheng.pipeline.ingest import Intake


@dataclass
class SourceCounts:
    """What became of the rows of one source. rows_read = kept + updated + rejected."""

    source: str
    status: str = "completed"
    error: str | None = None
    rows_read: int = 0
    rows_kept: int = 0
    rows_updated: int = 0
    rows_rejected: int = 0
    rows_outside: int = 0
    rows_duplicate: int = 0
    rows_default_text: int = 0
    pii_masked: int = 0
    partitions: int = 0
    warnings: list[str] = field(default_factory=list)


def reason(error: Exception) -> str:
    """An error for the ledger; of one that is not ours only the kind, as it may quote data."""
    return str(error) if isinstance(error, KeshengError) else f"defect: {type(error).__name__}"


def warnings_of(count: SourceCounts, intake: Intake, group: str | None) -> list[str]:
    """What a reader of the tables should know of how a source was read."""
    found = [f"列为推测：{guess}" for guess in intake.guesses]
    columns = {c.name for c in schema.FEEDBACK.columns} | intake.extras
    if group is not None and group not in columns and count.rows_read:
        found.append(f"没有分组列 {group!r}{nearest_zh(group, intake.extras)}，未按它分组")
    if count.rows_outside:
        found.append(f"{count.rows_outside} 行不在所选日期（--since/--until）内，未读入")
    elif count.rows_read == 0:
        found.append("没有读到任何行")
    found += intake.skipped
    if intake.undated:
        found.append(f"{intake.undated} 行没有可用的时间，用了文件时间")
    if intake.noted:
        found.append(f"{intake.noted} 行有读入说明（extra 中 _note 开头）")
    if count.rows_rejected:
        found.append(f"{count.rows_rejected} 行被拒绝，见 rejected 表")
    return found
