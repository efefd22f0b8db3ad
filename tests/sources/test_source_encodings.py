"""Bytes in any encoding that Chinese exports come in give the text that was written."""

from __future__ import annotations

import codecs
import json

import pytest
from source_files import raw, records

from kesheng.sources.encoding import UNDECODABLE

TEXTS = [
    "门店在地铁口，找起来方便，停车也不收费。",
    "预约了下午三点，到店还是等了四十分钟。",
    "店员讲解细致，没有硬推会员卡。",
    "发票开错抬头，来回改了两次。",
]
TRADITIONAL = [
    "門市就在捷運站旁邊，找起來很方便，停車也不收費。",
    "預約了下午三點，到店還是等了四十分鐘。",
    "店員講解細緻，沒有硬推會員卡。",
    "發票開錯抬頭，來回改了兩次。",
]
ENCODINGS = {
    "utf-8": lambda s: s.encode("utf-8"),
    "utf-8-sig": lambda s: s.encode("utf-8-sig"),
    "gb18030": lambda s: s.encode("gb18030"),
    "gbk": lambda s: s.encode("gbk"),
    "utf-16-le-bom": lambda s: codecs.BOM_UTF16_LE + s.encode("utf-16-le"),
    "utf-16-be-bom": lambda s: codecs.BOM_UTF16_BE + s.encode("utf-16-be"),
    "utf-16-le": lambda s: s.encode("utf-16-le"),
    "utf-16-be": lambda s: s.encode("utf-16-be"),
    "utf-32-bom": lambda s: s.encode("utf-32"),
}


def content(kind: str, texts: list[str]) -> str:
    """Texts in a text format."""
    if kind == "csv":
        return "id,text\r\n" + "".join(f"{i},{t}\r\n" for i, t in enumerate(texts))
    if kind == "jsonl":
        return "".join(json.dumps({"text": t}, ensure_ascii=False) + "\n" for t in texts)
    if kind == "json":
        return json.dumps([{"text": t} for t in texts], ensure_ascii=False)
    return "".join(f"{t}\n" for t in texts)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "txt", "json"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encoding_is_found(put, kind, encoding):
    """The encoding of a file is found, with or without a BOM."""
    path = put(f"a.{kind}", ENCODINGS[encoding](content(kind, TEXTS)))
    assert [r["text"] for r in records(path)] == TEXTS


@pytest.mark.parametrize("kind", ["csv", "jsonl", "txt"])
def test_big5_is_found(put, kind):
    """Traditional text in Big5 is found to be that."""
    path = put(f"a.{kind}", content(kind, TRADITIONAL).encode("big5"))
    assert [r["text"] for r in records(path)] == TRADITIONAL


@pytest.mark.parametrize("kind", ["csv", "txt"])
def test_rare_characters_of_gb18030(put, kind):
    """Characters outside GBK, and an emoji, come through GB18030."""
    texts = ["掌柜姓䶮，待人和气😊", *TEXTS]
    path = put(f"a.{kind}", content(kind, texts).encode("gb18030"))
    assert [r["text"] for r in records(path)] == texts


@pytest.mark.parametrize(
    ("configured", "codec"),
    [
        ("gbk", "gbk"),
        ("GB2312", "gb2312"),
        ("utf8", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("UTF-8-SIG", "utf-8-sig"),
        ("utf_8_sig", "utf-8"),
        ("UTF-16", "utf-16"),
        ("utf_16_le", "utf-16-le"),
        ("UTF-16BE", "utf-16-be"),
        ("UTF-32", "utf-32"),
    ],
)
def test_configured_encoding(put, configured, codec):
    """A configured encoding is used under any of its names, BOM or not."""
    path = put("a.csv", content("csv", TEXTS).encode(codec))
    rows, _ = raw(path, encoding=configured)
    assert [list(r) for r in rows] == [["id", "text"]] * 4
    assert [r["text"] for r in rows] == TEXTS


def test_gb_lines_in_a_utf8_file(put):
    """GB18030 lines within a UTF-8 file are read as GB18030."""
    lines = content("csv", TEXTS * 3).splitlines(keepends=True)
    data = b"".join(
        line.encode("gb18030" if i in (3, 7) else "utf-8") for i, line in enumerate(lines)
    )
    assert [r["text"] for r in records(put("a.csv", data))] == TEXTS * 3


def test_utf8_lines_in_a_gb_file(put):
    """UTF-8 lines within a GB18030 file are read as UTF-8."""
    lines = content("csv", TEXTS * 3).splitlines(keepends=True)
    data = b"".join(
        line.encode("utf-8" if i in (2, 9) else "gb18030") for i, line in enumerate(lines)
    )
    assert [r["text"] for r in records(put("a.csv", data))] == TEXTS * 3


def test_mixed_jsonl(put):
    """JSON Lines of two encodings give every record."""
    lines = content("jsonl", TEXTS).splitlines(keepends=True)
    data = b"".join(line.encode("gb18030" if i == 1 else "utf-8") for i, line in enumerate(lines))
    rows, broken = raw(put("a.jsonl", data))
    assert [r["text"] for r in rows] == TEXTS
    assert broken == []


def test_undecodable_bytes_are_marked(put):
    """Bytes that no encoding explains are marked, in their own line only."""
    data = content("csv", TEXTS).encode().replace("四十".encode(), b"\xff\xff\xff")
    texts = [r["text"] for r in records(put("a.csv", data))]
    assert [UNDECODABLE in t for t in texts] == [False, True, False, False]
    assert texts[0] == TEXTS[0]


def test_long_file(put):
    """A file longer than the sample and the read size is decoded without a seam."""
    texts = [f"第{i}次到店，{TEXTS[i % 4]}" for i in range(45_000)]
    data = content("txt", texts).encode("gb18030")
    assert len(data) > 2 << 20
    assert [r["text"] for r in records(put("a.txt", data))] == texts


def test_ascii_file(put):
    """A file of nothing but ASCII is read."""
    assert raw(put("a.csv", b"id,text\n1,good service\n"))[0][0]["text"] == "good service"
