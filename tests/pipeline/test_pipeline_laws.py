"""What holds for every run: nothing is lost, nothing changes without a cause."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from small_runs import TEXTS, balanced, ledger, row, rows, run, settings, tables, write_csv

from kesheng import pipeline
from kesheng.configuration import check
from kesheng.errors import ConservationError
from kesheng.pipeline import analyse, ingest
from kesheng.sources import batches, formats
from kesheng.warehouse import Warehouse

QUICK = hypothesis_settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # a run is too slow to shrink by
    suppress_health_check=list(HealthCheck),
)
ROW = st.one_of(
    st.builds(row, st.integers(0, 40), day=st.integers(1, 2)),
    st.builds(row, st.integers(0, 3), st.sampled_from(TEXTS), day=st.integers(1, 2)),
    st.builds(row, st.integers(0, 3), day=st.just(1), id_=st.just("")),
    st.builds(row, st.integers(0, 40), st.sampled_from(["", "  ", "\u200b", "<br>"])),
    st.builds(lambda n: {"raw": f"N{n},2026-03-01,逗号没加引号,所以,多了一列"}, st.integers(0, 40)),
)


def small_batches(patch: pytest.MonkeyPatch, size: int) -> None:
    """Read, stage and score a few rows at a time."""
    for module in (batches, formats):
        patch.setattr(module, "BATCH_ROWS", size)
    patch.setattr(ingest, "FLUSH_ROWS", size)
    patch.setattr(analyse, "CHUNK", size)


def expected(given_rows: list[dict[str, str]]) -> tuple[int, int, int]:
    """Kept, updated and rejected of a first run, worked out apart from the product."""
    kept = updated = rejected = 0
    said: dict[str, list[str]] = defaultdict(list)
    for one in given_rows:
        text = one.get("text", "").replace("\u200b", "").replace("<br>", "").strip()
        if not text:
            rejected += 1
        elif one["id"]:
            said[one["id"]].append(text)
        else:
            kept += 1
    for texts in said.values():
        kept += 1
        updated += texts[:-1].count(texts[-1])
        rejected += sum(text != texts[-1] for text in texts[:-1])
    return kept, updated, rejected


@QUICK
@given(st.lists(ROW, max_size=25))
def test_conservation(given_rows):
    """Every row read is kept, updated or rejected, as worked out by hand; a re-run keeps none."""
    with tempfile.TemporaryDirectory() as folder:
        out, path = Path(folder) / "out", write_csv(Path(folder) / "a.csv", given_rows)
        (first,) = run(out, a=path).counts
        kept, updated, rejected = expected(given_rows)
        assert (first.rows_kept, first.rows_updated, first.rows_rejected) == (
            kept, updated, rejected,
        )  # fmt: skip
        assert first.rows_read == len(given_rows)
        assert len(rows(out, "feedback")) == kept
        assert len(rows(out, "rejected")) == rejected
        (second,) = run(out, a=path).counts
        assert (second.rows_kept, second.rows_updated, second.rows_rejected) == (
            0, kept + updated, rejected,
        )  # fmt: skip
        for run_id in ("r000001", "r000002"):
            entry = ledger(out, run_id)["a"]
            used = entry["rows_kept"] + entry["rows_updated"] + entry["rows_rejected"]
            assert entry["rows_read"] == used == len(given_rows)


@QUICK
@given(st.lists(ROW, min_size=1, max_size=25), st.integers(1, 7))
def test_batches_do_not_matter(given_rows, size):
    """Rows read a few at a time give the same table files, byte for byte."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = write_csv(Path(folder) / "a.csv", given_rows)
        run(Path(folder) / "whole", a=path)
        small_batches(patch, size)
        run(Path(folder) / "parts", a=path)
        assert tables(Path(folder) / "parts") == tables(Path(folder) / "whole")


