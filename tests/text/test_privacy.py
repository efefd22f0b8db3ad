"""Masking: cases as data, and the laws of pseudonyms."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kesheng.text.clean import clean
from kesheng.text.personal import luhn, resident_id
from kesheng.text.privacy import ID_DIGITS, Pseudonymiser

MASKER = Pseudonymiser(b"a key for the tests")
OTHER = Pseudonymiser(b"quite another key")
PSEUDONYM = re.compile(r"〔([^#〕]+)#[0-9a-f]{6}〕")


def _digits(size: int, first: str = "0123456789") -> st.SearchStrategy[str]:
    rest = st.text("0123456789", min_size=size - 1, max_size=size - 1)
    return st.tuples(st.sampled_from(first), rest).map("".join)


mobiles = st.tuples(st.sampled_from(["13", "15", "17", "18", "19"]), _digits(9)).map("".join)


@st.composite
def cards(draw: st.DrawFn) -> str:
    """A card number of 16 digits with the right check digit."""
    body = draw(_digits(15, "3456"))
    return next(body + check for check in "0123456789" if luhn(body + check))


@st.composite
def resident_ids(draw: st.DrawFn) -> str:
    """A 身份证 number with the right check character."""
    day = draw(st.dates(dt.date(1930, 1, 1), dt.date(2024, 12, 31)))
    body = draw(_digits(6, "123456789")) + day.strftime("%Y%m%d") + draw(_digits(3))
    return next(body + check for check in "0123456789X" if resident_id(body + check))


numbers = st.one_of(mobiles, cards(), resident_ids())
PIECES = (
    "电话 微信号 QQ 订单号 身份证 卡号 ： : - # . 号 在 里 路 3栋 12号 京A 客服 很慢 @qq.com abc_1 0755 "
    "+86 13 5 〔 〕 〔手机#a1b2c3〕 阳光小区 人民路 \n ， 8888"
)
pieces = st.one_of(numbers, st.sampled_from([*PIECES.split(" "), " "]))
texts = st.one_of(st.lists(pieces, max_size=12).map("".join), st.text(max_size=40)).map(clean)


def _grouped(number: str, cuts: list[int], mark: str) -> str:
    return mark.join(number[a:b] for a, b in zip([0, *cuts], [*cuts, len(number)], strict=True))


@pytest.mark.cases("privacy")
def test_case(case: dict[str, Any]) -> None:
    """The kinds are masked in their order, and everything around them is kept."""
    masked = MASKER.mask(case["in"])
    assert PSEUDONYM.sub("□", masked) == case["out"]
    assert PSEUDONYM.findall(masked) == case["kinds"]


@given(texts)
def test_masking_twice_changes_nothing(text: str) -> None:
    """Masking is idempotent."""
    once = MASKER.mask(text)
    assert MASKER.mask(once) == once


@given(st.lists(texts, max_size=10))
def test_a_column_is_masked_text_by_text(column: list[str]) -> None:
    """Masking a column is masking each of its texts, and the values are counted."""
    masked, count = MASKER.mask_all(column)
    assert masked == [MASKER.mask(text) for text in column]
    assert count == sum(MASKER.mask_all([text])[1] for text in column)


@given(st.sampled_from(["打我电话", "我是", "刷的卡", "", "客服让我报"]), numbers)
def test_the_number_is_gone(before: str, number: str) -> None:
    """A masked text holds neither the number nor its last eight digits."""
    masked = MASKER.mask(f"{before}{number}，至今没有结果")
    assert number not in masked
    assert number[-8:] not in masked
    assert masked.endswith("，至今没有结果")


@pytest.mark.parametrize(
    "forms",
    [
        ["13812345678", "138 1234 5678", "138-1234-5678", "1381-234-5678", "+86 13812345678",
         "008613812345678"],
        ["010-62345678", "01062345678", "(010)62345678", "（010） 6234-5678", "+86-10-62345678"],
        ["021-62345678-803", "02162345678转803", "(021)62345678-803"],
        ["6222021000012349", "6222 0210 0001 2349", "6222-0210-0001-2349"],
        ["110105199003072776", "110105 19900307 2776"],
        ["粤B12345", "粤B·12345", "粤b-12345", "粤B 12345"],
        ["Zhang.San@example.com", "zhang.san@EXAMPLE.com"],
    ],
    ids=["mobile", "fixed line", "extension", "card", "身份证", "plate", "mail"],
)  # fmt: skip
def test_one_value_one_pseudonym(forms: list[str]) -> None:
    """However a value is written, its pseudonym is the same."""
    masked = {MASKER.mask(form) for form in forms}
    assert len(masked) == 1
    assert PSEUDONYM.fullmatch(masked.pop())


@given(mobiles, st.sampled_from([" ", "-"]))
def test_blanks_and_dashes_do_not_count(number: str, mark: str) -> None:
    """A mobile grouped 3-4-4 or 4-3-4 has the pseudonym of the bare one."""
    expected = MASKER.mask(number)
    assert MASKER.mask(_grouped(number, [3, 7], mark)) == expected
    assert MASKER.mask(_grouped(number, [4, 7], mark)) == expected


@given(numbers)
def test_another_key_gives_another_pseudonym(number: str) -> None:
    """Without the key a pseudonym says nothing."""
    assert MASKER.mask(number) != OTHER.mask(number)


@given(mobiles, mobiles)
def test_different_numbers_differ(one: str, other: str) -> None:
    """Two identifiers get one pseudonym only if they are equal."""
    same = MASKER.mask_id(one) == MASKER.mask_id(other)
    assert same == (one == other)


def test_an_id_that_is_personal_is_masked_with_more_digits() -> None:
    """A mobile as a row id gets 16 hex digits, so that rows do not merge."""
    masked = MASKER.mask_id("13812345678")
    assert re.fullmatch(rf"〔手机#[0-9a-f]{{{ID_DIGITS}}}〕", masked)


@pytest.mark.parametrize("value", ["20240101000123456789", "A-17", "客户留言3"])
def test_an_id_that_is_not_personal_stays(value: str) -> None:
    """Order numbers and other ids link rows to their source and are kept."""
    assert MASKER.mask_id(value) == value


def test_a_personal_column_is_masked_whole() -> None:
    """Whatever a column 联系人 holds is personal; empty values stay empty."""
    masked, count = MASKER.mask_column("联系人", ["张伟明", "", "张伟明", "李晓"])
    assert masked[0] == masked[2] != masked[3]
    assert masked[1] == ""
    assert count == 3
    assert "张伟明" not in "".join(masked)


def test_another_column_is_masked_by_pattern() -> None:
    """A column 门店 keeps its values but for what looks personal."""
    masked, count = MASKER.mask_column("门店", ["人民广场店", "店长13812345678"])
    assert masked[0] == "人民广场店"
    assert PSEUDONYM.sub("□", masked[1]) == "店长□"
    assert count == 1


@pytest.mark.parametrize(("digits", "valid"), [("79927398713", True), ("79927398710", False)])
def test_luhn(digits: str, valid: bool) -> None:
    """The textbook number is valid, and with another check digit it is not."""
    assert luhn(digits) is valid


@given(resident_ids(), st.integers(0, 16), st.integers(1, 9))
def test_a_wrong_digit_breaks_the_resident_id(number: str, place: int, shift: int) -> None:
    """The check character finds any single wrong digit."""
    wrong = str((int(number[place]) + shift) % 10)
    assert resident_id(number)
    assert not resident_id(number[:place] + wrong + number[place + 1 :])
