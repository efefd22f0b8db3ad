"""The sample holds what its README says, and a run of it finds that."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest

from kesheng import pipeline
from kesheng.configuration import load

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's tables."""
    folder = tmp_path_factory.mktemp("sample")
    environment = {
        "KESHENG_WAREHOUSE__PATH": str(folder),
        "KESHENG_PRIVACY__KEY": "a key for the tests only",
    }
    pipeline.run(load(ROOT / "kesheng.toml", environ=environment))
    return folder


def query(warehouse: Path, sql: str) -> list[tuple]:
    """Rows of a query over the tables, {name} standing for a table's files."""
    tables = {
        name: f"read_parquet('{warehouse}/{name}/**/*.parquet', hive_partitioning = true)"
        for name in (
            "feedback",
            "mention",
            "rejected",
            "run",
            "topic",
            "topic_dimension",
            "sq_scores",
        )
    }
    with duckdb.connect() as db:
        return db.execute(sql.format(**tables)).fetchall()


def test_counts_are_those_of_the_readme(warehouse: Path) -> None:
    """Read, kept, updated, rejected, duplicates and default texts of each source."""
    rows = query(
        warehouse,
        "SELECT source, rows_read, rows_kept, rows_updated, rows_rejected, rows_duplicate, "
        "rows_default_text FROM {run} ORDER BY source",
    )
    assert rows == [
        ("auto", 69, 67, 0, 2, 2, 0),
        ("bank", 77, 75, 0, 2, 1, 0),
        ("ecommerce", 81, 77, 0, 4, 2, 3),
        ("hospital", 72, 70, 0, 2, 1, 0),
        ("retail", 81, 77, 1, 3, 2, 2),
    ]


def test_rejected_rows_say_why(warehouse: Path) -> None:
    """Each planned unusable row is in `rejected` with its reason."""
    rows = query(
        warehouse, "SELECT source, reason, count(*) FROM {rejected} GROUP BY ALL ORDER BY ALL"
    )
    assert rows == [
        ("auto", "empty_text", 2), ("bank", "empty_text", 2), ("ecommerce", "bad_json", 2),
        ("ecommerce", "empty_text", 1), ("ecommerce", "superseded", 1), ("hospital", "empty_text", 2),
        ("retail", "empty_text", 2), ("retail", "too_many_fields", 1),
    ]  # fmt: skip


def test_the_bad_week_of_a_branch_shows(warehouse: Path) -> None:
    """All 14 texts of 城南支行 in week 16 are negative, and far below those of its other weeks."""
    rows = query(
        warehouse,
        "SELECT strftime(dt, '%G-W%V') = '2026-W16' AS bad, count(*), avg(sentiment), "
        "count(*) FILTER (sentiment_label = 'negative') FROM {feedback} "
        "WHERE map_extract(extra, 'branch')[1] = '城南支行' GROUP BY ALL ORDER BY ALL",
    )
    (_, n_usual, usual, _), (_, n_bad, bad, n_negative) = rows
    assert (n_usual, n_bad, n_negative) == (13, 14, 14)
    assert bad < usual - 0.3


def test_every_mention_leads_back_to_its_words(warehouse: Path) -> None:
    """text[start:end] is the first evidence, and the clause lies in the text."""
    rows = query(
        warehouse,
        'SELECT f.text, m."start", m."end", m.evidence[1], m.clause '
        "FROM {mention} m JOIN {feedback} f USING (feedback_id)",
    )
    assert len(rows) > 500
    for text, start, end, evidence, clause in rows:
        assert text[start:end] == evidence
        assert clause in text


def readme_values(heading: str) -> list[str]:
    """Literal values in the paragraphs of the sample's README that start with `heading`."""
    readme = (ROOT / "data/sample/README.md").read_text(encoding="utf-8")
    part = readme[readme.index(heading) + len(heading) :]
    part = part[: part.index("\n\n", part.index("`"))] if "\n\n" in part.strip() else part
    return re.findall(r"`([^`]+)`", part)


def test_no_personal_data_of_the_sample_is_left(warehouse: Path) -> None:
    """None of the values that the sample's README lists is in a table or the report."""
    values = [v for v in readme_values("Must be masked:") if v != "order_no"]
    assert len(values) == 24
    written = json.dumps(
        query(warehouse, "SELECT text, source_id, extra::VARCHAR FROM {feedback}")
        + query(warehouse, "SELECT payload, message FROM {rejected}")
        + query(warehouse, "SELECT clause, evidence FROM {mention}"),
        ensure_ascii=False,
    )
    written += (warehouse / "report.html").read_text(encoding="utf-8")
    bare = re.sub(r"[\s-]", "", written)
    assert [v for v in values if v in written or re.sub(r"[\s-]", "", v) in bare] == []


def test_what_is_not_personal_survives(warehouse: Path) -> None:
    """Prices, dates, versions, model names and room numbers are still to be read."""
    values = [v for v in readme_values("Must survive masking") if "_" not in v]
    assert len(values) >= 15
    texts = "\n".join(text for (text,) in query(warehouse, "SELECT text FROM {feedback}"))
    assert [v for v in values if v not in texts] == []


def test_one_customer_keeps_one_pseudonym(warehouse: Path) -> None:
    """The number that two texts write in two ways has the same pseudonym in both."""
    rows = query(warehouse, "SELECT text FROM {feedback} WHERE text LIKE '%〔手机#%'")
    found = [p for (text,) in rows for p in re.findall(r"〔手机#[0-9a-f]+〕", text)]
    assert len(found) == 8
    assert len(set(found)) == 6


def test_topics_have_readable_chinese_names(warehouse: Path) -> None:
    """Every label is made of Chinese words; every topic's weights over dimensions sum to one."""
    labels = [label for (label,) in query(warehouse, "SELECT label FROM {topic}")]
    assert len(labels) >= 8
    assert all(re.fullmatch(r"[\u4e00-\u9fffA-Za-z·]+", label) for label in labels)
    sums = query(warehouse, "SELECT topic_id, sum(weight) FROM {topic_dimension} GROUP BY ALL")
    assert all(abs(total - 1) < 1e-9 for _, total in sums)


def test_scores_cover_every_view(warehouse: Path) -> None:
    """15 views and the canonical one, by day, week, month and all, source and branch."""
    assert query(warehouse, "SELECT count(DISTINCT view) FROM {sq_scores}") == [(16,)]
    groups = query(warehouse, "SELECT DISTINCT group_type FROM {sq_scores} ORDER BY ALL")
    assert groups == [("all",), ("branch",), ("source",)]