@pytest.mark.parametrize("kind", ["jsonl", "json"])
def test_batches_of_records_with_different_keys(tmp_path, monkeypatch, kind):
    """JSON records whose keys first come late give the same rows, however they are batched."""
    found = [{"text": TEXTS[n]} for n in range(4)]
    found += [
        {"text": TEXTS[n], "id": str(n), "time": "2026-03-02", "城市": "苏州"} for n in range(4, 8)
    ]
    found += [{"id": "9", "time": "2026-03-02", "text": TEXTS[9], "rating": 4}]
    path = tmp_path / f"a.{kind}"
    lines = "\n".join(json.dumps(r, ensure_ascii=False) for r in found)
    path.write_text(lines if kind == "jsonl" else json.dumps(found, ensure_ascii=False))
    run(tmp_path / "whole", a=path)
    small_batches(monkeypatch, 2)
    run(tmp_path / "parts", a=path)
    assert tables(tmp_path / "parts") == tables(tmp_path / "whole")
    assert {r["source_id"] for r in rows(tmp_path / "whole", "feedback")} > {"4", "9"}


def test_one_file_or_two(tmp_path):
    """The same rows in one file or in two of a folder give the same feedback and mentions."""
    given_rows = [row(n, day=1 + n % 3) for n in range(12)]
    run(tmp_path / "one", a=write_csv(tmp_path / "a.csv", given_rows))
    write_csv(tmp_path / "in" / "1.csv", given_rows[:5])
    write_csv(tmp_path / "in" / "2.csv", given_rows[5:])
    run(tmp_path / "two", a=tmp_path / "in")
    assert tables(tmp_path / "two") == tables(tmp_path / "one")


def test_files_of_one_name_and_other_columns(tmp_path):
    """Two files of one name in two folders each have their own columns."""
    write_csv(tmp_path / "in" / "01" / "a.csv", [row(1), row(2, "")])
    (tmp_path / "in" / "02").mkdir()
    other = f"工单号,投诉内容,投诉时间\nK1,{TEXTS[3]},2026-03-01\nN002,,2026-03-01\n"
    (tmp_path / "in" / "02" / "a.csv").write_text(other, encoding="utf-8")
    (count,) = run(tmp_path / "out", a=tmp_path / "in").counts
    assert (count.rows_kept, count.rows_rejected) == (2, 2)
    assert {r["source_id"] for r in rows(tmp_path / "out", "feedback")} == {"N001", "K1"}
    assert len(rows(tmp_path / "out", "rejected")) == 2


def test_rerun_changes_nothing(tmp_path):
    """A re-run leaves every table file as it was, byte for byte and untouched; run/ grows."""
    path = write_csv(tmp_path / "a.csv", [row(n, day=1 + n % 3) for n in range(40)] + [row(90, "")])
    out = tmp_path / "out"
    run(out, a=path)
    before = tables(out)
    times = {name: (out / name).stat().st_mtime_ns for name in before}
    report = run(out, a=path)
    assert report.counts[0].partitions == 0
    assert tables(out) == before
    assert {name: (out / name).stat().st_mtime_ns for name in before} == times
    assert sorted(p.name for p in (out / "run").iterdir()) == ["r000001.parquet", "r000002.parquet"]


def test_rerun_of_undated_rows(tmp_path):
    """Rows without a time get the same ids in a re-run, so that they are updated, not added."""
    path = tmp_path / "a.txt"
    path.write_text("\n".join([*TEXTS, TEXTS[5]]), encoding="utf-8")
    run(tmp_path / "out", a=path)
    before = tables(tmp_path / "out")
    (count,) = run(tmp_path / "out", a=path).counts
    assert (count.rows_kept, count.rows_updated) == (0, 13)
    assert tables(tmp_path / "out") == before


def test_two_warehouses_under_one_key(tmp_path):
    """Two warehouses under the same key get equal table files, run_id and pseudonyms included."""
    given_rows = [row(n, day=1 + n % 2) for n in range(20)]
    given_rows += [row(50, "请回电13912345678，谢谢"), row(51, "微信号 laozhang_88 联系")]
    path = write_csv(tmp_path / "a.csv", given_rows)
    for name in "xy":
        run(tmp_path / name, a=path)
    assert tables(tmp_path / "x") == tables(tmp_path / "y")


