"""One reader a format: a binary stream → batches of rows, never the whole file."""

from __future__ import annotations

import csv
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO

import ijson
import openpyxl
import pyarrow.parquet as pq

from kesheng.errors import SourceError
from kesheng.sources.batches import BATCH_ROWS, Broken, RawBatch, Row, batches
from kesheng.sources.encoding import lines

# A field with more line breaks than this is a quote that was never closed.
MAX_BREAKS_IN_FIELD = 200
csv.field_size_limit(min(sys.maxsize, 1 << 30))


@dataclass(frozen=True)
class Document:
    """One file to read. `open` gives a fresh binary stream each time."""

    name: str
    modified: datetime
    open: Callable[[], BinaryIO]
    encoding: str | None = None


def read_csv(document: Document, *, delimiter: str | None = None) -> Iterator[RawBatch]:
    """Delimited text with a header line; the delimiter is found if not given."""
    with document.open() as stream:
        text = lines(stream, encoding=document.encoding, file=document.name)
        first = next((line for line in text if line.strip()), None)
        if first is None:
            raise SourceError(f"{document.name}: the file is empty; expected a header line")
        mark = delimiter or max(",\t;|，", key=lambda c: (first.count(c), c == ","))
        reader = csv.reader(_chain(first, text), delimiter=mark)
        try:
            header = next(reader)
            rows = _csv_rows(reader, len(header), mark)
            yield from batches(header, rows, file=document.name, modified=document.modified)
        except csv.Error as error:
            raise SourceError(f"{document.name}, line {reader.line_num}: {error}") from error


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _csv_rows(reader: Any, width: int, mark: str) -> Iterator[Row | Broken]:
    number = 0
    for fields in reader:
        if not fields:  # a blank line is no row
            continue
        number += 1
        while len(fields) > width and not fields[-1].strip():
            fields.pop()
        if len(fields) > width:
            message = f"该行有 {len(fields)} 列，表头只有 {width} 列；内容中的分隔符须加引号"
            yield Broken(number, "too_many_fields", message, mark.join(fields))
        elif any(field.count("\n") > MAX_BREAKS_IN_FIELD for field in fields):
            message = f"一个字段跨 {MAX_BREAKS_IN_FIELD} 行以上，引号可能没有闭合（至第 {reader.line_num} 行）"
            yield Broken(number, "unclosed_quote", message, mark.join(fields))
        else:
            yield number, fields + [None] * (width - len(fields))


def read_tsv(document: Document) -> Iterator[RawBatch]:
    """Tab-separated text with a header line."""
    return read_csv(document, delimiter="\t")


def read_txt(document: Document) -> Iterator[RawBatch]:
    """Plain text, one feedback a line, in the column `text`; blank lines are no rows."""
    with document.open() as stream:
        text = lines(stream, encoding=document.encoding, file=document.name)
        filled = (line for line in text if line.strip())
        rows = ((number, [line]) for number, line in enumerate(filled, start=1))
        yield from batches(["text"], rows, file=document.name, modified=document.modified)


def read_jsonl(document: Document) -> Iterator[RawBatch]:
    """One JSON object a line."""
    with document.open() as stream:
        text = lines(stream, encoding=document.encoding, file=document.name)
        filled = (line for line in text if line.strip())
        records = (_parse(number, line) for number, line in enumerate(filled, start=1))
        yield from _record_batches(records, document)


def _parse(number: int, line: str) -> tuple[int, dict[str, object]] | Broken:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Broken(number, "bad_json", f"不是完整的 JSON：{error}", line)
    return _record(number, value)


def _record(number: int, value: object) -> tuple[int, dict[str, object]] | Broken:
    if not isinstance(value, dict):
        message = f"应为 JSON 对象，却是 {type(value).__name__}"
        return Broken(
            number, "not_an_object", message, json.dumps(value, ensure_ascii=False, default=str)
        )
    return number, _flatten(value)


def _flatten(value: dict[str, Any], prefix: str = "") -> dict[str, object]:
    """{"user": {"city": "x"}} → {"user.city": "x"}; lists become JSON text."""
    flat: dict[str, object] = {}
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, dict) and prefix.count(".") < 5:
            flat.update(_flatten(item, f"{name}."))
        elif isinstance(item, (list, dict)):
            flat[name] = json.dumps(item, ensure_ascii=False, default=str)
        else:
            flat[name] = float(item) if isinstance(item, Decimal) else item
    return flat


