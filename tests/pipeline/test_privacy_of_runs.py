"""Nothing that a run writes or prints has personal data in it."""

from __future__ import annotations

import io
import pickle
import re
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console
from small_runs import KEY, run, settings, write_csv
from small_runs import row as make_row

from kesheng import pipeline
from kesheng.configuration import load, of_file
from kesheng.pipeline import ingest
from kesheng.report import console
from kesheng.sources import batches, files, formats
from kesheng.sources.records import as_text
from kesheng.text.privacy import Pseudonymiser

ROOT = Path(__file__).resolve().parents[2]
# What data/sample/README.md lists, as written there.
SAMPLE = (
    "139-0000-2468", "159 0000 1122", "159-0000-1122", "13700003141", "186-0000-5309", "138 0000 6427",
    "139 0000 8815", "13900008815", "010-5550 0182", "110101195812030003", "310101198706190004",
    "6217000000009876545", "6222020000001234566", "沪A·5T2K8", "粤B·D41960", "粤B72K50",
    "lin.mu_test@example.com", "wang_ceshi88@example.com", "nuanhe_fx2026", "2850001937",
    "202603280017349", "JG2026051100862", "临江区柳岸路12号院3号楼502室", "东湖区青云路88弄6号601室",
)  # fmt: skip
PERSONAL_COLUMNS = {"retail": "联系电话", "auto": "车牌", "ecommerce": "order_no"}


def bare(text: str) -> str:
    """Text without the blanks, dashes and dots that numbers are written with."""
    return re.sub(r"[\s·-]", "", text).upper()


def written(folder: Path) -> str:
    """Everything below a folder as text: Parquet by content and metadata, names of files, too."""
    parts = []
    for path in sorted(folder.rglob("*")):
        parts.append(path.name)
        if path.suffix == ".parquet":
            table = pq.ParquetFile(path).read()
            parts += [str(table.to_pylist()), str(table.schema.metadata)]
        elif path.is_file():
            parts.append(path.read_bytes().decode("utf-8", "replace"))
    return "\n".join(parts)


def printed(report: pipeline.RunReport) -> str:
    """The summary a person sees."""
    out = io.StringIO()
    console.summary(
        Console(file=out, width=300), run_id=report.run_id, warehouse=report.warehouse,
        page=report.page, counts=report.counts,
    )  # fmt: skip
    return out.getvalue()


def test_sample(tmp_path, monkeypatch, capfd):
    """No value of the sample's personal data is in any file, staged or final, nor in any output."""
    config = load(
        ROOT / "kesheng.toml",
        environ={"KESHENG_WAREHOUSE__PATH": str(tmp_path / "out"), "KESHENG_PRIVACY__KEY": KEY},
    )
    values = list(SAMPLE)
    for name, column in PERSONAL_COLUMNS.items():
        for batch in files.read(config.sources[name]):
            values += [text for v in batch.columns[column] if len(text := as_text(v)) > 4]
    assert len(values) > len(SAMPLE) + 10
    staged: list[str] = []

    def look(stage: str, done: int, total: int | None) -> None:
        if stage == "分析" and done == 1:
            staged.append(written(tmp_path / "out"))

    report = pipeline.run(config, progress=look)
    assert not report.failed
    assert "_staging" not in str(list((tmp_path / "out").iterdir()))
    output = capfd.readouterr()
    everything = [*staged, written(tmp_path / "out"), printed(report), output.out, output.err]
    assert "2026-05-14" in staged[0]  # the staged rows were looked at
    for text in everything:
        squeezed = bare(text)
        assert [v for v in values if v in text or bare(v) in squeezed] == []


PHONE = "13912345678"
NAMELESS = f"{PHONE},张小满,快递放门口就走，喊都喊不住\n{PHONE},李大年,派件员很客气，帮忙搬上楼\n"