def test_the_key_changes_pseudonyms_only(tmp_path):
    """Under another key, pseudonyms differ and no score does."""
    given_rows = [row(n) for n in range(6)]
    given_rows += [row(50, "打13912345678没人接，态度恶劣"), row(51, "加微信laozhang_88后就不理人")]
    path = write_csv(tmp_path / "a.csv", given_rows)
    run(tmp_path / "x", key="schluessel-nummer-eins", a=path)
    run(tmp_path / "y", key="schluessel-nummer-zwei", a=path)
    x, y = (rows(tmp_path / name, "feedback") for name in "xy")
    assert [r["text"] for r in x] != [r["text"] for r in y]
    scores = ("feedback_id", "sentiment", "sentiment_confidence", "feedback_type", "severity")
    assert [[r[c] for c in scores] for r in x] == [[r[c] for c in scores] for r in y]
    place = ("feedback_id", "indicator", "polarity", "confidence", "start", "end")
    x, y = (rows(tmp_path / name, "mention") for name in "xy")
    assert [[r[c] for c in place] for r in x] == [[r[c] for c in place] for r in y]


def test_own_key_is_kept(tmp_path):
    """Without a key the warehouse makes its own once, so that a re-run changes nothing."""
    path = write_csv(tmp_path / "a.csv", [row(1, "请回电13912345678，谢谢")])
    run(tmp_path / "out", key=None, a=path)
    before = tables(tmp_path / "out")
    run(tmp_path / "out", key=None, a=path)
    assert tables(tmp_path / "out") == before


# Updates ----------------------------------------------------------------------


def test_update_in_place(tmp_path):
    """A row whose text changed is replaced and counted as updated; its mentions follow."""
    out = tmp_path / "out"
    run(out, a=write_csv(tmp_path / "a.csv", [row(1, TEXTS[0]), row(2, TEXTS[1])]))
    (count,) = run(out, a=write_csv(tmp_path / "a.csv", [row(1, TEXTS[7])])).counts
    assert (count.rows_kept, count.rows_updated, count.rows_rejected) == (0, 1, 0)
    found = {r["source_id"]: r for r in rows(out, "feedback")}
    assert found["N001"]["text"] == TEXTS[7]
    assert found["N002"]["text"] == TEXTS[1]
    for mention in rows(out, "mention"):
        if mention["feedback_id"] == found["N001"]["feedback_id"]:
            assert mention["clause"] in TEXTS[7]
    assert found["N001"]["run_id"] == "r000002"


def test_update_to_another_day(tmp_path):
    """A row that comes again under another day moves there; its old partition loses it."""
    out = tmp_path / "out"
    first = [row(1, day=1), row(2, day=1), row(3, day=2)]
    run(out, a=write_csv(tmp_path / "a.csv", first))
    (count,) = run(out, a=write_csv(tmp_path / "a.csv", [row(1, day=4), row(3, day=1)])).counts
    assert (count.rows_kept, count.rows_updated) == (0, 2)
    days = {r["source_id"]: r["dt"] for r in rows(out, "feedback")}
    assert days == {"N001": date(2026, 3, 4), "N002": date(2026, 3, 1), "N003": date(2026, 3, 1)}
    assert not (out / "feedback/source=a/dt=2026-03-02/part.parquet").exists()
    assert not (out / "mention/source=a/dt=2026-03-02/part.parquet").exists()
    known = {r["feedback_id"]: r["dt"] for r in rows(out, "feedback")}
    assert all(known[m["feedback_id"]] == m["dt"] for m in rows(out, "mention"))


def test_moving_there_and_back(tmp_path):
    """A row moved to another day and back leaves the tables as they were, but for run_id."""
    out = tmp_path / "out"
    for day in (1, 2, 1):
        run(out, a=write_csv(tmp_path / "a.csv", [row(1, day=day), row(2, day=1)]))
    assert {(r["source_id"], r["dt"].day) for r in rows(out, "feedback")} == {
        ("N001", 1),
        ("N002", 1),
    }


