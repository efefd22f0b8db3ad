"""Which files are read, in which order, and how a damaged one is reported."""

from __future__ import annotations

import gzip
import io
import os
import random
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from source_files import ROWS, encoded, packed, parquet, raw, records, workbook

from kesheng.errors import SourceError
from kesheng.settings import FileSource
from kesheng.sources import files

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 8


def names(pattern: Path | str) -> list[str]:
    """Names of the documents read, in order."""
    return list(dict.fromkeys(b.file for b in files.read(FileSource(path=str(pattern)))))


def test_folder_in_order_of_names(put, tmp_path):
    """A folder's files are read in the order of their names, sub-folders too."""
    for name in ("in/b.csv", "in/a.csv", "in/c/d.csv"):
        put(name, "text\n挺好\n")
    assert [Path(n).name for n in names(tmp_path / "in")] == ["a.csv", "b.csv", "d.csv"]


def test_glob(put, tmp_path):
    """A glob takes what it matches, in order."""
    for name in ("2026-02.csv", "2026-01.csv", "notes.txt"):
        put(name, "text\n挺好\n")
    assert names(tmp_path / "2026-*.csv") == ["2026-01.csv", "2026-02.csv"]


def test_hidden_files_are_left_out(put, tmp_path):
    """Hidden files, Excel's lock files and what lies in hidden folders are left out."""
    for name in ("in/a.csv", "in/.b.csv", "in/~$c.csv", "in/.trash/d.csv"):
        put(name, "text\n挺好\n")
    assert names(tmp_path / "in") == ["a.csv"]


def test_folder_below_a_hidden_one(put, tmp_path):
    """A folder that lies below a hidden one is read when it is the one asked for."""
    put(".cache/in/a.csv", "text\n挺好\n")
    assert names(tmp_path / ".cache" / "in") == ["a.csv"]


def test_other_files_of_a_folder_are_left_out(put, tmp_path):
    """A folder's files of unknown endings are no sources."""
    put("in/a.csv", "text\n挺好\n")
    put("in/readme.md", "# 说明")
    assert names(tmp_path / "in") == ["a.csv"]


@pytest.mark.parametrize("name", ["b.zip", "B.ZIP"])
def test_archives_in_a_folder(put, tmp_path, name):
    """Archives in a folder are opened, whatever the case of their ending."""
    put("in/a.csv", "text\n挺好\n")
    put(f"in/{name}", packed(encoded(ROWS, "csv"), "x.csv", "zip")[1])
    assert len(records(tmp_path / "in")) == 5


def test_same_name_in_two_folders(put, tmp_path):
    """Files of one name in two folders are told apart."""
    put("in/01/reviews.csv", "text\n挺好\n")
    put("in/02/reviews.csv", "text\n一般\n")
    assert len(names(tmp_path / "in")) == 2
    assert len(names(f"{tmp_path}/in/*/reviews.csv")) == 2


def test_nothing_there(tmp_path):
    """A pattern that matches nothing is an error that names it and says what to give."""
    with pytest.raises(SourceError, match=r"找不到文件 '.*nowhere.*'；请给出文件"):
        raw(tmp_path / "nowhere" / "*.csv")


def test_empty_folder(tmp_path):
    """A folder without a readable file is an error, not an empty source."""
    with pytest.raises(SourceError, match="找不到文件"):
        raw(tmp_path)


def test_name_with_glob_characters(put):
    """A file whose name looks like a glob is that file."""
    assert len(raw(put("评价[3月].csv", "text\n挺好\n"))[0]) == 1


def test_name_that_is_no_utf8(put, tmp_path):
    """A file name in another encoding than the system's can be read and reported."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xc6\xc0\xbc\xdb.csv"))
    path.write_bytes("text\n挺好\n".encode())
    for batch in files.read(FileSource(path=str(tmp_path))):
        assert batch.file.encode()
        assert batch.rows == [1]


def test_zip_members(put):
    """Members are read in the order of their names; other files and Mac leftovers are not."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("b/二月.csv", "a/一月.csv", "__MACOSX/a/._一月.csv", "readme.md", ".x.csv"):
            archive.writestr(name, "text\n挺好\n")
    assert names(put("all.zip", out.getvalue())) == ["all.zip/a/一月.csv", "all.zip/b/二月.csv"]


