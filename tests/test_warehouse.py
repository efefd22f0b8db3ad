"""The warehouse: files change whole, one run at a time, and say what they hold."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kesheng import schema
from kesheng.errors import WarehouseBusyError, WarehouseError, WarehouseIOError
from kesheng.warehouse import Warehouse

DAY = date(2026, 3, 5)


def topics(*labels: str) -> pa.Table:
    """Rows of `topic`."""
    rows = [
        {"topic_id": f"t{i}", "label": label, "terms": [label], "weights": [1.0], "idf": [1.0],
         "n_fit": 9}
        for i, label in enumerate(labels)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema.TOPIC.arrow()).drop_columns(["run_id"])


def mentions(*ids: str) -> pa.Table:
    """Rows of `mention`."""
    row = {
        "dimension": "REL", "indicator": "REL.ontime", "polarity": -1, "confidence": 0.9,
        "start": 0, "end": 2, "clause": "来晚了", "evidence": ["来晚"],
    }  # fmt: skip
    table = schema.MENTION.arrow()
    return pa.Table.from_pylist([row | {"feedback_id": i} for i in ids], schema=table).drop_columns(
        ["run_id"]
    )


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder: name → bytes."""
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


@pytest.fixture
def house(tmp_path) -> Warehouse:
    """A warehouse in a fresh folder."""
    return Warehouse(tmp_path / "w")


def test_reader_of_the_old_file(house):
    """A reader that opened a file before it was replaced still reads it whole."""
    with house.writing() as run_id:
        house.replace(schema.TOPIC, topics("慢"), run_id)
        with house.file(schema.TOPIC).open("rb") as old:
            house.replace(schema.TOPIC, topics("快", "近"), run_id)
            assert pq.read_table(old)["label"].to_pylist() == ["慢"]
    assert house.read(schema.TOPIC)["label"].to_pylist() == ["快", "近"]


def test_nothing_half_written(house, monkeypatch):
    """A write that fails half-way leaves the old file and nothing else under the table."""
    with house.writing() as run_id:
        house.replace(schema.TOPIC, topics("慢"), run_id)
    before = files(house.path / "topic")

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, house.writing() as run_id:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(WarehouseIOError, match="No space"):
            house.replace(schema.TOPIC, topics("快"), run_id)
        assert files(house.path / "topic") == before
    assert files(house.path / "topic") == before


def test_full_disk_is_our_error(house, monkeypatch):
    """A disk that fills up during a run is an error of ours that a retry may mend."""

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with house.writing() as run_id:
        with pytest.raises(WarehouseIOError, match=r"topic/part\.parquet': No space") as caught:
            house.replace(schema.TOPIC, topics("快"), run_id)
        assert caught.value.transient


def test_only_final_names_under_a_table(house):
    """Under a table's folder there are only its files; staging is gone after the run."""
    with house.writing() as run_id:
        house.replace(schema.MENTION, mentions("a"), run_id, source="bank", dt=DAY)
        house.replace(schema.TOPIC, topics("慢"), run_id)
        assert list(files(house.path / "mention")) == ["source=bank/dt=2026-03-05/part.parquet"]
    assert list(files(house.path)) == [
        "_lock",
        "mention/source=bank/dt=2026-03-05/part.parquet",
        "topic/part.parquet",
    ]


def test_equal_rows_leave_the_file_alone(house):
    """Writing what is there, in any order, touches neither bytes nor time, nor the run_id."""
    with house.writing() as run_id:
        assert house.replace(schema.MENTION, mentions("a", "b"), run_id, source="x", dt=DAY)
    path = house.file(schema.MENTION, source="x", dt=DAY)
    before = path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino
    with house.writing():
        assert not house.replace(schema.MENTION, mentions("b", "a"), "r000002", source="x", dt=DAY)
    assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_changed_rows_carry_the_new_run(house):
    """Writing other rows replaces the file and stamps it with its run."""
    for n, ids in ((1, "a"), (2, "ab")):
        with house.writing() as run_id:
            assert house.replace(schema.MENTION, mentions(*ids), run_id, source="x", dt=DAY)
            house.replace(schema.RUN, ledger(run_id), run_id, name=run_id)
        rows = house.read(schema.MENTION, source="x", dt=DAY)
        assert set(rows["run_id"].to_pylist()) == {f"r{n:06d}"}


def ledger(run_id: str) -> pa.Table:
    """A row of `run`."""
    row = {"run_id": run_id, "source": "x", "started_at": datetime(2026, 3, 5, tzinfo=UTC)}
    return pa.Table.from_pylist([row], schema=schema.RUN.arrow())


def test_no_rows_remove_the_file(house):
    """Writing no rows removes the file, and says whether there was one."""
    with house.writing() as run_id:
        house.replace(schema.TOPIC, topics("慢"), run_id)
        assert house.replace(schema.TOPIC, topics(), run_id)
        assert not house.replace(schema.TOPIC, topics(), run_id)
    assert not house.file(schema.TOPIC).exists()
    assert house.read(schema.TOPIC).num_rows == 0