def test_same_id_other_text(tmp_path):
    """An id twice in one run with two texts: the last stands, the first is rejected."""
    path = write_csv(tmp_path / "a.csv", [row(1, TEXTS[0]), row(2), row(1, TEXTS[4], day=2)])
    (count,) = run(tmp_path / "out", a=path).counts
    assert (count.rows_kept, count.rows_updated, count.rows_rejected) == (2, 0, 1)
    (gone,) = rows(tmp_path / "out", "rejected")
    assert (gone["reason"], gone["payload"], gone["row"], gone["file"]) == (
        "superseded", TEXTS[0], 1, "a.csv",
    )  # fmt: skip
    texts = {r["source_id"]: r["text"] for r in rows(tmp_path / "out", "feedback")}
    assert texts["N001"] == TEXTS[4]


def test_identical_repeat(tmp_path):
    """An id twice in one run with the same text is one row, updated once."""
    path = write_csv(tmp_path / "a.csv", [row(1), row(1), row(2)])
    (count,) = run(tmp_path / "out", a=path).counts
    assert (count.rows_kept, count.rows_updated, count.rows_rejected) == (2, 1, 0)


def test_same_words_of_two_customers(tmp_path):
    """Rows without an id that say the same at the same time are both kept, also in a re-run."""
    given_rows = [row(5, id_=""), row(5, id_=""), row(6, id_="")]
    path = write_csv(tmp_path / "a.csv", given_rows)
    (count,) = run(tmp_path / "out", a=path).counts
    assert count.rows_kept == 3
    assert len({r["feedback_id"] for r in rows(tmp_path / "out", "feedback")}) == 3
    write_csv(path, [*given_rows, row(5, id_="")])
    (count,) = run(tmp_path / "out", a=path).counts
    assert (count.rows_kept, count.rows_updated) == (1, 3)


def test_late_row(tmp_path):
    """A late row rewrites its own day; the files of other days and sources stay untouched."""
    out = tmp_path / "out"
    given_rows = [row(n, day=1 + n % 3) for n in range(9)]
    other = write_csv(tmp_path / "b.csv", [row(1), row(2)])
    run(out, a=write_csv(tmp_path / "a.csv", given_rows), b=other)
    state = {
        p: (p.stat().st_mtime_ns, p.read_bytes()) for p in (out / "feedback").rglob("*.parquet")
    }
    state |= {
        p: (p.stat().st_mtime_ns, p.read_bytes()) for p in (out / "mention").rglob("*.parquet")
    }
    late = row(70, TEXTS[2], day=2)
    report = run(out, a=write_csv(tmp_path / "a.csv", [*given_rows, late]), b=other)
    assert [c.partitions for c in report.counts] == [1, 0]
    changed = {p for p, (time, data) in state.items()
               if (p.stat().st_mtime_ns, p.read_bytes()) != (time, data)}  # fmt: skip
    assert {p.parent.relative_to(out).as_posix() for p in changed} <= {
        "feedback/source=a/dt=2026-03-02", "mention/source=a/dt=2026-03-02",
    }  # fmt: skip
    assert len(changed) == 2


def test_window(tmp_path):
    """--since and --until take their days only, both included, and are written to the ledger."""
    path = write_csv(tmp_path / "a.csv", [row(n, day=1 + n % 4) for n in range(12)])
    window = pipeline.Window(date(2026, 3, 2), date(2026, 3, 3))
    (count,) = run(tmp_path / "out", window=window, a=path).counts
    assert (count.rows_read, count.rows_kept, count.rows_outside) == (6, 6, 6)
    assert "6 行不在所选日期（--since/--until）内，未读入" in count.warnings
    assert {r["dt"].day for r in rows(tmp_path / "out", "feedback")} == {2, 3}
    entry = ledger(tmp_path / "out", "r000001")["a"]
    assert (entry["since"], entry["until"]) == (date(2026, 3, 2), date(2026, 3, 3))
    (count,) = run(tmp_path / "out", a=path).counts
    assert (count.rows_kept, count.rows_updated, count.rows_outside) == (6, 6, 0)


def test_day_is_of_the_configured_zone(tmp_path):
    """A feedback's day is the one in the configured time zone, not in UTC."""
    path = tmp_path / "a.csv"
    path.write_text(f"id,time,text\n1,2026-03-01T23:30:00Z,{TEXTS[0]}\n", encoding="utf-8")
    run(tmp_path / "out", a=path)
    assert rows(tmp_path / "out", "feedback")[0]["dt"] == date(2026, 3, 2)


