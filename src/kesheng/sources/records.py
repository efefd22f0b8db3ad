"""Rows as they came → typed records: roles found, times and numbers read, notes kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from kesheng.errors import SourceError, choices, nearest_zh
from kesheng.settings import ROLES, FileSource
from kesheng.sources.batches import RawBatch

# Names that files give the roles, most telling first; compared without case and blanks.
KNOWN_NAMES: dict[str, tuple[str, ...]] = {
    "text": (
        "text", "review", "content", "comment", "评价内容",
        "评论内容", "反馈内容", "投诉内容", "意见内容", "客户意见",
        "评价", "评论", "反馈", "投诉", "意见", "内容", "正文", "文本", "feedback", "message", "body",
    ),
    "id": (
        "id", "review_id", "comment_id", "feedback_id",
        "评价编号", "评论编号", "反馈编号", "投诉编号", "工单号", "工单编号",
        "编号", "评论id", "评价id", "uuid",
    ),
    "time": (
        "time", "created_at", "created", "create_time", "timestamp", "ts", "datetime", "date", "评价时间", "评论时间",
        "反馈时间", "投诉时间", "创建时间", "提交时间", "时间", "评价日期", "回访日期", "日期",
    ),
    "rating": ("rating", "star", "stars", "score", "星级", "评分", "打分", "分数", "满意度"),
    "nps": ("nps", "推荐意愿", "推荐度"),
    "ces": ("ces", "费力度"),
    "csat": ("csat",),
}  # fmt: skip
# The characters of these names as traditional exports write them.
_SIMPLIFIED = str.maketrans(
    "評價論饋訴見內編號單時間創建訪戶滿級數薦願費", "评价论馈诉见内编号单时间创建访户满级数荐愿费"
)
_SCALES = {"nps": (0.0, 10.0)}
_TIME = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})[日号]?"
    r"(?:[T\s]*(\d{1,2})[:：时点](\d{1,2})(?:[:：分](\d{1,2})(?:[.,](\d{1,6})\d*)?秒?|分)?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?"
)
_COMPACT = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?")
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)\s*(?:星|分|颗星|stars?|/\s*(\d+))?", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """Which column of a file has which role; `extra`: name in the file → name in `extra`."""

    roles: dict[str, str]
    extra: dict[str, str]
    guessed: tuple[str, ...]

    @property
    def names(self) -> set[str]:
        """Every column seen so far, by its name in the file."""
        return {*self.roles.values(), *self.extra}


@dataclass(frozen=True)
class Records:
    """A batch of typed rows; lists of equal length.

    created_at is aware; `dated` says whether it is the row's own (else the
    file's). `originals`: name in `extra` → name in the file; `id_column` likewise.
    `notes` has what was found wrong with a row and is kept with it.
    """

    rows: list[int]
    source_id: list[str | None]
    text: list[str]
    created_at: list[datetime]
    dated: list[bool]
    numbers: dict[str, list[float | None]]
    extra: dict[str, list[str | None]]
    originals: dict[str, str]
    id_column: str
    notes: list[dict[str, str]] = field(default_factory=list)


def resolve(source: FileSource, batch: RawBatch, *, known: Columns | None = None) -> Columns:
    """Find the columns of a file: as configured, else by their names, text also by its length.

    Args:
        known: what the file's earlier batches had; JSON keys may first come late.

    Raises:
        SourceError: a configured column is missing, or no text column can be found.
    """
    before = known or Columns({}, {}, ())
    names = list(dict.fromkeys([*before.roles.values(), *before.extra, *batch.columns]))
    roles = dict(before.roles)
    renamed: dict[str, str] = {}
    for role, name in source.columns.items():
        if name not in names:
            raise SourceError(
                f"{batch.file}：没有列 {name!r}（用作 {role}）{nearest_zh(name, names)}"
                f"；现有的列：{choices(names)}"
            )
        if role in ROLES:
            roles[role] = name
        else:
            renamed[name] = role
    guessed = list(before.guessed)
    for role in ROLES:
        free = [n for n in names if n not in roles.values() and n not in renamed]
        guess = None if role in roles else _guess(role, free, batch)
        if guess is not None:
            roles[role] = guess
            guessed.append(f"{role} = {guess!r}")
    if "text" not in roles:
        raise SourceError(
            f"{batch.file}：没有一列像是正文；请用 --text 或 columns.text 指明；"
            f"现有的列：{choices(names)}"
        )
    extra: dict[str, str] = {}
    for name in sorted(
        (n for n in names if n not in roles.values()), key=lambda n: n not in renamed
    ):
        shown = renamed.get(name, name)
        while shown in extra.values():  # a column renamed to what another is called
            shown += "_2"
        extra[name] = shown
    return Columns(roles, extra, tuple(guessed))


def _guess(role: str, names: Sequence[str], batch: RawBatch) -> str | None:
    plain = {_plain(name): name for name in reversed(names)}
    for known in KNOWN_NAMES[role]:
        if (key := known.replace("_", "")) in plain:
            return plain[key]
    if role != "text":
        return None
    others = {known.replace("_", "") for r in ROLES if r != "text" for known in KNOWN_NAMES[r]}
    said = {
        name: sum(_letters(value) for value in batch.columns[name])
        for name in names
        if name in batch.columns and _plain(name) not in others
    }
    best = max(said, key=lambda name: said[name], default=None)
    return best if best is not None and said[best] > 4 * len(batch.rows) else None


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower().translate(_SIMPLIFIED)


def _letters(value: object) -> int:
    """How many letters of a sentence a cell has: none in a time, a number or a code."""
    if not isinstance(value, str) or _TIME.fullmatch(value.strip()):
        return 0
    if value.isascii() and " " not in value.strip():
        return 0
    return sum(map(str.isalpha, value))


def typed(batch: RawBatch, columns: Columns, *, source: FileSource, zone: ZoneInfo) -> Records:
    """Read times and numbers; what cannot be read is noted, never dropped."""
    size = len(batch.rows)
    notes: list[dict[str, str]] = [{} for _ in range(size)]

    def values(role: str) -> list[object]:
        name = columns.roles.get(role)
        return batch.columns.get(name or "", [None] * size)

    created: list[datetime] = []
    dated: list[bool] = []
    for raw, note in zip(values("time"), notes, strict=True):
        moment = read_time(raw, zone)
        created.append(moment or batch.modified)
        dated.append(moment is not None)
        if moment is None and as_text(raw):
            note["_note_time"] = f"时间无法识别（{_brief(raw)}），改用文件时间"
    numbers: dict[str, list[float | None]] = {}
    for role in ("rating", "nps", "ces", "csat"):
        scale = source.rating_scale if role == "rating" else _SCALES.get(role)
        numbers[role] = [
            _scaled(raw, scale, role, note) for raw, note in zip(values(role), notes, strict=True)
        ]
    return Records(
        rows=batch.rows,
        source_id=[as_text(v) or None for v in values("id")],
        text=[as_text(v) for v in values("text")],
        created_at=created,
        dated=dated,
        numbers=numbers,
        extra={
            new: [as_text(v) or None for v in batch.columns.get(old, [None] * size)]
            for old, new in columns.extra.items()
        },
        originals={new: old for old, new in columns.extra.items()},
        id_column=columns.roles.get("id", ""),
        notes=notes,
    )


def as_text(value: object) -> str:
    """A cell as text: 13800138000.0 of a spreadsheet is 13800138000, None and NaN are ''."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace").strip()
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value).strip()


