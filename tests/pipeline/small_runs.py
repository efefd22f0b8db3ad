"""Small inputs, runs over them, and what they left in the warehouse."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from kesheng import pipeline, schema
from kesheng.configuration import check
from kesheng.pipeline import RunReport
from kesheng.settings import Settings
from kesheng.warehouse import Warehouse

KEY = "eine-feste-probe-0123456789"
TEXTS = (
    "预约的师傅迟到了一个多小时，连个电话都没有打来。",
    "前台姑娘特别有耐心，把流程从头到尾讲了两遍。",
    "热线打了三次都没人接，太耽误事了。",
    "柜台叫号乱，插队也没人管。",
    "收到的杯子碎了一角，客服马上补发，处理得很快。",
    "很好",
    "环境干净，灯光也亮堂，座椅坐着舒服。",
    "说好的优惠结账时又不认，感觉被骗了。",
    "发票一直没开，催了又催。",
    "师傅手艺不错，就是要价有点高。",
    "希望能多开一个窗口。",
    "请问周末营业到几点？",
)
FIELDS = ("id", "time", "text", "门店")
Row = dict[str, Any]


def row(n: int, text: str | None = None, *, day: int = 1, id_: str | None = None) -> Row:
    """A row of a CSV file: its own id unless told otherwise, a day of March 2026."""
    return {
        "id": f"N{n:03d}" if id_ is None else id_,
        "time": f"2026-03-{day:02d} {8 + n % 12:02d}:{n % 60:02d}",
        "text": TEXTS[n % len(TEXTS)] if text is None else text,
        "门店": ("滨河店", "东门店")[n % 2],
    }


def write_csv(path: Path, rows: list[Row]) -> Path:
    """Rows as a CSV file; a row under the key `raw` is written as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        for one in rows:
            if "raw" in one:
                file.write(one["raw"] + "\n")
            else:
                writer.writerow(one)
    return path


def settings(out: Path, *, key: str | None = KEY, **sources: Path) -> Settings:
    """Settings of a run over files, under a fixed key."""
    return check(
        {
            "warehouse": {"path": str(out)},
            "privacy": {} if key is None else {"key": key},
            "sources": {name: {"path": str(path)} for name, path in sources.items()},
        }
    )


def run(out: Path, *, key: str | None = KEY, window: pipeline.Window | None = None,
        **sources: Path) -> RunReport:  # fmt: skip
    """One run over files."""
    return pipeline.run(settings(out, key=key, **sources), window=window or pipeline.Window())


def tables(out: Path) -> dict[str, bytes]:
    """Every table file but the ledger: name → bytes."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*.parquet"))
        if path.relative_to(out).parts[0] != "run"
    }


def rows(out: Path, table: str) -> list[Row]:
    """Rows of a table, as dicts."""
    with Warehouse(out).connect() as db:
        result = db.sql(f'SELECT * FROM "{table}"').to_arrow_table()
    return sorted(result.to_pylist(), key=str)


def ledger(out: Path, run_id: str) -> dict[str, Row]:
    """The ledger's rows of a run, by source."""
    path = Warehouse(out).file(schema.RUN, name=run_id)
    return {r["source"]: r for r in pq.ParquetFile(path).read().to_pylist()}


def balanced(count: Any) -> bool:
    """Whether rows read = kept + updated + rejected."""
    return count.rows_read == count.rows_kept + count.rows_updated + count.rows_rejected
