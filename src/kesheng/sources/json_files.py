"""JSON and JSON Lines → batches of flat records, a piece at a time."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from kesheng.errors import SourceError
from kesheng.sources.batches import Broken, Document, RawBatch, grouped
from kesheng.sources.encoding import detect, lines

# Not ijson: it dies of an integer of 4301 digits, quotes data in its errors, and
# needs memory that grows with the square of the depth.
PIECE_BYTES = 1 << 18
MAX_RECORD_CHARS = 1 << 26
_DECODER = json.JSONDecoder()
_BETWEEN = " \t\r\n,"
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}"]|[^\s,:\[\]{}"]+', re.DOTALL)
_STEP = {"{": 1, "[": 1, "}": -1, "]": -1}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_jsonl(document: Document) -> Iterator[RawBatch]:
    """One JSON object a line."""
    with document.open() as stream:
        text = lines(stream, encoding=document.encoding, file=document.name)
        filled = (line for line in text if line.strip())
        records = (_parse(number, line) for number, line in enumerate(filled, start=1))
        yield from _record_batches(records, document)


def _parse(number: int, line: str) -> tuple[int, dict[str, object]] | Broken:
    try:
        return _record(number, _sound(json.loads(line), line))
    except (ValueError, RecursionError) as error:
        return Broken(number, "bad_json", f"不是完整的 JSON：{error}", {"": line})


def _record(number: int, value: object) -> tuple[int, dict[str, object]] | Broken:
    if not isinstance(value, dict):
        message = f"应为 JSON 对象，却是 {type(value).__name__}"
        return Broken(number, "not_an_object", message, {"": json.dumps(value, ensure_ascii=False)})
    return number, _flatten(value)


def _flatten(value: dict[str, Any], prefix: str = "") -> dict[str, object]:
    """{"user": {"city": "x"}} → {"user.city": "x"}; lists become JSON text."""
    flat: dict[str, object] = {}
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, dict) and prefix.count(".") < 5:
            flat.update(_flatten(item, f"{name}."))
        elif isinstance(item, (list, dict)):
            flat[name] = json.dumps(item, ensure_ascii=False)
        else:
            flat[name] = item
    return flat


def _record_batches(
    records: Iterator[tuple[int, dict[str, object]] | Broken], document: Document
) -> Iterator[RawBatch]:
    """Group records, whose keys may differ, into batches with the union of their keys."""
    for good, broken in grouped(records):
        names = dict.fromkeys(key for _, record in good for key in record)
        columns = {name: [record.get(name) for _, record in good] for name in names}
        yield RawBatch(document.name, document.modified, [n for n, _ in good], columns, broken)


def read_json(document: Document) -> Iterator[RawBatch]:
    """An array of objects, at the top or in the first field that holds one."""
    name = document.name
    with document.open() as stream:
        try:
            items = enumerate(_items(_Text(stream, document.encoding), name), start=1)
            yield from _record_batches((_record(n, item) for n, item in items), document)
        except RecursionError as error:
            raise SourceError(f"{name}：JSON 嵌套太深；请给出平铺的记录") from error
        # UnicodeError, and the ValueError of an integer of more than 4300 digits.
        except ValueError as error:
            raise SourceError(f"{name}：JSON 不完整（{error}）") from error


class _Text:
    """Decoded text of a stream, read on demand; `rest` is what was read but not used."""

    def __init__(self, stream: BinaryIO, encoding: str | None) -> None:
        self._stream = stream
        head = stream.read(PIECE_BYTES)
        found = codecs.lookup(encoding or detect(head)).name
        self._decoder = codecs.getincrementaldecoder("utf-8-sig" if found == "utf-8" else found)()
        self.rest = self._decoder.decode(head)

    def more(self) -> bool:
        """Read on, as much again as there is; False at the end, or past any record's size."""
        if len(self.rest) > MAX_RECORD_CHARS:
            return False
        piece = self._stream.read(max(PIECE_BYTES, len(self.rest)))
        self.rest += self._decoder.decode(piece, final=not piece)
        return bool(piece)


def _items(text: _Text, name: str) -> Iterator[object]:
    """The items of the first array whose first item is an object."""
    depth = _to_records(text, name)
    place = 0
    while depth:
        while text.rest[place : place + 1] in _BETWEEN and place < len(text.rest):
            place += 1
        if text.rest.startswith("]", place):
            break
        item, end = _decoded(text.rest, place)
        if end == len(text.rest):  # cut off here, or a number that may go on
            text.rest, place = text.rest[place:], 0
            if not text.more():
                raise SourceError(f"{name}：JSON 不完整：有一条记录被截断或写错")
            continue
        yield _sound(item, text.rest[place:end])
        place = end
    text.rest = text.rest[place:]
    while text.more():
        pass
    if depth and _depth_after(text.rest, depth) != 0:
        raise SourceError(f"{name}：JSON 不完整：最后一条记录之后有错")


def _decoded(text: str, place: int) -> tuple[object, int]:
    """A value and where it ends; the end of the text where it is not complete."""
    try:
        return _DECODER.raw_decode(text, place)
    except json.JSONDecodeError:
        return None, len(text)


def _to_records(text: _Text, name: str) -> int:
    """Read up to the first record; returns how deep it lies, 0 if all arrays are empty."""
    while True:
        depth, last, empty = 0, "", False
        for match in _TOKEN.finditer(text.rest):
            mark = match[0]
            if mark == "{" and last == "[":
                text.rest = text.rest[match.start() :]
                return depth
            if mark == '"':  # a string that is cut off
                break
            empty |= mark == "]" and last == "["
            depth += _STEP.get(mark, 0)
            last = mark
        if not text.more():
            break
    if empty and depth == 0:
        return 0
    raise SourceError(f'{name}：没有完整的 JSON 记录数组；应为 [{{…}}, …] 或 {{"data": [{{…}}]}}')


def _depth_after(rest: str, depth: int) -> int:
    """How many brackets stay open; -1 where something follows the end."""
    for match in _TOKEN.finditer(rest):
        if depth == 0:
            return -1
        depth += _STEP.get(match[0], 0)
    return depth


def _sound(value: object, written: str) -> object:
    """Drop half surrogate pairs, as a cut emoji leaves them; no encoder takes them."""
    if _SURROGATE.search(written):
        text = json.dumps(value, ensure_ascii=False).encode("utf-8", "ignore")
        return json.loads(text)
    return value