def test_zip_without_dates(put):
    """An archive whose members carry no date (1980-00-00) is read."""
    _, data = packed(encoded(ROWS, "csv"), "a.csv", "zip")
    broken = bytearray(data)
    for mark, place in ((b"PK\x03\x04", 10), (b"PK\x01\x02", 12)):
        at = broken.index(mark) + place
        broken[at : at + 4] = b"\x00\x00\x00\x00"
    assert len(records(put("a.zip", bytes(broken)))) == 4


def test_zip_of_nothing_readable(put):
    """An archive without a readable member is an error naming it."""
    _, data = packed(b"x", "readme.md", "zip")
    with pytest.raises(SourceError, match=r"readme\.zip：压缩包中没有能读的文件"):
        raw(put("readme.zip", data))


def test_encrypted_zip(put):
    """An encrypted archive is refused by name, with what to do."""
    _, data = packed(encoded(ROWS, "csv"), "a.csv", "zip")
    locked = bytearray(data)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = locked.index(mark) + place
        locked[at : at + 2] = struct.pack("<H", 1)
    with pytest.raises(SourceError, match=r"a\.zip：a\.csv 已加密；请先解压"):
        raw(put("a.zip", bytes(locked)))


def test_empty_file(put):
    """A file of 0 bytes is an error naming it."""
    for kind in ("csv", "jsonl", "xlsx", "parquet", "zip", "txt", "json", "csv.gz"):
        with pytest.raises(SourceError, match=rf"empty\.{kind}：文件是空的"):
            raw(put(f"empty.{kind}", b""))


def test_blank_file(put):
    """A CSV file of nothing but blank lines is an error naming it."""
    with pytest.raises(SourceError, match=r"a\.csv：文件是空的；首行应为表头"):
        raw(put("a.csv", "\n \n"))


def test_empty_workbook(put):
    """A workbook without a filled cell is an error naming it."""
    with pytest.raises(SourceError, match=r"a\.xlsx：工作簿是空的"):
        raw(put("a.xlsx", workbook([[]])))


@pytest.mark.parametrize("kind", ["csv", "tsv", "txt", "jsonl", "json", "xlsx", "parquet", "zip"])
def test_picture_under_a_wrong_name(put, kind):
    """A PNG under any known ending is an error naming the file."""
    with pytest.raises(SourceError, match=rf"photo\.{kind}"):
        raw(put(f"photo.{kind}", PNG))
    with pytest.raises(SourceError, match=rf"photo\.{kind}\.gz"):
        raw(put(f"photo.{kind}.gz", PNG))


def test_unknown_ending(put):
    """An unknown ending is an error that lists the known ones."""
    with pytest.raises(SourceError, match=r"a\.docx：从文件名看不出格式.*\.csv.*\.parquet"):
        raw(put("a.docx", "x"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}', "没有完整的 JSON 记录数组"),
        ("3", "没有完整的 JSON 记录数组"),
        ('[{"text": "挺好"}, {"te', "JSON 不完整"),
        ("[{'text': 1}]", "JSON 不完整"),
        ('[{"text": "挺好"}] x', "JSON 不完整"),
        ("[" * 200_000, "JSON"),
        ('[{"text": "挺好", "n": ' + "9" * 5000 + "}]", "JSON"),
    ],
)
def test_bad_json_file(put, content, message):
    """A JSON file that is cut off or holds no records is an error naming it."""
    with pytest.raises(SourceError, match=rf"a\.json：.*{message}"):
        raw(put("a.json", content))


@pytest.mark.parametrize("cut", ['"text": 13912345678x', '"tel": "13912345678" "', "13912345678 "])
def test_json_error_quotes_no_data(put, cut):
    """What is said of a damaged JSON file does not quote its data."""
    with pytest.raises(SourceError) as caught:
        raw(put("a.json", '[{"text": "挺好", "tel": "13912345678"}, {' + cut))
    assert "139123" not in str(caught.value)


def test_json_of_empty_arrays(put):
    """A JSON file whose array is empty has no rows, which is no error."""
    for content in ("[]", '{"code": 0, "data": [ ]}'):
        assert raw(put("a.json", content)) == ([], [])