def test_run_ids(house):
    """Runs are r000001, r000002, …, after the highest there is; other files do not count."""
    seen = []
    for _ in range(2):
        with house.writing() as run_id:
            seen.append(run_id)
            house.replace(schema.RUN, ledger(run_id), run_id, name=run_id)
    assert seen == ["r000001", "r000002"]
    house.file(schema.RUN, name="r000001").unlink()
    (house.path / "run" / "r9.parquet.bak").write_bytes(b"")
    with house.writing() as run_id:
        assert run_id == "r000003"


def test_run_id_of_a_run_that_left_nothing(house):
    """A run that wrote no ledger does not use up its number."""
    with house.writing() as first:
        pass
    with house.writing() as second:
        assert first == second == "r000001"


HOLD = """
import sys
from pathlib import Path
from kesheng.warehouse import Warehouse
with Warehouse(Path(sys.argv[1])).writing():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_second_writer(house):
    """A second process that wants to write is told at once; afterwards it may."""
    command = [sys.executable, "-c", HOLD, str(house.path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(WarehouseBusyError, match="another run is writing") as caught:
            house.writing().__enter__()
        assert caught.value.transient
        holder.communicate("")
    assert holder.returncode == 0
    with house.writing() as run_id:
        assert run_id == "r000001"


def test_killed_run(house):
    """What a killed run left in staging is removed by the next, which is not locked out."""
    command = [sys.executable, "-c", HOLD, str(house.path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        left = house.path / "_staging" / "r000001" / "half.parquet"
        left.write_bytes(b"PAR1")
        holder.kill()
        holder.wait()
    with house.writing():
        assert not left.exists()


def test_failing_run_cleans_up(house):
    """A run that fails leaves neither staging nor lock behind."""

    class StoppedError(Exception):
        """Ours, for this test."""

    with pytest.raises(StoppedError), house.writing():
        raise StoppedError
    assert not (house.path / "_staging").exists()
    with house.writing():
        pass


@pytest.mark.parametrize("below", [".", "deeper/still"])
def test_file_in_the_way(tmp_path, below):
    """A file where the folder should be is an error of ours that says what to do."""
    (tmp_path / "w").write_text("x")
    with (
        pytest.raises(WarehouseError, match=r"cannot write to .*; choose a folder"),
        Warehouse(tmp_path / "w" / below).writing(),
    ):
        pass


def test_key(house):
    """The warehouse's own key is made once, is long, and only its owner can read it."""
    with house.writing():
        first = house.key()
        assert house.key() == first
    assert len(first) >= 32
    path = house.path / "_privacy_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Warehouse(house.path).key() == first


def test_keys_differ(tmp_path):
    """Two warehouses have two keys."""
    keys = set()
    for name in "ab":
        house = Warehouse(tmp_path / name)
        with house.writing():
            keys.add(house.key())
    assert len(keys) == 2


@pytest.mark.parametrize("table", schema.TABLES.values(), ids=list(schema.TABLES))
def test_comments_of_every_column(table):
    """Every column of every table has a comment in Chinese."""
    for column in table.columns:
        assert any("\u4e00" <= c <= "\u9fff" for c in column.comment), column.name


def test_metadata_in_the_file(house):
    """Comment and unit of every column can be read back from the file, both ways."""
    with house.writing() as run_id:
        house.replace(schema.MENTION, mentions("a"), run_id, source="x", dt=DAY)
    path = house.file(schema.MENTION, source="x", dt=DAY)
    fields = pq.read_schema(path)
    for column in schema.MENTION.stored:
        metadata = fields.field(column.name).metadata
        assert metadata[b"comment"].decode() == column.comment
        assert metadata[b"unit"].decode() == column.unit
    assert fields.metadata[b"kesheng:table"] == b"mention"
    described = json.loads(pq.read_schema(path).metadata[b"kesheng:columns"])
    for column in schema.MENTION.columns:
        assert described[column.name]["comment"] == column.comment
        assert described[column.name]["unit"] == column.unit


def test_categories_are_dictionaries(house):
    """Categories are dictionary-encoded in the file, and read back as such."""
    with house.writing() as run_id:
        house.replace(schema.MENTION, mentions("a", "b"), run_id, source="x", dt=DAY)
    path = house.file(schema.MENTION, source="x", dt=DAY)
    assert pa.types.is_dictionary(pq.read_schema(path).field("indicator").type)
    group = pq.ParquetFile(path).metadata.row_group(0)
    encodings = {
        group.column(i).path_in_schema: group.column(i).encodings for i in range(group.num_columns)
    }
    assert "RLE_DICTIONARY" in encodings["indicator"]


