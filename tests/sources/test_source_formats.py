"""Every format, plain or packed, gives the rows that were written."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import openpyxl
import pyarrow as pa
import pytest
from source_files import ROWS, delimited, encoded, packed, parquet, raw, records, workbook

from kesheng.settings import FileSource
from kesheng.sources import batches, files, formats, json_files

KINDS = ("csv", "tsv", "xlsx", "json", "json-data", "jsonl", "parquet", "txt")


@pytest.mark.parametrize("packing", ["plain", "gz", "zip"])
@pytest.mark.parametrize("kind", KINDS)
def test_same_records(put, kind, packing):
    """A file of any kind, plain, .gz or .zip, holds the same texts in the same order."""
    path = put(*packed(encoded(ROWS, kind), f"reviews.{kind.partition('-')[0]}", packing))
    found = records(path)
    assert [r["text"] for r in found] == [r["评价内容"] for r in ROWS]
    assert [r["row"] for r in found] == [1, 2, 3, 4]


@pytest.mark.parametrize("packing", ["plain", "gz", "zip"])
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "txt"])
def test_same_roles(put, kind, packing):
    """A structured file of any kind, packed or not, gives the same ids, times, ratings and extras."""
    path = put(*packed(encoded(ROWS, kind), f"reviews.{kind.partition('-')[0]}", packing))
    found = records(path)
    assert [r["id"] for r in found] == [r["编号"] for r in ROWS]
    assert found[0]["at"] == datetime(2026, 3, 4, 2, 15, tzinfo=UTC)
    assert [r["rating"] for r in found] == [5, 2, 3, 5]
    assert [r["extra.门店"] for r in found] == ["滨河店", "滨河店", "东门店", "东门店"]


def test_upper_case_endings(put):
    """An ending in capitals (.CSV, .GZ) is the same ending."""
    assert len(records(put(*packed(encoded(ROWS, "csv"), "REVIEWS.CSV", "plain")))) == 4
    name, data = packed(encoded(ROWS, "csv"), "A.CSV", "gz")
    assert len(records(put(name.upper(), data))) == 4


def test_configured_format_beats_the_name(put):
    """A configured format is used whatever the file is called."""
    assert len(records(put("export.dat", encoded(ROWS, "jsonl")), format="jsonl")) == 4


# Delimited text -------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "，"])
def test_delimiter_is_found(put, delimiter):
    """The delimiter of a CSV file is found from its header line."""
    path = put("a.csv", delimited(ROWS, delimiter))
    assert [r["text"] for r in records(path)] == [r["评价内容"] for r in ROWS]


def test_quoted_line_break(put):
    """A line break inside quotes belongs to the text, and the next row is counted on."""
    path = put("a.csv", 'id,text\r\n1,"等了半天\r\n没人理"\r\n2,服务周到\r\n')
    assert [(r["row"], r["text"]) for r in records(path)] == [
        (1, "等了半天\r\n没人理"),
        (2, "服务周到"),
    ]


def test_too_many_fields(put):
    """A row with more fields than the header is broken, named and kept; the others are read."""
    rows, broken = raw(put("a.csv", "id,text\n1,慢,真的慢\n2,挺快\n"))
    assert rows == [{"id": "2", "text": "挺快"}]
    assert [(b.row, b.reason) for b in broken] == [(1, "too_many_fields")]
    assert broken[0].cells == {"id": "1", "text": "慢", "列3": "真的慢"}


def test_trailing_delimiters(put):
    """Empty fields past the header's width are no fields."""
    rows, broken = raw(put("a.csv", "id,text\n1,挺快,,\n"))
    assert rows == [{"id": "1", "text": "挺快"}]
    assert not broken


def test_too_few_fields(put):
    """Fields that a short row lacks are empty."""
    rows, _ = raw(put("a.csv", "id,text,门店\n1,挺快\n"))
    assert rows == [{"id": "1", "text": "挺快", "门店": None}]


@pytest.mark.parametrize("after", [0, 1, 5, 199, 300])
def test_unclosed_quote(put, after):
    """A quote that is never closed costs no row: its line is read with the quote as text."""
    lines = "".join(f"{i},第{i}位顾客说可以\n" for i in range(after))
    rows, broken = raw(put("a.csv", f'id,text\na,挺好\nb,"没有收尾的引号\n{lines}'))
    assert [r["id"] for r in rows] == ["a", "b", *map(str, range(after))]
    assert rows[1]["text"].strip() == '"没有收尾的引号'
    assert not broken