def test_only_one_source(tmp_path):
    """`only` runs the sources named and leaves the others out of the counts."""
    config = settings(
        tmp_path / "out",
        a=write_csv(tmp_path / "a.csv", [row(1)]),
        b=write_csv(tmp_path / "b.csv", [row(2)]),
    )
    report = pipeline.run(config, only=["b"])
    assert [c.source for c in report.counts] == ["b"]
    assert {r["source"] for r in rows(tmp_path / "out", "feedback")} == {"b"}


# Failures ---------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["gone", "cut", "second"])
def test_failing_source(tmp_path, bad):
    """A source that cannot be read keeps its tables, is recorded, and does not stop the others."""
    out = tmp_path / "out"
    a = write_csv(tmp_path / "a.csv", [row(1), row(2)])
    b = write_csv(tmp_path / "b" / "1.csv", [row(3), row(4, "")])
    run(out, a=a, b=b.parent)
    before = {name: data for name, data in tables(out).items() if "source=b" in name}
    assert len(before) == 3
    write_csv(a, [row(1), row(2), row(5)])
    if bad == "gone":
        b.unlink()
    elif bad == "cut":
        b.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    else:  # read well until the second file
        write_csv(b, [row(n) for n in range(6, 9)])
        (b.parent / "2.xlsx").write_bytes(b"PK")
    report = run(out, a=a, b=b.parent)
    assert [(c.source, c.status) for c in report.counts] == [("a", "completed"), ("b", "failed")]
    assert [c.source for c in report.failed] == ["b"]
    assert report.counts[0].rows_kept == 1
    assert {n: d for n, d in tables(out).items() if "source=b" in n} == before
    entry = ledger(out, report.run_id)["b"]
    assert entry["status"] == "failed"
    assert entry["error"]
    assert entry["rows_read"] == entry["rows_kept"] == 0


def test_failing_source_makes_no_topics(tmp_path, monkeypatch):
    """Texts of a source that failed in its second file take no part in the topics."""
    small_batches(monkeypatch, 50)
    write_csv(tmp_path / "b" / "1.csv", [row(n, f"{TEXTS[n % 12]}第{n}次来") for n in range(120)])
    (tmp_path / "b" / "2.xlsx").write_bytes(b"PK")
    run(tmp_path / "out", a=write_csv(tmp_path / "a.csv", [row(1)]), b=tmp_path / "b")
    assert rows(tmp_path / "out", "topic") == []


def test_lost_partition(tmp_path):
    """A mapper that loses a partition is found out: the run fails and the ledger says so."""
    path = write_csv(tmp_path / "a.csv", [row(n, day=1 + n % 3) for n in range(9)])
    config = settings(tmp_path / "out", a=path)
    with pytest.raises(ConservationError, match="'a': read 9"):
        pipeline.run(config, map=lambda function, tasks: map(function, tasks[1:]))
    assert ledger(tmp_path / "out", "r000001")["a"]["status"] == "failed"
    assert not (tmp_path / "out" / "_staging").exists()
    (count,) = run(tmp_path / "out", a=path).counts
    assert balanced(count)
    assert len(rows(tmp_path / "out", "feedback")) == 9


def test_unforeseen_error(tmp_path):
    """An error that is not ours is passed on, and the ledger has its kind but not its words."""
    path = write_csv(tmp_path / "a.csv", [row(1)])

    def mapper(function, tasks):
        raise ZeroDivisionError("13912345678")

    with pytest.raises(ZeroDivisionError):
        pipeline.run(settings(tmp_path / "out", a=path), map=mapper)
    entry = ledger(tmp_path / "out", "r000001")["a"]
    assert (entry["status"], entry["error"]) == ("failed", "defect: ZeroDivisionError")


@pytest.mark.parametrize("done", [0, 1])
def test_row_that_moves_in_a_run_that_dies(tmp_path, done):
    """A run that dies while a row moves to another day never leaves it nowhere; the next mends it."""
    out = tmp_path / "out"
    run(out, a=write_csv(tmp_path / "a.csv", [row(1, day=5), row(2, day=1)]))
    path = write_csv(tmp_path / "a.csv", [row(1, day=3), row(2, day=1)])

    def mapper(function, tasks):
        for task in tasks[:done]:
            yield function(task)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pipeline.run(settings(out, a=path), map=mapper)
    assert {r["source_id"] for r in rows(out, "feedback")} == {"N001", "N002"}
    (count,) = run(out, a=path).counts
    assert balanced(count)
    found = [(r["source_id"], r["dt"].day) for r in rows(out, "feedback")]
    assert sorted(found) == [("N001", 3), ("N002", 1)]