def _record_batches(
    records: Iterator[tuple[int, dict[str, object]] | Broken], document: Document
) -> Iterator[RawBatch]:
    """Group records, whose keys may differ, into batches with the union of their keys."""
    good: list[tuple[int, dict[str, object]]] = []
    broken: list[Broken] = []

    def batch() -> RawBatch:
        names = dict.fromkeys(key for _, record in good for key in record)
        columns = {name: [record.get(name) for _, record in good] for name in names}
        return RawBatch(document.name, document.modified, [n for n, _ in good], columns, broken)

    for record in records:
        if isinstance(record, Broken):
            broken.append(record)
        else:
            good.append(record)
        if len(good) + len(broken) >= BATCH_ROWS:
            yield batch()
            good, broken = [], []
    yield batch()


def read_json(document: Document) -> Iterator[RawBatch]:
    """An array of objects, at the top or in the first field that holds one."""
    try:
        with document.open() as stream:
            prefix = _array_prefix(stream, document.name)
        with document.open() as stream:
            items = enumerate(ijson.items(_without_bom(stream), prefix), start=1)
            yield from _record_batches((_record(n, item) for n, item in items), document)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise SourceError(f"{document.name}: not complete JSON in UTF-8: {error}") from error


def _array_prefix(stream: BinaryIO, name: str) -> str:
    events = ijson.parse(_without_bom(stream))
    for prefix, event, _ in events:
        if event == "start_array":
            return f"{prefix}.item" if prefix else "item"
    raise SourceError(
        f'{name}: holds no array of records; expected [{{…}}, …] or {{"data": [{{…}}]}}'
    )


def _without_bom(stream: BinaryIO) -> BinaryIO:
    if stream.read(3) != b"\xef\xbb\xbf":
        stream.seek(0)
    return stream


def read_xlsx(document: Document) -> Iterator[RawBatch]:
    """The first sheet that holds anything; its first filled row is the header."""
    with document.open() as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl remarks on styles it will not keep
        try:
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        except (KeyError, ValueError, OSError, SyntaxError, TypeError) as error:
            raise SourceError(f"{document.name}: not a readable XLSX workbook: {error}") from error
        try:
            for sheet in book.worksheets:
                rows = (row for row in sheet.iter_rows(values_only=True) if _filled(row))
                header = next(rows, None)
                if header is not None:
                    names = ["" if cell is None else str(cell) for cell in header]
                    numbered = enumerate((_fit(row, len(names)) for row in rows), start=1)
                    yield from batches(
                        names, numbered, file=document.name, modified=document.modified
                    )
                    return
        finally:
            book.close()
    raise SourceError(f"{document.name}: the workbook is empty; expected a header row")


def _filled(row: tuple[object, ...]) -> bool:
    return any(cell is not None and str(cell).strip() for cell in row)


def _fit(row: tuple[object, ...], width: int) -> tuple[object, ...]:
    return row[:width] + (None,) * (width - len(row))


def read_parquet(document: Document) -> Iterator[RawBatch]:
    """Parquet, row group by row group."""
    with document.open() as stream:
        number = 0
        for batch in pq.ParquetFile(stream).iter_batches(batch_size=BATCH_ROWS):
            rows = list(range(number + 1, number + batch.num_rows + 1))
            columns = dict(
                zip(batch.schema.names, (c.to_pylist() for c in batch.columns), strict=True)
            )
            yield RawBatch(document.name, document.modified, rows, columns)
            number += batch.num_rows


READERS: dict[str, Callable[[Document], Iterator[RawBatch]]] = {
    "csv": read_csv,
    "tsv": read_tsv,
    "txt": read_txt,
    "json": read_json,
    "jsonl": read_jsonl,
    "xlsx": read_xlsx,
    "parquet": read_parquet,
}
SUFFIXES = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".txt": "txt", ".json": "json", ".jsonl": "jsonl",
    ".ndjson": "jsonl", ".xlsx": "xlsx", ".xlsm": "xlsx", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
