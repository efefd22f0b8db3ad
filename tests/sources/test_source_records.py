"""Columns are found by name, times and numbers are read, what is unusable is noted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_files import SHANGHAI, delimited, parquet, records

from kesheng.errors import SourceError
from kesheng.sources.records import as_text, read_time

DAY = datetime(2026, 3, 5, tzinfo=SHANGHAI)
AFTERNOON = datetime(2026, 3, 5, 14, 22, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-05", DAY),
        ("2026/3/5", DAY),
        ("2026.3.5", DAY),
        ("2026年3月5日", DAY),
        ("2026年03月05号", DAY),
        ("20260305", DAY),
        ("2026-03-05 14:22", AFTERNOON),
        ("2026/3/5 14:22", AFTERNOON),
        ("2026-03-05T14:22:00", AFTERNOON),
        ("2026年3月5日 14时22分", AFTERNOON),
        ("2026年3月5日14点22分", AFTERNOON),
        ("2026年3月5日 14:22", AFTERNOON),
        ("2026-03-05 14：22", AFTERNOON),
        ("20260305142200", AFTERNOON),
        ("202603051422", AFTERNOON),
        ("2026-03-05 14:22:33", AFTERNOON + timedelta(seconds=33)),
        ("2026年3月5日14时22分33秒", AFTERNOON + timedelta(seconds=33)),
        ("2026-03-05 14:22:33.5", AFTERNOON + timedelta(seconds=33.5)),
        ("2026-03-05 14:22:33.123456789", AFTERNOON + timedelta(seconds=33, microseconds=123456)),
        ("2026-03-05T14:22:00Z", datetime(2026, 3, 5, 14, 22, tzinfo=UTC)),
        ("2026-03-05T14:22:00+08:00", AFTERNOON),
        ("2026-03-05T14:22:00+0800", AFTERNOON),
        ("2026-03-05 14:22:00 -05:30", datetime(2026, 3, 5, 19, 52, tzinfo=UTC)),
        ("1772691720", AFTERNOON),
        ("1772691720000", AFTERNOON),
        ("  2026-03-05  ", DAY),
        (1772691720, AFTERNOON),
        (1772691720000, AFTERNOON),
        (1772691720.0, AFTERNOON),
        (20260305, DAY),
        (date(2026, 3, 5), DAY),
        (datetime(2026, 3, 5, 14, 22), AFTERNOON),  # noqa: DTZ001
        (datetime(2026, 3, 5, 6, 22, tzinfo=UTC), AFTERNOON),
        (datetime(2026, 3, 5, 1, 22, tzinfo=timezone(timedelta(hours=-5))), AFTERNOON),
    ],
)
def test_times(text, moment):
    """Every documented way to write a time is read; without an offset it is in the zone."""
    assert read_time(text, SHANGHAI) == moment


@pytest.mark.parametrize(
    "text",
    [
        "", None, "上周三", "2026-13-40", "2026-02-30", "昨天 14:22", "14:22", "2026", "0000-00-00",
        "2026-03-05 25:00", "2026-03-05 14:22 +99:99", "1969-12-31", "2101-01-01", "99991231",
        "13800138000", "123456789", "99999999999999", float("nan"), float("inf"), 46086.5,
        "2026-03-05 14:22 北京", date(1900, 1, 1),
    ],
)  # fmt: skip
def test_unusable_times(text):
    """What is no time, or lies outside 1970 to 2100, gives None."""
    assert read_time(text, SHANGHAI) is None


@given(st.one_of(st.text(max_size=40), st.integers(), st.floats(), st.datetimes(), st.dates()))
def test_any_cell_is_a_time_or_none(value):
    """Reading a time never fails, whatever the cell holds."""
    moment = read_time(value, SHANGHAI)
    assert moment is None or moment.tzinfo is not None


@given(st.datetimes(datetime(1971, 1, 1), datetime(2099, 12, 31)))  # noqa: DTZ001
def test_iso_round_trip(moment):
    """A time written in ISO 8601 is read back to the microsecond."""
    zone = ZoneInfo("America/New_York")
    assert read_time(moment.isoformat(), zone) == moment.replace(tzinfo=zone)


def test_day_in_other_zone():
    """A time without an offset is in the configured zone, not in Shanghai's."""
    assert read_time("2026-03-05", ZoneInfo("Asia/Urumqi")) == DAY + timedelta(hours=2)


def test_unusable_time_is_noted(put):
    """A row without a usable time takes the file's and says so."""
    rows = records(put("a.csv", "text,time\n挺好,上周三\n一般,2026-03-05\n"))
    assert [r["dated"] for r in rows] == [False, True]
    assert "上周三" in rows[0]["notes"]["_note_time"]
    assert rows[1]["notes"] == {}
    age = datetime.now(UTC) - rows[0]["at"]
    assert timedelta(0) <= age < timedelta(hours=1)


@pytest.mark.parametrize(
    "written", ["4", "4.0", "4星", "4分", "4 星", "4颗星", "4/5", "4 / 5", "4 stars"]
)
def test_ratings(put, written):
    """A rating is read with or without its unit."""
    (row,) = records(put("a.csv", f"text,rating\n挺好,{written}\n"))
    assert row["rating"] == 4
    assert row["notes"] == {}


@pytest.mark.parametrize("written", ["9", "0", "-1", "6星"])
def test_rating_out_of_scale(put, written):
    """A rating outside its scale is not used, and noted with its value."""
    (row,) = records(put("a.csv", f"text,rating\n挺好,{written}\n"))
    assert row["rating"] is None
    assert written in row["notes"]["_note_rating"]