def test_mended_row_leaves_rejected(tmp_path):
    """A row that was rejected and is mended in its file is in `rejected` no longer."""
    out = tmp_path / "out"
    other = write_csv(tmp_path / "in" / "b.csv", [row(8, "")])
    path = write_csv(tmp_path / "in" / "a.csv", [row(1), row(2, "")])
    run(out, a=path.parent)
    assert len(rows(out, "rejected")) == 2
    write_csv(path, [row(1), row(2)])
    run(out, a=path.parent)
    assert [r["file"] for r in rows(out, "rejected")] == [other.name]
    write_csv(path, [row(1), row(2, "")])
    window = pipeline.Window(date(2026, 3, 9), None)
    run(out, window=window, a=path.parent)
    assert len(rows(out, "rejected")) == 1


def test_topics_reach_every_partition(tmp_path):
    """The run that finds the topics assigns them in the partitions of earlier runs, too."""
    out = tmp_path / "out"
    a = write_csv(
        tmp_path / "a.csv", [row(n, f"{TEXTS[n % 12]}来过{n}次", day=1) for n in range(60)]
    )
    run(out, a=a)
    assert rows(out, "topic") == []
    b = write_csv(tmp_path / "b.csv", [row(n, f"{TEXTS[n % 12]}第{n}回", day=2) for n in range(60)])
    pipeline.run(settings(out, a=a, b=b), only=["b"])
    assert rows(out, "topic") != []
    found = rows(out, "feedback")
    assert {r["source"] for r in found if r["topic_id"] is not None} == {"a", "b"}
    assert len(found) == 120


def test_everything_rejected(tmp_path):
    """A source of nothing but unusable rows is complete, with every row in `rejected`."""
    path = write_csv(tmp_path / "a.csv", [row(1, ""), row(2, " "), {"raw": "1,2,3,4,5,6"}])
    (count,) = run(tmp_path / "out", a=path).counts
    assert (count.rows_read, count.rows_rejected, count.rows_kept) == (3, 3, 0)
    assert {r["reason"] for r in rows(tmp_path / "out", "rejected")} == {
        "empty_text", "too_many_fields",
    }  # fmt: skip
    assert rows(tmp_path / "out", "feedback") == []


def test_header_only(tmp_path):
    """A file without rows is complete and says that nothing was read."""
    (count,) = run(tmp_path / "out", a=write_csv(tmp_path / "a.csv", [])).counts
    assert (count.status, count.rows_read) == ("completed", 0)
    assert "没有读到任何行" in count.warnings


def test_undecodable_row(tmp_path):
    """A row whose text no encoding explains is rejected; the rows around it are kept."""
    path = write_csv(tmp_path / "a.csv", [row(n) for n in range(8)])
    path.write_bytes(path.read_bytes().replace("耐心".encode(), b"\xff\xff\xff"))
    (count,) = run(tmp_path / "out", a=path).counts
    assert (count.rows_kept, count.rows_rejected) == (7, 1)
    assert rows(tmp_path / "out", "rejected")[0]["reason"] == "undecodable"


def test_huge_text(tmp_path):
    """A text of 5 MB is rejected as too long, its payload cut; the other rows are kept."""
    path = write_csv(tmp_path / "a.csv", [row(1, "慢" * 1_700_000), row(2)])
    (count,) = run(tmp_path / "out", a=path).counts
    assert (count.rows_kept, count.rows_rejected) == (1, 1)
    (gone,) = rows(tmp_path / "out", "rejected")
    assert gone["reason"] == "too_long"
    assert len(gone["payload"]) <= 500