def test_broken_sheet(put):
    """A workbook whose sheet is not well-formed is an error naming it."""
    data = workbook([["id", "text"], ["1", "挺好"]])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            new.writestr(
                info, content[: len(content) // 2] if "sheet1" in info.filename else content
            )
    with pytest.raises(SourceError, match=r"a\.xlsx：不是可读的 XLSX"):
        raw(put("a.xlsx", out.getvalue()))


def test_zip_bomb_header(put):
    """A gzip file that is not one is an error naming it."""
    with pytest.raises(SourceError, match=r"a\.csv\.gz：文件损坏"):
        raw(put("a.csv.gz", b"text\n" * 10))


def test_gzip_with_a_wrong_checksum(put):
    """A gzip file whose checksum is wrong is damaged, not read."""
    data = bytearray(gzip.compress(encoded(ROWS, "csv")))
    data[-8] ^= 0xFF
    with pytest.raises(SourceError, match=r"a\.csv\.gz：文件损坏"):
        raw(put("a.csv.gz", bytes(data)))


BINARY = {
    "a.csv.gz": packed(encoded(ROWS, "csv"), "a.csv", "gz")[1],
    "a.zip": packed(encoded(ROWS, "csv"), "a.csv", "zip")[1],
    "a.xlsx": encoded(ROWS, "xlsx"),
    "a.parquet": encoded(ROWS, "parquet"),
    "a.json": encoded(ROWS, "json"),
}


@pytest.mark.parametrize("name", BINARY)
def test_cut_off_anywhere(put, name):
    """A file cut off anywhere is an error naming it, and nothing else is raised."""
    data = BINARY[name]
    step = max(1, len(data) // 60)
    for size in range(1, len(data) - 1, step):
        path = put(name, data[:size])
        with pytest.raises(SourceError, match=name.replace(".", r"\.")):
            raw(path)


@pytest.mark.parametrize("name", [n for n in BINARY if n != "a.json"])
def test_damaged_anywhere(put, name):
    """A file with wrong bytes in it is read or refused; no other error leaves the sources."""
    chance = random.Random(20260305)
    for _ in range(60):
        data = bytearray(BINARY[name])
        for _ in range(chance.choice((1, 3, 20))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path = put(name, bytes(data))
        try:
            records(path)
        except SourceError as error:
            assert name in str(error)  # noqa: PT017 - reading it is right, too


@pytest.mark.parametrize("kind", ["csv", "txt", "jsonl", "tsv"])
def test_random_bytes(put, kind):
    """Random bytes under a text ending are refused or read as broken rows, never a crash."""
    chance = random.Random(7)
    for size in (1, 2, 3, 17, 200, 5000):
        path = put(f"a.{kind}", chance.randbytes(size))
        try:
            rows, broken = raw(path)
        except SourceError as error:
            assert f"a.{kind}" in str(error)  # noqa: PT017 - reading it is right, too
        else:
            assert all(v is None or isinstance(v, str) for row in rows for v in row.values())
            assert all(b.reason and b.message for b in broken)


def test_unsupported_compression(put):
    """An archive packed in a way Python cannot unpack is an error naming it."""
    _, data = packed(encoded(ROWS, "csv"), "a.csv", "zip")
    other = bytearray(data)
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = other.index(mark) + place
        other[at : at + 2] = struct.pack("<H", 99)
    with pytest.raises(SourceError, match=r"a\.zip"):
        raw(put("a.zip", bytes(other)))


def test_wrong_crc_in_zip(put):
    """A member whose checksum is wrong is damaged, not read."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.csv", "text\nhello\n")
    data = out.getvalue().replace(b"hello", b"hullo")
    assert zlib.crc32(b"hello") != zlib.crc32(b"hullo")
    with pytest.raises(SourceError, match=r"a\.zip：文件损坏"):
        raw(put("a.zip", data))


def test_folder_named_like_a_file(tmp_path):
    """A folder called x.csv is searched like any folder."""
    (tmp_path / "x.csv").mkdir()
    with pytest.raises(SourceError, match="找不到文件"):
        raw(tmp_path / "x.csv")


def test_parquet_encrypted_magic(put):
    """A Parquet file with an encrypted footer is an error naming it."""
    data = parquet({"text": ["挺好"]})
    with pytest.raises(SourceError, match=r"a\.parquet"):
        raw(put("a.parquet", data[:-4] + b"PARE"))
