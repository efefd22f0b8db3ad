"""What every kind of source gives: batches of rows as they came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, TypeVar

BATCH_ROWS = 4096
T = TypeVar("T")


@dataclass(frozen=True)
class Document:
    """One file to read. `open` gives a fresh binary stream each time."""

    name: str
    modified: datetime
    open: Callable[[], BinaryIO]
    encoding: str | None = None


@dataclass(frozen=True)
class Broken:
    """A row that could not be read: where, why, and what it held by column (not yet masked)."""

    row: int
    reason: str
    message: str
    cells: dict[str, str]


@dataclass(frozen=True)
class RawBatch:
    """Rows as they came.

    file: name of the file (with the member of an archive), for people.
    modified: time of the file; stands in where a row has no usable time.
    rows: number of each row in the file, from 1.
    columns: name → values (str, number, datetime, None …), all of len(rows).
    broken: rows of the same stretch of the file that could not be read.
    skipped: why this part of the source was not read at all, if so.
    """

    file: str
    modified: datetime
    rows: list[int]
    columns: dict[str, list[object]]
    broken: list[Broken] = field(default_factory=list)
    skipped: str = ""


Row = tuple[int, Sequence[object]]


def batches(
    header: Sequence[str], rows: Iterable[Row | Broken], *, file: str, modified: datetime
) -> Iterator[RawBatch]:
    """Group rows of a table with a fixed header into batches."""
    names = unique_names(header)
    for good, broken in grouped(rows):
        columns: dict[str, list[object]] = {
            name: [values[i] for _, values in good] for i, name in enumerate(names)
        }
        yield RawBatch(file, modified, [number for number, _ in good], columns, broken)


def grouped(rows: Iterable[T | Broken]) -> Iterator[tuple[list[T], list[Broken]]]:
    """Rows in stretches of BATCH_ROWS, the readable ones apart from the broken ones.

    The last stretch may be empty: a file without rows still has a header to look at.
    """
    good: list[T] = []
    broken: list[Broken] = []
    for row in rows:
        if isinstance(row, Broken):
            broken.append(row)
        else:
            good.append(row)
        if len(good) + len(broken) >= BATCH_ROWS:
            yield good, broken
            good, broken = [], []
    yield good, broken


def unique_names(header: Sequence[str]) -> list[str]:
    """Column names without blanks around them; empty ones and second ones get a number."""
    names: list[str] = []
    for place, raw in enumerate(header, start=1):
        name = str(raw).strip() or f"列{place}"
        while name in names:
            name += f"_{place}"
        names.append(name)
    return names