def test_all_null_text(tmp_path):
    """A text column of nothing but nulls rejects every row as empty."""
    path = tmp_path / "a.csv"
    path.write_text("id,text\n1,\n2,\n", encoding="utf-8")
    (count,) = run(tmp_path / "out", a=path).counts
    assert (count.rows_read, count.rows_rejected) == (2, 2)


def test_renamed_onto_another_column(tmp_path):
    """A column renamed to the name of another one does not stop the run, or a reader."""
    path = tmp_path / "a.csv"
    path.write_text(f"id,text,branch,fendian,_note_time\n1,{TEXTS[0]},旧,新,注\n", encoding="utf-8")
    config = check(
        {
            "warehouse": {"path": str(tmp_path / "out")},
            "measures": {"group": "branch"},
            "sources": {"a": {"path": str(path), "columns": {"branch": "fendian"}}},
        }
    )
    pipeline.run(config)
    (found,) = rows(tmp_path / "out", "feedback")
    extra = found["extra"]
    assert len(extra) == len(dict(extra)) == 3
    assert dict(extra)["branch"] == "新"
    assert {r["group_id"] for r in rows(tmp_path / "out", "sq_scores")} >= {"新"}


def test_lone_surrogates(tmp_path):
    """Half an emoji in any field of a JSON record does not stop the run."""
    path = tmp_path / "a.jsonl"
    path.write_text(r'{"text": "不错\ud83d", "id": "\ud83d", "\udc00": "x", "n": "\udc00"}')
    (count,) = run(tmp_path / "out", a=path).counts
    assert count.rows_kept == 1


# What the tables say --------------------------------------------------------------


def test_evidence_is_in_the_text(tmp_path):
    """text[start:end] is the first evidence of every mention, within its clause."""
    given_rows = [
        row(n, f"{TEXTS[n % 12]}{TEXTS[(7 * n + 1) % 12]}", day=1 + n % 2) for n in range(30)
    ]
    run(tmp_path / "out", a=write_csv(tmp_path / "a.csv", given_rows))
    texts = {r["feedback_id"]: r["text"] for r in rows(tmp_path / "out", "feedback")}
    found = rows(tmp_path / "out", "mention")
    assert len(found) > 20
    for mention in found:
        text = texts[mention["feedback_id"]]
        assert text[mention["start"] : mention["end"]] == mention["evidence"][0]
        assert mention["clause"] in text


def test_duplicates_and_default_texts(tmp_path):
    """Duplicates and the platform's own texts are kept, and change no score."""
    plain = [row(n, day=1) for n in range(12)]
    noise = [
        row(30, TEXTS[0]),
        row(31, TEXTS[4]),
        row(32, "此用户没有填写评价"),
        row(33, "系统默认好评"),
    ]
    run(tmp_path / "plain", a=write_csv(tmp_path / "a.csv", plain))
    (count,) = run(tmp_path / "noisy", a=write_csv(tmp_path / "a.csv", plain + noise)).counts
    assert (count.rows_kept, count.rows_duplicate, count.rows_default_text) == (16, 2, 2)
    found = {r["source_id"]: r for r in rows(tmp_path / "noisy", "feedback")}
    ids = {r["feedback_id"]: s for s, r in found.items()}
    assert ids[found["N030"]["duplicate_of"]] == "N000"
    assert found["N032"]["is_default_text"]
    judged = ("sentiment", "sentiment_label", "feedback_type", "severity")
    assert [found["N032"][name] for name in judged] == [0, "neutral", None, 0]
    scores = [
        [r | {"run_date": None} for r in rows(tmp_path / name, "sq_scores")]
        for name in ("plain", "noisy")
    ]
    assert scores[0] == scores[1] != []


def test_ledger_balances(tmp_path):
    """The ledger has, for every run and source, the counts the caller was given."""
    path = write_csv(tmp_path / "a.csv", [row(1), row(1), row(2, ""), row(3)])
    report = run(tmp_path / "out", a=path)
    entry = ledger(tmp_path / "out", report.run_id)["a"]
    for name, value in vars(report.counts[0]).items():
        assert entry[name] == value, name
    assert entry["finished_at"] >= entry["started_at"]
    assert entry["settings_hash"] == settings(tmp_path / "x", a=path).hash
    house = Warehouse(tmp_path / "out")
    assert house.count("a") == 2
