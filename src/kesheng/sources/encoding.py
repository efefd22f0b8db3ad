"""Bytes → lines of text: encoding found, mixed encodings borne, nothing dropped."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO, cast

import chardet

from kesheng.errors import SourceError

SAMPLE_BYTES = 1 << 18
CHUNK_BYTES = 1 << 20
# Stands for bytes that no encoding explains. A noncharacter, so that it cannot
# come from the text itself (U+FFFD can).
UNDECODABLE = "\ufffe"
# What Chinese exports are written in. chardet's other guesses (windows-1252 …)
# are taken for GB18030, the superset of GBK and GB2312.
_FAMILY = {
    "ascii": "utf-8", "utf-8": "utf-8", "utf-8-sig": "utf-8-sig", "gb2312": "gb18030",
    "gbk": "gb18030", "gb18030": "gb18030", "big5": "big5hkscs", "cp950": "big5hkscs",
    "big5hkscs": "big5hkscs", "utf-16": "utf-16", "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be", "utf-32": "utf-32", "utf-32-le": "utf-32-le", "utf-32-be": "utf-32-be",
}  # fmt: skip
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _mark(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return UNDECODABLE, error.end
    raise error


codecs.register_error("kesheng.mark", _mark)


def detect(sample: bytes) -> str:
    """Find the encoding of the start of a file.

    Returns:
        A Python codec name. A file whose lines are mostly UTF-8 is UTF-8, also
        when some lines are not.
    """
    for bom, name in _BOMS:
        if sample.startswith(bom):
            return name
    # UTF-16 has a NUL in every ASCII character; the other encodings have none
    # but by accident.
    if sample[:4096].count(0) <= len(sample[:4096]) // 20:
        foreign = [line for line in sample.splitlines()[:2000] if not line.isascii()]
        good = sum(_decodes(line, "utf-8") for line in foreign)
        if 2 * good >= len(foreign):
            return "utf-8"
    guess = chardet.detect(sample).get("encoding") or ""
    return _FAMILY.get(guess.lower(), "gb18030")


def lines(stream: BinaryIO, *, encoding: str | None, file: str) -> Iterator[str]:
    """Decode a stream, line by line, line ends kept, without its BOM.

    A line that is not in the file's encoding is tried in the others; bytes that
    none explains become `UNDECODABLE`.

    Raises:
        SourceError: the stream is no text.
    """
    sample = stream.read(SAMPLE_BYTES)
    chosen = codecs.lookup(encoding or detect(sample)).name
    _refuse_binary(sample, chosen, file)
    rest = cast(BinaryIO, io.BufferedReader(_Chained(sample, stream), CHUNK_BYTES))
    decoded = _decode(rest, chosen)
    for first in decoded:
        yield first.removeprefix("\ufeff")
        break
    yield from decoded


def _decode(stream: BinaryIO, encoding: str) -> Iterator[str]:
    if encoding.startswith(("utf-16", "utf-32")):
        yield from io.TextIOWrapper(stream, encoding, errors="kesheng.mark", newline="")
        return
    codec = "utf-8" if encoding == "utf-8-sig" else encoding
    for chunk in _whole_lines(stream):
        yield from _decode_chunk(chunk, codec)


def _decode_chunk(chunk: bytes, encoding: str) -> Iterator[str]:
    try:
        text = chunk.decode(encoding)
        # Chinese lines that are UTF-8 can pass for GB18030 or Big5 by accident.
        if encoding.startswith("utf-8") or not _looks_utf8(chunk):
            yield from io.StringIO(text, newline="")
            return
    except UnicodeDecodeError:
        pass
    for line in chunk.splitlines(keepends=True):
        yield _decode_line(line, encoding)


def _decode_line(line: bytes, encoding: str) -> str:
    foreign = sum(byte > 127 for byte in line)
    # A dozen bytes that form valid UTF-8 by chance do not happen.
    others = ("gb18030", "big5hkscs")
    order = ("utf-8", encoding, *others) if foreign >= 12 else (encoding, "utf-8", *others)
    for codec in order:
        try:
            return line.decode(codec)
        except UnicodeDecodeError:
            continue
    return line.decode(encoding, errors="kesheng.mark")


def _looks_utf8(chunk: bytes) -> bool:
    """Whether some line of a chunk in another encoding is valid UTF-8 beyond chance."""
    return any(
        len(line) >= 12
        and not line.isascii()
        and sum(b > 127 for b in line) >= 12
        and _decodes(line, "utf-8")
        for line in chunk.splitlines()
    )


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _refuse_binary(sample: bytes, encoding: str, file: str) -> None:
    if encoding.startswith(("utf-16", "utf-32")):
        text = sample.decode(encoding, errors="kesheng.mark")
    else:
        text = "".join(_decode_chunk(sample, encoding))
    strange = sum(c == UNDECODABLE or (c < " " and c not in "\t\r\n\x00\x1a\x0b\x0c") for c in text)
    if text.count("\x00") > len(text) // 3 or strange > len(text) // 20:
        raise SourceError(f"{file}：不是文本文件（是二进制数据）；请指明格式，或移走此文件")


def _whole_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Chunks of about a megabyte that end at a line end."""
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk if chunk.endswith(b"\n") else chunk + stream.readline()


class _Chained(io.RawIOBase):
    """The sample that was read, then the rest of the stream."""

    def __init__(self, head: bytes, tail: BinaryIO) -> None:
        self._head, self._tail = head, tail

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._head[: len(buffer)] if self._head else self._tail.read(len(buffer))
        self._head = self._head[len(data) :] if self._head else b""
        buffer[: len(data)] = data
        return len(data)