@pytest.mark.parametrize(
    "content",
    [
        NAMELESS,  # the first row is taken for the header
        f"{PHONE},甲\n1,2\n",  # no text column: the error lists the columns
        f"id,text\n1,联系我{PHONE}\n1,联系他{PHONE}呀\n",  # superseded
        f"id,text\n1,联系我{PHONE},多一列\n",  # broken
        f'id,text\n1,"联系我{PHONE}\n没有收尾',  # unclosed
        f"id,text,time,rating\n1,挺好的服务,{PHONE},{PHONE}\n",  # notes
        f"id,text\n{PHONE},挺好的服务\n",  # the id
        f"text,其他\n,{PHONE}\n",  # payload of a rejected row
    ],
)
def test_wherever_a_phone_number_stands(tmp_path, content, capfd):
    """A phone number in a text, id, header, note, payload or error message leaves no trace."""
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    report = run(tmp_path / "out", a=path)
    output = capfd.readouterr()
    for text in (written(tmp_path / "out"), printed(report), output.out, output.err, repr(report)):
        assert PHONE not in text


@pytest.mark.parametrize("content", [
    f'{{"text": "联系我{PHONE}"',
    f'["联系我{PHONE}"]',
    f'{{"{PHONE}": "挺好的服务，下次再来", "甲": 1}}',
])  # fmt: skip
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_json_leaves_no_trace(tmp_path, name, content):
    """A phone number in damaged or odd JSON leaves no trace."""
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    report = run(tmp_path / "out", a=path)
    for text in (written(tmp_path / "out"), printed(report)):
        assert PHONE not in text


@pytest.mark.parametrize("before", range(486, 500))
def test_payload_is_cut_after_masking(before):
    """A number that the cut of a payload runs through is masked, not cut in half."""
    masker = Pseudonymiser(KEY.encode())
    batch = batches.RawBatch(
        "a.csv", datetime(2026, 3, 5, tzinfo=UTC), [1], {"t": ["x" * before + PHONE + "y" * 99]}
    )
    intake = ingest.Ingest(
        "a", settings(Path("out"), a=Path("a.csv")), masker, Path("none"), pipeline.Window()
    )
    assert "139123" not in intake._payload(batch, 0)


def test_the_key_does_not_travel(tmp_path):
    """The tasks handed to a mapper hold neither the key nor a row."""
    path = write_csv(tmp_path / "a.csv", [make_row(1), make_row(2, day=2)])
    seen = []

    def mapper(function, tasks):
        seen.extend(pickle.dumps(task) for task in tasks)
        return map(function, tasks)

    pipeline.run(settings(tmp_path / "out", a=path), map=mapper)
    assert len(seen) == 2
    for data in seen:
        assert KEY.encode() not in data
        assert "师傅".encode() not in data
        assert len(data) < 10_000


def test_modules_read_in_batches():
    """The three readers share one batch size, which the laws make small."""
    assert batches.BATCH_ROWS == formats.BATCH_ROWS


def test_no_figure_depends_on_the_key(tmp_path):
    """The sample under two keys, its hospital rows without ids, has the same scores and topics."""
    tables = []
    for key in ("schluessel-nummer-eins", "schluessel-nummer-zwei"):
        out = tmp_path / key
        environ = {"KESHENG_WAREHOUSE__PATH": str(out), "KESHENG_PRIVACY__KEY": key}
        pipeline.run(load(ROOT / "kesheng.toml", environ=environ))
        scores = pq.read_table(out / "sq_scores" / "part.parquet").drop_columns(["run_date"])
        topics = pq.read_table(out / "topic" / "part.parquet")
        ids = pq.read_table(out / "feedback", partitioning=None)["feedback_id"].to_pylist()
        tables.append((scores.to_pylist(), topics.to_pylist(), set(ids)))
    # Ids made of masked texts do differ: what is measured must not.
    assert tables[0][2] != tables[1][2]
    assert len(tables[0][0]) > 1000
    assert tables[0][:2] == tables[1][:2]


def test_a_number_in_a_files_name(tmp_path):
    """A customer's number in the name of a file is in no folder, no table and no report."""
    path = write_csv(tmp_path / "投诉13812345678.csv", [make_row(1), make_row(2, "")])
    config = of_file(str(path), columns={}, out=tmp_path / "out", environ={})
    assert list(config.sources) == ["投诉"]
    report = pipeline.run(config)
    assert report.counts[0].rows_rejected == 1
    assert "13812345678" not in written(tmp_path / "out") + printed(report)
    assert not [p for p in (tmp_path / "out").rglob("*") if "13812345678" in p.name]
