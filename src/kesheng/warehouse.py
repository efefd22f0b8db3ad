"""The warehouse: hive-partitioned Parquet that readers see whole, old or new.

Files are written beside the tables, in `_staging/<run_id>/`, and moved into
place in one step. One run writes at a time; whatever a killed run left behind
in `_staging` is removed by the next.
"""

from __future__ import annotations

import glob
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from kesheng import schema
from kesheng.errors import WarehouseBusyError, WarehouseError
from kesheng.schema import Table

STAGING, LOCK, KEY = "_staging", "_lock", "_privacy_key"
# Beyond this DuckDB spills to the staging folder instead of growing.
_MEMORY_LIMIT = "512MB"
_RUN_FILE = re.compile(r"r(\d{6,})\.parquet")


class Warehouse:
    """A folder of tables.

    Args:
        path: the folder; made when a run first writes to it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    # Writing --------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[str]:
        """Hold the warehouse for one run; gives its run_id (r000001, r000002, …).

        Raises:
            WarehouseBusyError: another run holds it.
            WarehouseError: the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / LOCK, timeout=0)
            with lock:
                shutil.rmtree(self.path / STAGING, ignore_errors=True)
                run_id = self._next_run_id()
                (self.path / STAGING / run_id).mkdir(parents=True)
                try:
                    yield run_id
                finally:
                    shutil.rmtree(self.path / STAGING, ignore_errors=True)
        except Timeout as error:
            raise WarehouseBusyError(
                f"another run is writing to {str(self.path)!r}; wait for it or use another folder"
            ) from error
        except (PermissionError, FileExistsError, NotADirectoryError) as error:
            raise WarehouseError(
                f"cannot write to {str(self.path)!r}: {error.strerror}; "
                "choose a folder you may write to (--out or warehouse.path)"
            ) from error
        except OSError as error:
            if error.errno is None:
                raise
            raise WarehouseError(f"cannot write to {str(self.path)!r}: {error.strerror}") from error

    def _next_run_id(self) -> str:
        numbers = [
            int(match[1])
            for path in (self.path / schema.RUN.name).glob("r*.parquet")
            if (match := _RUN_FILE.fullmatch(path.name))
        ]
        return f"r{max(numbers, default=0) + 1:06d}"

    def staging(self, run_id: str) -> Path:
        """Where a run keeps what is not yet a table."""
        return self.path / STAGING / run_id

    def key(self) -> bytes:
        """The warehouse's own key for pseudonyms; made once, readable by its owner only."""
        path = self.path / KEY
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_bytes()
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(32).encode())
        return path.read_bytes()

    def replace(
        self, table: Table, rows: pa.Table, run_id: str, *, name: str = "part", **partition: Any
    ) -> bool:
        """Put `rows` in place of one file of a table, whole and at once.

        `run_id` is filled in. A file that would say the same stays untouched,
        so a re-run on the same input changes nothing, run_id included. No rows:
        the file goes.

        Returns:
            Whether anything changed.
        """
        target = self.file(table, name=name, **partition)
        if rows.num_rows == 0:
            existed = target.exists()
            target.unlink(missing_ok=True)
            return existed
        stamped = _in_order(_with_run_id(rows, table, run_id), table)
        if target.exists() and _same_but_run_id(stamped, self._read_file(table, target)):
            return False
        temporary = self.staging(run_id) / f"{table.name}-{secrets.token_hex(8)}.parquet"
        _write(stamped, temporary)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(target)
        return True

    # Reading --------------------------------------------------------------

    def file(self, table: Table, *, name: str = "part", **partition: Any) -> Path:
        """Path of one file of a table."""
        folders = [f"{column}={partition[column]}" for column in table.partitions]
        return self.path.joinpath(table.name, *folders, f"{name}.parquet")

    def read(self, table: Table, *, name: str = "part", **partition: Any) -> pa.Table:
        """Rows of one file of a table; none where there is no file."""
        path = self.file(table, name=name, **partition)
        return self._read_file(table, path) if path.exists() else table.arrow().empty_table()

    def _read_file(self, table: Table, path: Path) -> pa.Table:
        try:
            # Not through a dataset: the folder's source=…/dt=… must not become columns.
            rows = pq.ParquetFile(path).read()
            return rows.select(table.arrow().names).cast(table.arrow())
        except (pa.ArrowException, KeyError, OSError) as error:
            raise WarehouseError(
                f"{path.relative_to(self.path)} is not a readable {table.name} file: {error}"
            ) from error

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection with a view for each table that has files."""
        connection = duckdb.connect(
            config={"memory_limit": _MEMORY_LIMIT, "temp_directory": str(self.path / STAGING)}
        )
        for table in schema.TABLES.values():
            if any(self.path.joinpath(table.name).rglob("*.parquet")):
                pattern = str(Path(glob.escape(str(self.path)), table.name, "**", "*.parquet"))
                types = ", ".join(
                    f"'{c}': {'DATE' if c == 'dt' else 'VARCHAR'}" for c in table.partitions
                )
                hive = f", hive_partitioning = true, hive_types = {{{types}}}" if types else ""
                relation = f"read_parquet({_quoted(pattern)}{hive})"
                connection.execute(f'CREATE VIEW "{table.name}" AS SELECT * FROM {relation}')  # noqa: S608 - quoted
            else:
                connection.register(table.name, _with_partitions(table).empty_table())
        return connection

    def count(self, table: Table, source: str) -> int:
        """Rows of one source of a partitioned table, from the files' footers."""
        folder = self.path / table.name / f"source={source}"
        return sum(pq.ParquetFile(path).metadata.num_rows for path in folder.rglob("*.parquet"))


def partition_days(folder: Path) -> list[date]:
    """Days of the dt=… folders in a source's folder."""
    return sorted(date.fromisoformat(path.name[3:]) for path in folder.glob("dt=*"))


def describe(path: Path) -> dict[str, dict[str, str]]:
    """Column → comment, unit and type, from the metadata of one of our files."""
    metadata = pq.read_schema(path).metadata or {}
    described: dict[str, dict[str, str]] = json.loads(metadata[b"kesheng:columns"])
    return described


def _write(rows: pa.Table, path: Path) -> None:
    with path.open("wb") as file:
        pq.write_table(rows, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())


def _with_run_id(rows: pa.Table, table: Table, run_id: str) -> pa.Table:
    target = table.arrow()
    if "run_id" in target.names and "run_id" not in rows.schema.names:
        rows = rows.append_column("run_id", pa.array([run_id] * rows.num_rows, pa.string()))
    return rows.select(target.names).cast(target).combine_chunks()


def _in_order(rows: pa.Table, table: Table) -> pa.Table:
    # Dictionary codes cannot be sorted; the words they stand for can.
    keys = {
        name: rows[name].cast(pa.string())
        if pa.types.is_dictionary(rows[name].type)
        else rows[name]
        for name in table.order
    }
    order = pc.sort_indices(pa.table(keys), [(name, "ascending") for name in keys])
    return rows.take(order)


def _same_but_run_id(new: pa.Table, old: pa.Table) -> bool:
    if new.num_rows != old.num_rows:
        return False
    names = [name for name in new.schema.names if name not in ("run_id", "run_date")]
    return all(
        new[name].combine_chunks().to_pylist() == old[name].combine_chunks().to_pylist()
        for name in names
    )


def _with_partitions(table: Table) -> pa.Schema:
    return pa.schema([pa.field(c.name, c.type) for c in table.columns])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
