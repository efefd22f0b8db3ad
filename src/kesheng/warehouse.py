"""The warehouse: hive-partitioned Parquet that readers see whole, old or new.

Files are written beside the tables, in `_staging/<run_id>/`, and moved into
place in one step. One run writes at a time; whatever a killed run left behind
in `_staging` is removed by the next.
"""

from __future__ import annotations

import glob
import hashlib
import hmac
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
from filelock import BaseFileLock, FileLock, Timeout

from kesheng import schema
from kesheng.errors import WarehouseBusyError, WarehouseError, WarehouseIOError
from kesheng.schema import Table

STAGING, LOCK, KEY, KEY_MARK = "_staging", "_lock", "_privacy_key", "_privacy_key_mark"
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
    def writing(self, *, wait_s: float = 0) -> Iterator[str]:
        """Hold the warehouse for one run; gives its run_id (r000001, r000002, …).

        Args:
            wait_s: how long to wait for another run to end.

        Raises:
            WarehouseBusyError: another run holds it.
            WarehouseError: the folder cannot be written.
        """
        with self._writable():
            self.path.mkdir(parents=True, exist_ok=True)
            lock = self._acquire(wait_s)
        try:
            with self._writable():
                shutil.rmtree(self.path / STAGING, ignore_errors=True)
                run_id = self._next_run_id()
                self.staging(run_id).mkdir(parents=True)
            yield run_id
        finally:
            shutil.rmtree(self.path / STAGING, ignore_errors=True)
            lock.release()

    def _acquire(self, wait_s: float) -> BaseFileLock:
        lock = FileLock(self.path / LOCK, timeout=wait_s)
        try:
            lock.acquire()
        except Timeout as error:
            raise WarehouseBusyError(
                f"another run is writing to {str(self.path)!r}; wait for it or use another folder"
            ) from error
        return lock

    @contextmanager
    def _writable(self) -> Iterator[None]:
        """Translate what the system says of a folder that cannot be written."""
        try:
            yield
        except OSError as error:
            raise WarehouseError(
                f"cannot write to {str(self.path)!r}: {error.strerror}; "
                "choose a folder you may write to (--out or warehouse.path)"
            ) from error

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
        with self._writable():
            if not path.exists():
                fresh = self.path / STAGING / secrets.token_hex(8)
                descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(secrets.token_hex(32).encode())
                fresh.rename(path)  # whole or not at all
            return path.read_bytes()

    def refuse_other_key(self, key: bytes) -> None:
        """Check that a key is the one this warehouse's pseudonyms were made with.

        Under another key the same feedback would get other ids and count twice.

        Raises:
            WarehouseError: it is another key.
        """
        path = self.path / KEY_MARK
        mark = hmac.new(key, b"kesheng", hashlib.sha256).hexdigest()[:16]
        if not path.exists():
            path.write_text(mark, encoding="ascii")
        elif path.read_text(encoding="ascii") != mark:
            raise WarehouseError(
                f"the pseudonyms in {str(self.path)!r} were made with another key; set "
                "KESHENG_PRIVACY__KEY to that one (unset it if it was not set), or use a new folder"
            )

    def replace(
        self,
        table: Table,
        rows: pa.Table,
        run_id: str,
        *,
        name: str = "part",
        keep_empty: bool = False,
        **partition: Any,
    ) -> bool:
        """Put `rows` in place of one file of a table, whole and at once.

        `run_id` is filled in. A file that would say the same stays untouched,
        so a re-run on the same input changes nothing, run_id included.

        Args:
            keep_empty: without rows, leave a file that says so (readers of the
                table find its columns) instead of none.

        Returns:
            Whether anything changed.
        """
        target = self.file(table, name=name, **partition)
        if rows.num_rows == 0 and not keep_empty:
            existed = target.exists()
            target.unlink(missing_ok=True)
            return existed
        stamped = _in_order(_with_run_id(rows, table, run_id), table)
        if target.exists() and _same_but_run_id(stamped, self._read_file(table, target)):
            return False
        temporary = self.staging(run_id) / f"{table.name}-{secrets.token_hex(8)}.parquet"
        try:
            _write(stamped, temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(target)
        except OSError as error:
            raise WarehouseIOError(f"cannot write {str(target)!r}: {error.strerror}") from error
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

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A DuckDB connection with a view for each table, and `counted`.

        `counted` is the feedback that measures count: what somebody said, and said once.

        Raises:
            WarehouseError: a file of a table is damaged, or a query fails.
        """
        config: dict[str, Any] = {
            "memory_limit": _MEMORY_LIMIT,
            "temp_directory": str(self.path / STAGING),
        }
        try:
            with duckdb.connect(config=config) as connection:
                for table in schema.TABLES.values():
                    self._view(connection, table)
                connection.execute(
                    "CREATE VIEW counted AS SELECT * FROM feedback "
                    "WHERE duplicate_of IS NULL AND NOT is_default_text"
                )
                yield connection
        except duckdb.Error as error:
            raise WarehouseError(
                f"cannot query the tables in {str(self.path)!r}: {error}"
            ) from error

    def _view(self, connection: duckdb.DuckDBPyConnection, table: Table) -> None:
        if not any(self.path.joinpath(table.name).rglob("*.parquet")):
            connection.register(table.name, _with_partitions(table).empty_table())
            return
        pattern = str(Path(glob.escape(str(self.path)), table.name, "**", "*.parquet"))
        types = ", ".join(f"'{c}': {'DATE' if c == 'dt' else 'VARCHAR'}" for c in table.partitions)
        hive = f", hive_partitioning = true, hive_types = {{{types}}}" if types else ""
        relation = f"read_parquet({_quoted(pattern)}{hive})"
        connection.execute(f'CREATE VIEW "{table.name}" AS SELECT * FROM {relation}')  # noqa: S608 - quoted

    def count(self, source: str) -> int:
        """Different feedback of one source."""
        with self.connect() as db:
            row = db.execute(
                "SELECT count(DISTINCT feedback_id) FROM feedback WHERE source = ?", [source]
            ).fetchone()
        return int(row[0]) if row else 0

    def days(self, source: str) -> list[date]:
        """Days of which a source has feedback."""
        return partition_days(self.path / schema.FEEDBACK.name / f"source={source}")


def partition_days(folder: Path) -> list[date]:
    """Days of the dt=… folders in a source's folder."""
    return sorted(date.fromisoformat(path.name[3:]) for path in folder.glob("dt=*"))


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
    # Categories numbered as they now appear: the same rows are the same bytes.
    plain = pa.schema(
        f.with_type(pa.string()) if pa.types.is_dictionary(f.type) else f for f in rows.schema
    )
    return rows.take(order).cast(plain).combine_chunks().cast(rows.schema).combine_chunks()


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
