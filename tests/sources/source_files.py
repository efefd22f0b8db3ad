"""Writers of real files in every format, and a reader that gives plain records."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from kesheng.settings import FileSource
from kesheng.sources import files
from kesheng.sources.batches import Broken
from kesheng.sources.records import resolve, typed

SHANGHAI = ZoneInfo("Asia/Shanghai")
Row = dict[str, Any]

ROWS: list[Row] = [
    {
        "编号": "W1001",
        "评价内容": "师傅上门很准时，空调装得利落，走之前还把地擦了。",
        "评价时间": "2026-03-04 10:15",
        "星级": 5,
        "门店": "滨河店",
    },
    {
        "编号": "W1002",
        "评价内容": "客服一直占线，打了四次才接通；答复也含糊。",
        "评价时间": "2026-03-04 18:40",
        "星级": 2,
        "门店": "滨河店",
    },
    {
        "编号": "W1003",
        "评价内容": "东西还行，就是包装压瘪了一个角",
        "评价时间": "2026-03-05 09:02",
        "星级": 3,
        "门店": "东门店",
    },
    {
        "编号": "W1004",
        "评价内容": "收费写得明白，没有乱加项目，放心。",
        "评价时间": "2026-03-06 21:30",
        "星级": 5,
        "门店": "东门店",
    },
]


def delimited(rows: list[Row], delimiter: str) -> str:
    """Rows as delimited text."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def workbook(rows: list[list[Any]]) -> bytes:
    """Cells as an XLSX workbook of one sheet."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def parquet(columns: dict[str, Any]) -> bytes:
    """Columns as a Parquet file."""
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def encoded(rows: list[Row], kind: str) -> bytes:
    """Rows in one of the formats, text in UTF-8."""
    if kind == "xlsx":
        return workbook([list(rows[0]), *(list(row.values()) for row in rows)])
    if kind == "parquet":
        return parquet({name: [row[name] for row in rows] for name in rows[0]})
    dump = {
        "csv": lambda: delimited(rows, ","),
        "tsv": lambda: delimited(rows, "\t"),
        "json": lambda: json.dumps(rows, ensure_ascii=False, indent=1),
        "json-data": lambda: json.dumps({"code": 0, "data": rows}, ensure_ascii=False),
        "jsonl": lambda: "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows),
        "txt": lambda: "".join(r["评价内容"] + "\n" for r in rows),
    }
    return dump[kind]().encode()


def packed(data: bytes, name: str, packing: str) -> tuple[str, bytes]:
    """A file plain, as .gz or as the only member of a .zip: its name and bytes."""
    if packing == "gz":
        return f"{name}.gz", gzip.compress(data)
    if packing == "zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
        return f"{Path(name).stem}.zip", out.getvalue()
    return name, data


def raw(path: Path | str, **options: Any) -> tuple[list[Row], list[Broken]]:
    """Every row of a source as it came, and the broken ones."""
    rows: list[Row] = []
    broken: list[Broken] = []
    for batch in files.read(FileSource(path=str(path), **options)):
        broken += batch.broken
        for i in range(len(batch.rows)):
            rows.append({name: values[i] for name, values in batch.columns.items()})  # noqa: PERF401
    return rows, broken


def records(path: Path | str, **options: Any) -> list[Row]:
    """Every record of a source, typed: one dict a row."""
    source = FileSource(path=str(path), **options)
    found: list[Row] = []
    for batch in files.read(source):
        if not batch.columns:
            continue
        got = typed(batch, resolve(source, batch), source=source, zone=SHANGHAI)
        for i in range(len(got.rows)):
            row = {"row": got.rows[i], "id": got.source_id[i], "text": got.text[i]}
            row |= {"at": got.created_at[i], "dated": got.dated[i], "notes": got.notes[i]}
            row |= {role: values[i] for role, values in got.numbers.items()}
            row |= {f"extra.{name}": values[i] for name, values in got.extra.items()}
            found.append(row)
    return found
