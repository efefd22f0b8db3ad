"""Duplicates: long texts that repeat others are linked, short ones never."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kesheng.settings import TextSettings
from kesheng.text.duplicates import find

SETTINGS = TextSettings()
LONG = (
    "上周三在网上订了一台洗衣机，师傅第二天就送来了，安装时发现进水管少了一个接头，"
    "打电话给客服，客服说下午补送，结果等到晚上也没有人来，第三天才送到"
)
OTHER = (
    "孩子发烧去挂急诊，护士量了体温让我们先等着，前面只有两个人却等了四十分钟，"
    "医生看得倒是很仔细，开的药也不贵，就是取药窗口又排了很长的队"
)


def _find(*texts: str) -> list[int]:
    return find(texts, settings=SETTINGS).tolist()


def test_an_exact_copy_points_at_the_first() -> None:
    """Each copy of a long text points at its first occurrence."""
    assert _find(LONG, OTHER, LONG, LONG) == [-1, -1, 0, 0]


def test_marks_and_blanks_do_not_count() -> None:
    """A copy with other punctuation is a copy."""
    assert _find(
        "这家店的早餐品种真的太少了，希望能改进", "这家店的早餐品种真的太少了 希望能改进！！"
    ) == [-1, 0]


@pytest.mark.parametrize("text", ["很好", "送货很快", "好评！", "", "，，，"])
def test_what_many_say_is_no_duplicate(text: str) -> None:
    """Short texts are what different customers say, however often."""
    assert _find(*[text] * 50) == [-1] * 50


def test_the_length_from_which_copies_count_is_a_setting() -> None:
    """Letters and digits count: a text of exactly that length is linked, one shorter is not."""
    settings = TextSettings(exact_min_chars=6)
    assert find(["送货真的很快！"] * 2, settings=settings).tolist() == [-1, 0]
    assert find(["送货真很快！！"] * 2, settings=settings).tolist() == [-1, -1]


@pytest.mark.parametrize(
    "near",
    [
        LONG.replace("上周三", "上周四"),
        LONG.replace("接头", "接口"),
        LONG + "了",
        LONG.replace("下午补送", "今天下午补送"),
        LONG.replace("，打电话给客服", "打电话给客服"),
    ],
    ids=["one character", "another", "one more", "two more", "a comma less"],
)
def test_a_text_changed_in_a_character_or_two_is_near(near: str) -> None:
    """A long text with one or two characters changed repeats the first."""
    assert _find(OTHER, LONG, near) == [-1, -1, 1]


def test_another_story_is_not_near() -> None:
    """Texts that share words but tell other things are not linked."""
    half = LONG[:30] + OTHER[30:]
    assert _find(LONG, OTHER, half) == [-1, -1, -1]


def test_a_chain_goes_to_the_first() -> None:
    """A copy of a near duplicate points at the original, not at the near duplicate."""
    near = LONG.replace("上周三", "上周四")
    assert _find(LONG, near, near, LONG) == [-1, 0, 0, 0]


def test_the_first_in_order_is_the_original() -> None:
    """Order decides: the same texts the other way round are linked the other way round."""
    near = LONG.replace("上周三", "上周四")
    assert _find(near, OTHER, LONG) == [-1, -1, 0]


def test_no_texts() -> None:
    """An empty partition has no duplicates."""
    assert _find() == []


variants = st.tuples(
    st.sampled_from([LONG, OTHER]), st.integers(0, 40), st.sampled_from(["", "的", "了吗"])
).map(lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] :])


@given(st.lists(st.one_of(variants, st.sampled_from(["很好", "慢", ""])), max_size=20))
def test_an_original_is_earlier_and_no_duplicate(texts: list[str]) -> None:
    """Every link goes to an earlier text that is itself no duplicate."""
    links = _find(*texts)
    assert all(-1 <= original < row for row, original in enumerate(links))
    assert all(links[original] == -1 for original in links if original >= 0)