def read_time(value: object, zone: ZoneInfo) -> datetime | None:
    """A moment from what exports write; a time without an offset is in `zone`.

    Known: datetimes, 2026-03-05 14:22, 2026/3/5, 2026年3月5日 14时22分, ISO 8601,
    20260305, 20260305142233, Unix seconds or milliseconds. Years 1970..2100.
    """
    if isinstance(value, datetime):
        moment: datetime | None = value if value.tzinfo else value.replace(tzinfo=zone)
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day, tzinfo=zone)
    else:
        moment = _parse_time(as_text(value), zone)
    return moment if moment is not None and 1970 <= moment.year <= 2100 else None


@lru_cache(maxsize=65_536)
def _parse_time(text: str, zone: ZoneInfo) -> datetime | None:
    match = _TIME.fullmatch(text) or _COMPACT.fullmatch(text)
    try:
        if match is None:
            return _unix(text)
        parts = [int(p) if p and p.isdigit() else 0 for p in match.groups()[:6]]
        offset = match[8] if match.re is _TIME else None
        micro = int((match[7] or "0").ljust(6, "0")) if match.re is _TIME else 0
        return datetime(*parts, micro, tzinfo=_offset(offset) if offset else zone)  # type: ignore[misc,arg-type]
    except (ValueError, OverflowError, OSError):
        return None


def _unix(text: str) -> datetime | None:
    if not re.fullmatch(r"\d{10}(?:\d{3})?(?:\.\d+)?", text):
        return None
    seconds = float(text)
    return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, tz=UTC)


def _offset(text: str) -> timezone:
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    delta = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-delta if text[0] == "-" else delta)


def _scaled(
    raw: object, scale: tuple[float, float] | None, role: str, note: dict[str, str]
) -> float | None:
    """A number within its scale, else None with a note."""
    text = as_text(raw)
    if not text:
        return None
    match = _NUMBER.fullmatch(text)
    if match is None:
        note[f"_note_{role}"] = f"不是数字（{_brief(text)}），未采用"
        return None
    if match[2] and scale and float(match[2]) != scale[1]:  # 5/10 on a scale of 1 to 5
        note[f"_note_{role}"] = f"满分不是 {scale[1]:g}（{_brief(text)}），未采用"
        return None
    number = float(match[1])
    if scale and not scale[0] <= number <= scale[1]:
        note[f"_note_{role}"] = f"超出量程 {scale[0]:g}–{scale[1]:g}（{_brief(text)}），未采用"
        return None
    return number


def _brief(value: object) -> str:
    text = as_text(value)
    return text if len(text) <= 30 else text[:29] + "…"
