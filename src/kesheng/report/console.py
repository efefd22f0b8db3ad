"""The summary of a run on a terminal, in Chinese."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kesheng.report import findings
from kesheng.warehouse import Warehouse


class Counts(Protocol):
    """What became of the rows of one source."""

    source: str
    status: str
    error: str | None
    rows_read: int
    rows_kept: int
    rows_updated: int
    rows_rejected: int
    rows_duplicate: int
    rows_default_text: int
    warnings: list[str]


def summary(
    console: Console, *, run_id: str, warehouse: Path, page: Path, counts: Sequence[Counts]
) -> None:
    """Print counts by source, the ten most complained-of indicators, and where things lie."""
    console.print(_counts_table(run_id, counts))
    for count in counts:
        for warning in count.warnings:
            console.print(f"  [yellow]{escape(count.source)}[/]：{escape(warning)}")
        if count.error:
            console.print(f"  [red]{escape(count.source)} 失败[/]：{escape(count.error)}")
    console.print(_complaints_table(warehouse))
    console.print(f"数据表：{escape(str(warehouse))}", soft_wrap=True)
    console.print(f"报告：  {escape(str(page))}", soft_wrap=True)


def _counts_table(run_id: str, counts: Sequence[Counts]) -> Table:
    table = Table(title=f"运行 {run_id}", title_justify="left")
    table.add_column("来源")
    for name in ("读入", "新增", "更新", "拒绝", "重复", "默认文本"):
        table.add_column(name, justify="right")
    for c in counts:
        numbers = (
            c.rows_read, c.rows_kept, c.rows_updated, c.rows_rejected, c.rows_duplicate, c.rows_default_text,
        )  # fmt: skip
        table.add_row(escape(c.source), *(f"{n:,}" for n in numbers))
    return table


def _complaints_table(warehouse: Path) -> Table:
    table = Table(title="投诉最多的指标", title_justify="left")
    table.add_column("指标")
    table.add_column("维度")
    table.add_column("不满/提及", justify="right")
    table.add_column("例句", overflow="fold")
    for c in findings.complaints(Warehouse(warehouse)):
        table.add_row(
            c.indicator_zh, c.dimension_zh, f"{c.n_negative}/{c.n_feedback}", escape(c.example)
        )
    return table
