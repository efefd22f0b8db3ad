"""One reader a format: a binary stream → batches of rows, never the whole file."""

from __future__ import annotations

import contextlib
import csv
import itertools
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from kesheng.errors import SourceError
from kesheng.sources.batches import BATCH_ROWS, Broken, Document, RawBatch, Row, batches
from kesheng.sources.encoding import lines
from kesheng.sources.json_files import read_json, read_jsonl

# A field with more line breaks than this is a quote that was never closed.
MAX_BREAKS_IN_FIELD = 200
csv.field_size_limit(min(sys.maxsize, 1 << 30))
# What openpyxl raises on a workbook whose parts are missing, cut off or not what they say.
_XLSX_ERRORS = (
    AttributeError, KeyError, IndexError, OSError, OverflowError, SyntaxError, TypeError, ValueError,
)  # fmt: skip


def read_csv(document: Document, *, delimiter: str | None = None) -> Iterator[RawBatch]:
    """Delimited text with a header line; the delimiter is found if not given."""
    with document.open() as stream:
        text = lines(stream, encoding=document.encoding, file=document.name)
        first = next((line for line in text if line.strip()), None)
        if first is None:
            raise SourceError(f"{document.name}: the file is empty; expected a header line")
        mark = delimiter or max(",\t;|，", key=lambda c: (first.count(c), c == ","))
        source = _Lines(first, text)
        reader = csv.reader(source, delimiter=mark)
        try:
            header = next(reader)
            rows = _csv_rows(reader, source, len(header), mark)
            yield from batches(header, rows, file=document.name, modified=document.modified)
        except csv.Error as error:
            raise SourceError(f"{document.name}, line {reader.line_num}: {error}") from error


class _Lines:
    """A first line and the rest; `ended` once a reader has asked for more than there are."""

    def __init__(self, first: str, rest: Iterator[str]) -> None:
        self._lines = itertools.chain([first], rest)
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for line in self._lines:
            return line
        self.ended = True
        raise StopIteration


def _csv_rows(reader: Any, source: _Lines, width: int, mark: str) -> Iterator[Row | Broken]:
    number = 0
    for fields in reader:
        if not fields:  # a blank line is no row
            continue
        number += 1
        while len(fields) > width and not fields[-1].strip():
            fields.pop()
        # A row is only given after the end where the reader still waited for a closing quote.
        if source.ended or any(field.count("\n") > MAX_BREAKS_IN_FIELD for field in fields):
            message = f"引号没有闭合（至第 {reader.line_num} 行）"
            yield Broken(number, "unclosed_quote", message, mark.join(fields))
        elif len(fields) > width:
            message = f"该行有 {len(fields)} 列，表头只有 {width} 列；内容中的分隔符须加引号"
            yield Broken(number, "too_many_fields", message, mark.join(fields))
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


def read_xlsx(document: Document) -> Iterator[RawBatch]:
    """The first sheet that holds anything; its first filled row is the header."""
    with document.open() as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl remarks on styles it will not keep
        try:
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            with contextlib.closing(book):
                yield from _sheet(book, document)
        except _XLSX_ERRORS as error:
            raise SourceError(f"{document.name}: not a readable XLSX workbook: {error}") from error


def _sheet(book: Any, document: Document) -> Iterator[RawBatch]:
    for sheet in book.worksheets:
        rows = (row for row in sheet.iter_rows(values_only=True) if _filled(row))
        header = next(rows, None)
        if header is not None:
            names = ["" if cell is None else str(cell) for cell in header]
            numbered = enumerate((_fit(row, len(names)) for row in rows), start=1)
            yield from batches(names, numbered, file=document.name, modified=document.modified)
            return
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
                zip(batch.schema.names, (_values(c) for c in batch.columns), strict=True)
            )
            yield RawBatch(document.name, document.modified, rows, columns)
            number += batch.num_rows


def _values(column: pa.Array) -> list[object]:
    """A column as Python values; a time that Python cannot hold is text, with its unit."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    try:
        values: list[object] = column.to_pylist()
    except (ValueError, OverflowError, KeyError):
        values = [_value(scalar) for scalar in column]
    return values


def _value(scalar: pa.Scalar) -> object:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError, KeyError):
        return f"{getattr(scalar, 'value', '?')} ({scalar.type})"


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