def test_two_unclosed_quotes(put):
    """Each quote that is not closed is found, also where the next one seems to close it."""
    rows, broken = raw(put("a.csv", 'id,text\n1,"没收尾\n2,中间\n3,"也没收尾\n4,末尾\n'))
    assert len(rows) + len(broken) == 4
    assert [r["id"] for r in rows] == ["1", "2", "3", "4"]


def test_text_after_a_closing_quote(put):
    """Text after a closing quote makes the quotes text, and costs nothing else."""
    rows, broken = raw(put("a.csv", 'id,text\n1,"环境干净"灯光亮堂\n2,"分两行\n写的"\n'))
    assert [r["text"] for r in rows] == ['"环境干净"灯光亮堂', "分两行\n写的"]
    assert not broken


def test_quote_inside_a_field(put):
    """A quotation mark within an unquoted field is a character like any other."""
    rows, broken = raw(put("a.csv", 'id,text\n1,所谓"专业"师傅\n2,行\n'))
    assert [r["text"] for r in rows] == ['所谓"专业"师傅', "行"]
    assert not broken


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.jsonl"])
def test_blank_lines(put, name):
    """Blank lines are no rows, before the first row or between rows."""
    body = {
        "a.csv": "\n\ntext\n\n挺好\n\n\n一般\n\n",
        "a.txt": "\n挺好\n \t\n一般\n\n",
        "a.jsonl": '\n{"text": "挺好"}\n\n{"text": "一般"}\n\n',
    }
    rows, broken = raw(put(name, body[name]))
    assert [r["text"].strip() for r in rows] == ["挺好", "一般"]
    assert not broken


def test_header_names(put):
    """Blanks around header names go; an empty or repeated name gets a number."""
    rows, _ = raw(put("a.csv", " text ,,text,\n挺好,甲,乙,丙\n"))
    assert rows == [{"text": "挺好", "列2": "甲", "text_3": "乙", "列4": "丙"}]


