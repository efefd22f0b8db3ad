"""Delimited text → batches: a quote that is wrong costs no row but, at worst, its own."""

from __future__ import annotations

import csv
import sys
from collections import deque
from collections.abc import Iterable, Iterator

from kesheng.errors import SourceError
from kesheng.sources.batches import Broken, Document, RawBatch, Row, batches
from kesheng.sources.encoding import lines

# A field that runs over more lines than this is a quote that was never closed.
MAX_LINES_IN_ROW = 200
csv.field_size_limit(min(sys.maxsize, 1 << 30))


def read_csv(document: Document, *, delimiter: str | None = None) -> Iterator[RawBatch]:
    """Delimited text with a header line; the delimiter is found if not given."""
    with document.open() as stream:
        text = lines(stream, encoding=document.encoding, file=document.name)
        first = next((line for line in text if line.strip()), None)
        if first is None:
            raise SourceError(f"{document.name}：文件是空的；首行应为表头")
        mark = delimiter or max(",\t;|，", key=lambda c: (first.count(c), c == ","))
        rows = _Rows(first, text, mark).read()
        header = next(rows)
        numbered = _fitted(rows, header)
        yield from batches(header, numbered, file=document.name, modified=document.modified)


def read_tsv(document: Document) -> Iterator[RawBatch]:
    """Tab-separated text with a header line."""
    return read_csv(document, delimiter="\t")


class _Rows:
    """Fields of each row.

    A line whose quotes do not come out (`3,"环境干净"灯光亮堂`, or one never
    closed) is read again by itself with its quotes as text, and what was read
    on to find the end of the quote is read anew.
    """

    def __init__(self, first: str, rest: Iterable[str], mark: str) -> None:
        self._rest = iter(rest)
        self._mark = mark
        self._again = deque([first])
        self._taken: list[str] = []

    def read(self) -> Iterator[list[str]]:
        reader = self._reader()
        while True:
            self._taken.clear()
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error:
                line, *others = self._taken
                self._again.extendleft(reversed(others))
                (fields,) = csv.reader([line], delimiter=self._mark, quoting=csv.QUOTE_NONE)
                reader = self._reader()
            if fields:  # a blank line is no row
                yield fields

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._feed(), delimiter=self._mark, strict=True)

    def _feed(self) -> Iterator[str]:
        while True:
            line = self._again.popleft() if self._again else next(self._rest, None)
            if line is None:
                return
            self._taken.append(line)
            if len(self._taken) > MAX_LINES_IN_ROW:
                raise csv.Error
            yield line


def _fitted(rows: Iterator[list[str]], header: list[str]) -> Iterator[Row | Broken]:
    width = len(header)
    for number, fields in enumerate(rows, start=1):
        while len(fields) > width and not fields[-1].strip():
            fields.pop()
        if len(fields) > width:
            names = [*header, *(f"列{k}" for k in range(width + 1, len(fields) + 1))]
            message = f"该行有 {len(fields)} 列，表头只有 {width} 列；内容中的分隔符须加引号"
            yield Broken(number, "too_many_fields", message, dict(zip(names, fields, strict=True)))
        else:
            yield number, fields + [None] * (width - len(fields))
