"""One reader a format: a binary stream → batches of rows, never the whole file."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from kesheng.errors import SourceError
from kesheng.sources.batches import BATCH_ROWS, Document, RawBatch, batches
from kesheng.sources.delimited import read_csv, read_tsv
from kesheng.sources.encoding import lines
from kesheng.sources.json_files import read_json, read_jsonl

# What openpyxl raises on a workbook whose parts are missing, cut off or not what they say.
_XLSX_ERRORS = (
    AttributeError, KeyError, IndexError, OSError, OverflowError, SyntaxError, TypeError, ValueError,
)  # fmt: skip


def read_txt(document: Document) -> Iterator[RawBatch]:
    """Plain text, one feedback a line, in the column `text`; blank lines are no rows."""
    with document.open() as stream:
        text = lines(stream, encoding=document.encoding, file=document.name)
        filled = (line for line in text if line.strip())
        rows = ((number, [line]) for number, line in enumerate(filled, start=1))
        yield from batches(["text"], rows, file=document.name, modified=document.modified)


def read_xlsx(document: Document) -> Iterator[RawBatch]:
    """The first sheet that holds anything, and those with the same header (a sheet a month)."""
    with document.open() as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl remarks on styles it will not keep
        try:
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            with contextlib.closing(book):
                yield from _sheets(book, document)
        except _XLSX_ERRORS as error:
            # Not its message: it may quote a cell.
            kind = type(error).__name__
            raise SourceError(f"{document.name}：不是可读的 XLSX 工作簿（{kind}）") from error


def _sheets(book: Any, document: Document) -> Iterator[RawBatch]:
    first: list[str] | None = None
    for sheet in book.worksheets:
        rows = (row for row in sheet.iter_rows(values_only=True) if _filled(row))
        cells = next(rows, None)
        if cells is None:
            continue
        header = ["" if cell is None else str(cell) for cell in cells]
        name = document.name if first is None else f"{document.name}/{sheet.title}"
        first = first or header
        if header == first:
            numbered = enumerate((_fit(row, len(header)) for row in rows), start=1)
            yield from batches(header, numbered, file=name, modified=document.modified)
        else:
            yield RawBatch(
                name, document.modified, [], {}, skipped="表头与第一个工作表不同，未读取"
            )
    if first is None:
        raise SourceError(f"{document.name}：工作簿是空的；应有表头行")


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