def test_nul_bytes(put):
    """NUL bytes within a CSV file do not stop it from being read."""
    rows, _ = raw(put("a.csv", "id,text\n1,屏幕\x00有划痕\n2,换货很快\n"))
    assert [r["text"].replace("\x00", "") for r in rows] == ["屏幕有划痕", "换货很快"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(put, end):
    """Unix, Windows and old Mac line ends all end a row."""
    rows, _ = raw(put("a.csv", end.join(["id,text", "1,挺好", "2,一般", ""])))
    assert [r["text"] for r in rows] == ["挺好", "一般"]


def test_no_line_end_at_the_end(put):
    """The last row counts without a line end, too."""
    assert len(raw(put("a.csv", "text\n挺好\n一般"))[0]) == 2


def test_header_only(put):
    """A file with a header and nothing else has columns and no rows."""
    rows, broken = raw(put("a.csv", "id,text\n"))
    assert rows == []
    assert broken == []


# JSON -----------------------------------------------------------------------


def test_nested_json(put):
    """Nested objects become dotted names; lists become JSON text."""
    line = {"text": "挺好", "user": {"city": "苏州", "tag": {"vip": True}}, "pics": ["a.jpg"]}
    rows, _ = raw(put("a.jsonl", json.dumps(line, ensure_ascii=False)))
    assert rows == [
        {"text": "挺好", "user.city": "苏州", "user.tag.vip": True, "pics": '["a.jpg"]'}
    ]


def test_deep_json(put):
    """JSON nested deeper than Python can follow is a broken line or a value, never a crash."""
    deep = '{"text": "挺好", "x": ' + "[" * 100_000 + "]" * 100_000 + "}"
    rows, broken = raw(put("a.jsonl", deep + '\n{"text": "一般"}\n'))
    assert [r["text"] for r in rows] == ["一般"]
    assert [b.row for b in broken] == [1]


@pytest.mark.parametrize("depth", [200, 600, 900, 1500, 5000])
def test_fairly_deep_json(put, depth):
    """JSON that loads but is too deep to be written back does not stop the file."""
    deep = '{"text": "挺好", "x": ' + "[" * depth + "]" * depth + "}"
    rows, broken = raw(put("a.jsonl", deep + '\n{"text": "一般"}\n'))
    assert rows[-1]["text"] == "一般"
    assert len(rows) + len(broken) == 2


def test_bad_json_line(put):
    """A cut JSON line is broken with its payload; the lines around it are read."""
    rows, broken = raw(put("a.jsonl", '{"text": "挺好"}\n{"text": "断\n{"text": "一般"}\n'))
    assert [r["text"] for r in rows] == ["挺好", "一般"]
    assert [(b.row, b.reason, b.cells[""].strip()) for b in broken] == [
        (2, "bad_json", '{"text": "断')
    ]


@pytest.mark.parametrize("line", ['"挺好"', "[1, 2]", "3", "null"])
def test_json_line_that_is_no_object(put, line):
    """A JSON line that is no object is broken as such."""
    rows, broken = raw(put("a.jsonl", line + '\n{"text": "一般"}\n'))
    assert len(rows) == 1
    assert broken[0].reason == "not_an_object"


def test_json_keys_differ(put):
    """Records with different keys share the union of them."""
    rows, _ = raw(put("a.json", '[{"text": "挺好", "a": 1}, {"text": "一般", "b": 2}]'))
    assert rows == [
        {"text": "挺好", "a": 1, "b": None},
        {"text": "一般", "a": None, "b": 2},
    ]


@pytest.mark.parametrize(
    "content",
    [
        '{"data": [{"text": "挺好"}]}',
        '{"result": {"page": 1, "list": [{"text": "挺好"}]}}',
        '{"tags": [], "data": [{"text": "挺好"}]}',
        '{"fields": ["text", "id"], "total": 1, "data": [{"text": "挺好"}]}',
        '\ufeff[{"text": "挺好"}]',
    ],
)
def test_json_array_is_found(put, content):
    """The array of objects is found at the top or in the first field that holds one."""
    assert raw(put("a.json", content))[0] == [{"text": "挺好"}]


def test_json_huge_integer(put):
    """An integer of thousands of digits makes at most its record unusable."""
    rows, broken = raw(put("a.jsonl", '{"text": "挺好", "n": ' + "9" * 5000 + "}\n"))
    assert len(rows) + len(broken) == 1


@pytest.mark.parametrize("piece", [1, 2, 7, 64])
def test_json_in_pieces(put, monkeypatch, piece):
    """However little of a JSON file is read at a time, its records are the same."""
    monkeypatch.setattr(json_files, "PIECE_BYTES", piece)
    data = {
        "note": 'x [{"} \\"',
        "n": [1, 2],
        "data": [*ROWS, {"text": "末", "n": 12}, 12],
        "z": [{}],
    }
    rows, broken = raw(put("a.json", json.dumps(data, ensure_ascii=False)), encoding="utf-8")
    assert [r["评价内容"] for r in rows[:4]] == [r["评价内容"] for r in ROWS]
    assert rows[4]["n"] == 12
    assert [(b.row, b.reason, b.cells[""]) for b in broken] == [(6, "not_an_object", "12")]


@pytest.mark.parametrize("kind", ["json", "jsonl"])
def test_lone_surrogates(put, kind):
    r"""A lone surrogate (\ud83d of a cut emoji) does not survive into names or values."""
    line = r'{"text": "挺好\ud83d", "id": "7\ud83d", "\udc00店": "东门\udc00"}'
    content = f"[{line}]" if kind == "json" else line
    (row,) = records(put(f"a.{kind}", content))
    for name, value in row.items():
        if isinstance(value, str):
            f"{name}{value}".encode()
    assert row["id"] == "7"


def test_json_numbers(put):
    """JSON numbers keep their value: integers stay integers, decimals become floats."""
    rows, _ = raw(put("a.json", '[{"text": "挺好", "n": 13800138000, "x": 4.5}]'))
    assert rows[0]["n"] == 13800138000
    assert rows[0]["x"] == 4.5


# Excel and Parquet -------------------------------------------------------------


def test_excel_cells(put):
    """A date cell is read as a time; a number cell gives no .0 to an id or a phone number."""
    cells = [
        ["id", "text", "time", "rating", "电话"],
        [1001.0, "师傅很负责", datetime(2026, 4, 2, 8, 30), 4.0, 13800138000],  # noqa: DTZ001
        [1002, "下次还来", date(2026, 4, 3), "5", 13800138000.0],
    ]
    found = records(put("a.xlsx", workbook(cells)))
    assert [r["id"] for r in found] == ["1001", "1002"]
    assert [r["extra.电话"] for r in found] == ["13800138000"] * 2
    assert [r["rating"] for r in found] == [4, 5]
    assert [r["at"] for r in found] == [
        datetime(2026, 4, 2, 0, 30, tzinfo=UTC),
        datetime(2026, 4, 2, 16, 0, tzinfo=UTC),
    ]


def test_excel_empty_sheet_first(put):
    """The first sheet that holds anything is read; blank rows before and between are none."""
    book = openpyxl.Workbook()
    sheet = book.create_sheet("回访")
    for row in ([], ["id", "text"], ["1", "挺好"], [None, "  "], ["2", "一般"]):
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    assert [r["text"] for r in records(put("a.xlsx", out.getvalue()))] == ["挺好", "一般"]


def test_excel_sheets(put):
    """Sheets with the first one's header are read on; another one is told of, not mixed in."""
    book = openpyxl.Workbook()
    for name, cells in (
        ("一月", [["id", "text"], ["1", "挺好"]]),
        ("二月", [["id", "text"], ["2", "一般"]]),
        ("说明", [["字段", "含义"], ["id", "编号"]]),
    ):
        sheet = book.create_sheet(name)
        for row in cells:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    path = put("a.xlsx", out.getvalue())
    assert [r["id"] for r in raw(path)[0]] == ["1", "2"]
    skipped = [b for b in files.read(FileSource(path=str(path))) if b.skipped]
    assert [b.file for b in skipped] == ["a.xlsx/说明"]


def test_excel_rows_wider_than_header(put):
    """A cell beyond the header's width neither stops the file nor shifts a column."""
    cells = [["id", "text"], ["1", "挺好"], ["2", "一般", "多出来的"]]
    rows, _ = raw(put("a.xlsx", workbook(cells)))
    assert [(r["id"], r["text"]) for r in rows] == [("1", "挺好"), ("2", "一般")]


def test_parquet_types(put):
    """Parquet times, decimals, categories and nulls are read as what they are."""
    columns = {
        "id": pa.array([7, 8, None], pa.int64()),
        "text": pa.array(["挺好", "一般", None]).dictionary_encode(),
        "ts": pa.array([datetime(2026, 5, 1, 9)] * 3, pa.timestamp("ns")),  # noqa: DTZ001
        "score": pa.array([Decimal("4.50"), Decimal("3.00"), None], pa.decimal128(5, 2)),
    }
    found = records(put("a.parquet", parquet(columns)))
    assert [(r["id"], r["text"]) for r in found] == [("7", "挺好"), ("8", "一般"), (None, "")]
    assert [r["rating"] for r in found] == [4.5, 3, None]
    assert {r["at"] for r in found} == {datetime(2026, 5, 1, 1, tzinfo=UTC)}


def test_parquet_nanoseconds(put):
    """A timestamp with nanoseconds is read to the microsecond."""
    ts = pa.array([1_777_597_200_000_000_123], pa.timestamp("ns", tz="UTC"))
    (row,) = records(put("a.parquet", parquet({"text": ["挺好"], "ts": ts})))
    assert row["at"] == datetime(2026, 5, 1, 1, tzinfo=UTC)


def test_parquet_time_out_of_range(put):
    """A timestamp beyond the year 9999 is an unusable time of its row."""
    ts = pa.array([400_000_000_000, 1_777_597_200], pa.timestamp("s"))
    found = records(put("a.parquet", parquet({"text": ["挺好", "一般"], "ts": ts})))
    assert [r["dated"] for r in found] == [False, True]


def test_parquet_all_null_text(put):
    """A text column of nothing but nulls gives empty texts, not an error."""
    path = put("a.parquet", parquet({"id": ["1", "2"], "text": pa.nulls(2)}))
    assert [r["text"] for r in records(path)] == ["", ""]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json", "parquet", "xlsx"])
def test_batches(put, monkeypatch, kind):
    """Small batches give the same rows with the same numbers as one batch."""
    path = put(f"a.{kind}", encoded(ROWS, kind))
    whole = records(path)
    monkeypatch.setattr(formats, "BATCH_ROWS", 1)
    monkeypatch.setattr(batches, "BATCH_ROWS", 1)
    assert records(path) == whole