def test_partitions_in_three_readers(house):
    """DuckDB, pandas and Polars read the partitions with the same rows and partition values."""
    with house.writing() as run_id:
        house.replace(schema.MENTION, mentions("a", "b"), run_id, source="bank", dt=DAY)
        house.replace(schema.MENTION, mentions("c"), run_id, source="门店", dt=date(2026, 3, 6))
    folder = house.path / "mention"
    by_pandas = pd.read_parquet(folder)
    by_polars = pl.read_parquet(folder / "**/*.parquet", hive_partitioning=True)
    with duckdb.connect() as db:
        relation = db.read_parquet(f"{folder}/**/*.parquet", hive_partitioning=True)
        columns, by_duckdb = relation.columns, relation.fetchall()
    assert len(by_pandas) == len(by_polars) == len(by_duckdb) == 3
    assert set(by_pandas["source"].astype(str)) == set(by_polars["source"]) == {"bank", "门店"}
    assert set(by_pandas["dt"].astype(str)) == {str(d) for d in by_polars["dt"]}
    assert {"source", "dt"} <= set(columns)


def test_connect_sees_every_table(house):
    """Every table can be queried by name, those without files, too."""
    with house.writing() as run_id:
        house.replace(schema.MENTION, mentions("a", "b"), run_id, source="bank", dt=DAY)
    with house.connect() as db:
        counts = {t: db.execute(f'SELECT count(*) FROM "{t}"').fetchone()[0] for t in schema.TABLES}
        days = db.execute("SELECT DISTINCT dt, source::VARCHAR FROM mention").fetchall()
        names = [c[0] for c in db.execute("SELECT * FROM feedback LIMIT 0").description]
    assert counts == dict.fromkeys(schema.TABLES, 0) | {"mention": 2}
    assert days == [(DAY, "bank")]
    assert names == [c.name for c in schema.FEEDBACK.columns]


def test_quote_in_the_path(tmp_path):
    """A folder with a quotation mark and glob characters in its name can be queried."""
    house = Warehouse(tmp_path / "it's")
    with house.writing() as run_id:
        house.replace(schema.TOPIC, topics("慢"), run_id)
    with house.connect() as db:
        assert db.execute("SELECT label FROM topic").fetchall() == [("慢",)]


@pytest.mark.parametrize("name", ["w[1]", "w*", "w?"])
def test_glob_characters_in_the_path(tmp_path, name):
    """A folder whose name looks like a pattern can be queried."""
    house = Warehouse(tmp_path / name)
    with house.writing() as run_id:
        house.replace(schema.TOPIC, topics("慢"), run_id)
    with house.connect() as db:
        assert db.execute("SELECT label FROM topic").fetchall() == [("慢",)]


def test_numeric_source_name(house):
    """A source called 007 stays 007."""
    with house.writing() as run_id:
        house.replace(schema.MENTION, mentions("a"), run_id, source="007", dt=DAY)
    with house.connect() as db:
        assert db.execute("SELECT source::VARCHAR FROM mention").fetchall() == [("007",)]


def test_damaged_table_file(house):
    """A damaged file of a table is an error of ours that names it."""
    with house.writing() as run_id:
        house.replace(schema.TOPIC, topics("慢"), run_id)
    house.file(schema.TOPIC).write_bytes(b"PAR1 nonsense")
    with pytest.raises(WarehouseError, match=r"topic/part\.parquet is not a readable topic file"):
        house.read(schema.TOPIC)


def test_file_of_other_columns(house):
    """A table file of other columns is an error of ours, not a KeyError."""
    path = house.file(schema.TOPIC)
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(WarehouseError, match="topic"):
        house.read(schema.TOPIC)


def test_days(house):
    """The days of a source are those of its folders of feedback."""
    for name in ("source=x/dt=2026-03-06", "source=x/dt=2026-03-05", "source=xy/dt=2026-01-01"):
        (house.path / "feedback" / name).mkdir(parents=True)
    assert house.days("x") == [DAY, date(2026, 3, 6)]
    assert house.days("nowhere") == []


def test_other_key_is_refused(house):
    """A warehouse takes the key that its first run had, and says what to do about another."""
    with house.writing():
        house.refuse_other_key(b"erster-schluessel-123")
        house.refuse_other_key(b"erster-schluessel-123")
        with pytest.raises(WarehouseError, match="another key; set KESHENG_PRIVACY__KEY") as caught:
            house.refuse_other_key(b"zweiter-schluessel-456")
    assert "schluessel" not in str(caught.value)
    assert all(b"schluessel" not in data for data in files(house.path).values())


def test_waiting_for_another_run(house):
    """A writer that may wait gets the warehouse when the other one ends."""
    command = [sys.executable, "-c", HOLD, str(house.path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        timer = threading.Timer(0.3, holder.stdin.close)
        timer.start()
        with house.writing(wait_s=30) as run_id:
            assert run_id == "r000001"
        timer.join()
