"""What a run must not do when things go wrong, or go on over several runs."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import duckdb
import pytest
from small_runs import TEXTS, row, rows, run, settings, write_csv

from kesheng import pipeline, schema
from kesheng.errors import WarehouseError
from kesheng.pipeline import PartitionTask, process

LONG = "柜台只开了一个窗口，等了整整一个上午还没有办完，没有人出来解释。"


def test_a_task_that_outlives_its_run_writes_nothing(tmp_path):
    """A partition processed after its run is over is refused; the file that is there stays."""
    run(tmp_path / "out", bank=write_csv(tmp_path / "a.csv", [row(1), row(2)]))
    before = rows(tmp_path / "out", "feedback")
    late = PartitionTask(
        settings(tmp_path / "out"), "r000002", "bank", date(2026, 3, 1), tmp_path / "gone"
    )
    with pytest.raises(WarehouseError, match="r000002 is over"):
        process(late)
    assert rows(tmp_path / "out", "feedback") == before


def test_a_failed_partition_loses_no_moved_row(tmp_path):
    """Rows move to other days, one task fails while others run on: every row is still somewhere."""
    source = tmp_path / "a.csv"
    run(tmp_path / "out", bank=write_csv(source, [row(n, day=n) for n in range(1, 7)]))
    write_csv(source, [row(n, day=n + 10) for n in range(1, 7)])

    def one_fails(function, tasks):
        def work(task):
            if task.day == date(2026, 3, 11):
                raise WarehouseError("the disk is full")
            time.sleep(0.2)  # so that the failure comes while these still run
            return function(task)

        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(work, task) for task in tasks]
        return [future.result() for future in futures]

    with pytest.raises(WarehouseError, match="disk is full"):
        pipeline.run(settings(tmp_path / "out", bank=source), map=one_fails)
    found = {r["source_id"] for r in rows(tmp_path / "out", "feedback")}
    assert found >= {f"N{n:03d}" for n in range(2, 7)}
    # The next run finds every row, whatever the failed one left in two places.
    report = run(tmp_path / "out", bank=source)
    assert not report.failed
    assert sorted(r["source_id"] for r in rows(tmp_path / "out", "feedback")) == [
        f"N{n:03d}" for n in range(1, 7)
    ]


def test_scores_go_when_their_mentions_go(tmp_path):
    """Where no mention is left there is no score left either."""
    source = tmp_path / "a.csv"
    run(tmp_path / "out", bank=write_csv(source, [row(1, "排队太久了")]))
    assert rows(tmp_path / "out", "sq_scores")
    run(tmp_path / "out", bank=write_csv(source, [row(1, "嗯")]))
    assert rows(tmp_path / "out", "mention") == []
    assert rows(tmp_path / "out", "sq_scores") == []


def test_a_mended_row_leaves_rejected(tmp_path):
    """`rejected` says what is wrong with a file now, not what once was."""
    source = tmp_path / "a.csv"
    run(tmp_path / "out", bank=write_csv(source, [row(1), row(2, "")]))
    assert [r["row"] for r in rows(tmp_path / "out", "rejected")] == [2]
    run(tmp_path / "out", bank=write_csv(source, [row(3), row(1), row(2, "")]))
    assert [r["row"] for r in rows(tmp_path / "out", "rejected")] == [3]
    run(tmp_path / "out", bank=write_csv(source, [row(3), row(1), row(2, "很好")]))
    assert rows(tmp_path / "out", "rejected") == []


def test_customers_without_ids_who_say_the_same_are_no_duplicates(tmp_path):
    """The same long text at the same time counts twice without ids, once as a copy with ids."""
    nameless = [row(1, LONG, id_="") for _ in range(2)]
    run(tmp_path / "a", bank=write_csv(tmp_path / "a.csv", nameless))
    assert [r["duplicate_of"] for r in rows(tmp_path / "a", "feedback")] == [None, None]
    copies = [row(1, LONG, id_="A"), row(1, LONG, id_="B")]
    run(tmp_path / "b", bank=write_csv(tmp_path / "b.csv", copies))
    assert sum(r["duplicate_of"] is not None for r in rows(tmp_path / "b", "feedback")) == 1


def test_another_key_is_refused(tmp_path):
    """A forgotten or changed key must not give the same feedback new ids."""
    source = write_csv(tmp_path / "a.csv", [row(1)])
    run(tmp_path / "out", bank=source)
    with pytest.raises(WarehouseError, match="another key"):
        run(tmp_path / "out", bank=source, key="ein-anderer-schluessel-1")
    with pytest.raises(WarehouseError, match="another key"):
        run(tmp_path / "out", bank=source, key=None)


def test_topics_reach_rows_of_earlier_runs(tmp_path):
    """Two small runs have texts enough together; then all partitions are assigned, old ones too."""
    themes = ("排队 窗口 取号 大厅", "快递 包装 破损 客服", "医生 护士 病房 挂号")

    def batch(first: int, day: int) -> list:
        texts = (
            f"{themes[n % 3].replace(' ', '，')}，第{n}回，{TEXTS[n % 12]}"
            for n in range(first, first + 60)
        )
        return [row(n, text, day=day, id_=f"T{first + n}") for n, text in enumerate(texts)]

    run(tmp_path / "out", bank=write_csv(tmp_path / "a.csv", batch(0, 1)))
    assert rows(tmp_path / "out", "topic") == []
    run(tmp_path / "out", bank=write_csv(tmp_path / "b.csv", batch(60, 2)))
    assert rows(tmp_path / "out", "topic")
    early = [r for r in rows(tmp_path / "out", "feedback") if r["dt"] == date(2026, 3, 1)]
    assert sum(r["topic_id"] is not None for r in early) > len(early) // 2


def test_rows_of_another_version_are_named(tmp_path, monkeypatch):
    """Days analysed by other models are said, until they are read again."""
    source = write_csv(tmp_path / "a.csv", [row(1, "排队太久了")])
    run(tmp_path / "out", bank=source)
    taxonomy = tmp_path / "own.yaml"
    taxonomy.write_text(
        "dimensions: {X: {zh: 全部, indicators: {X.all: {zh: 全部, neg: [太慢], pos: [很快]}}}}",
        encoding="utf-8",
    )
    other = settings(tmp_path / "out", bank=write_csv(tmp_path / "b.csv", [row(2, "很快", day=2)]))
    aspects = other.aspects.model_copy(update={"taxonomy": str(taxonomy)})
    report = pipeline.run(other.model_copy(update={"aspects": aspects}))
    assert any("其他版本" in w for w in report.counts[0].warnings)


def test_every_table_can_be_queried_when_it_is_empty(tmp_path):
    """A reader finds files of all eight tables after any run, also where nothing is in them."""
    run(tmp_path / "out", bank=write_csv(tmp_path / "a.csv", [row(1, "嗯")]))
    for table in schema.TABLES:
        files = list((tmp_path / "out" / table).rglob("*.parquet"))
        assert files, table
        with duckdb.connect() as db:
            names = db.read_parquet([str(f) for f in files], hive_partitioning=True).columns
        assert set(names) == {c.name for c in schema.TABLES[table].columns}