@pytest.mark.parametrize("written", ["很好", "五星", "N/A", "4..5", "4/10"])
def test_rating_not_a_number(put, written):
    """A rating that is no number is not used, and noted with what was there."""
    (row,) = records(put("a.csv", f"text,rating\n挺好,{written}\n"))
    assert row["rating"] is None
    assert written in row["notes"]["_note_rating"]


def test_missing_rating_is_no_fault(put):
    """An empty rating is none, without a note."""
    (row,) = records(put("a.csv", "text,rating\n挺好,\n"))
    assert row["rating"] is None
    assert row["notes"] == {}


def test_rating_scale(put):
    """A configured scale of 1 to 10 takes a 9."""
    path = put("a.csv", "text,rating\n挺好,9\n")
    assert records(path, rating_scale=(1, 10))[0]["rating"] == 9


@pytest.mark.parametrize(("nps", "expected"), [("0", 0), ("10", 10), ("11", None)])
def test_nps_scale(put, nps, expected):
    """NPS lies in 0 to 10."""
    assert records(put("a.csv", f"text,nps\n挺好,{nps}\n"))[0]["nps"] == expected


@pytest.mark.parametrize(
    "names",
    [
        ("review_id", "review", "created_at", "star"),
        ("工单号", "投诉内容", "投诉时间", "满意度"),
        ("编号", "客户意见", "回访日期", "评分"),
        ("ID", "Text", "Created At", "STARS"),
        ("评价编号", "评价内容", "评价时间", "星级"),
    ],
)
def test_columns_are_guessed(put, names):
    """Columns under the names exports use are found without configuration."""
    row = dict(zip(names, ("K7", "排队太久", "2026-03-05", "2"), strict=True))
    (found,) = records(put("a.csv", delimited([row], ",")))
    assert (found["id"], found["text"], found["at"], found["rating"]) == ("K7", "排队太久", DAY, 2)


def test_longest_column_is_the_text(put):
    """Without a telling name, the column with the longest texts is the text."""
    path = put("a.csv", "甲,乙\nA1,接待的小伙子讲得很清楚\nA2,等叫号等到快下班\n")
    assert [r["text"] for r in records(path)] == ["接待的小伙子讲得很清楚", "等叫号等到快下班"]


def test_times_and_codes_are_no_text(put):
    """A column of times, or of codes, is not taken for the text, however short the texts are."""
    rows = "编号,时间,单据码,用户说了啥\n1,2026-04-01 10:00,c0ffee-77ab-99ab-12cd,服务态度差\n"
    (found,) = records(put("a.csv", rows))
    assert found["text"] == "服务态度差"
    with pytest.raises(SourceError, match="没有一列像是正文"):
        records(put("b.csv", "编号,时间\n1,2026年4月1日 10时05分\n"))


def test_traditional_names_are_known(put):
    """Headers in traditional characters give the same roles."""
    (found,) = records(put("a.csv", "編號,評價,時間,評分\nA1,服務態度很差,2026-03-05,1\n"))
    assert (found["id"], found["text"], found["at"], found["rating"]) == (
        "A1", "服務態度很差", DAY, 1,
    )  # fmt: skip


def test_no_text_column(put):
    """A file where nothing looks like text is refused, naming the columns that are there."""
    with pytest.raises(SourceError, match=r"a\.csv.*没有一列像是正文.*甲, 乙"):
        records(put("a.csv", "甲,乙\n1,2\n"))


def test_missing_configured_column(put):
    """A configured column that is missing is named with its nearest and all that are there."""
    path = put("a.csv", "评价内容,评价时间\n挺好,2026-03-05\n")
    with pytest.raises(SourceError) as caught:
        records(path, columns={"text": "评论内容"})
    message = str(caught.value)
    for part in ("a.csv", "'评论内容'", "text", "是否指 '评价内容'", "评价内容, 评价时间"):
        assert part in message


def test_configured_columns_rename(put):
    """A key of `columns` that is no role renames a column of `extra`."""
    path = put("a.csv", "say,fendian\n挺好,东门店\n")
    (row,) = records(path, columns={"text": "say", "branch": "fendian"})
    assert row["extra.branch"] == "东门店"
    assert "extra.fendian" not in row


def test_configured_column_is_not_guessed_again(put):
    """A column that has a configured role is not guessed into another."""
    (row,) = records(put("a.csv", "content,text\n挺好,x\n"), columns={"id": "text"})
    assert row["id"] == "x"
    assert row["text"] == "挺好"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (13800138000.0, "13800138000"),
        (4.5, "4.5"),
        (None, ""),
        (float("nan"), ""),
        (b"\xe5\xa5\xbd", "好"),
        (" 好 ", "好"),
        (0, "0"),
    ],
)
def test_as_text(value, text):
    """A cell becomes the text a person would read in it."""
    assert as_text(value) == text


@given(
    st.one_of(st.floats(), st.integers(), st.text(), st.none(), st.binary(), st.decimals(-1e9, 1e9))
)
def test_as_text_is_total(value):
    """Any cell becomes text that can be written as UTF-8."""
    assert as_text(value).encode() is not None


def test_numbers_of_a_phone_column(put):
    """A phone number that a file holds as a float shows no decimal point."""
    path = put("a.parquet", parquet({"text": ["挺好"], "tel": [13800138000.0]}))
    assert records(path)[0]["extra.tel"] == "13800138000"
