"""Cleaning: cases as data, and the laws that hold for any text."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kesheng.text.clean import STEPS, clean, clean_all, is_default_text, remove_invisible
from kesheng.text.column import SEPARATOR

# Pieces that only become something together: entities, tags, glosses, line ends.
PIECES = (
    "& amp; lt; gt; nbsp; copy # #x #60; #38; #65535; #x4e00; < > / br b p !-- -- ( ) （ ） hù men "
    "客 戶 好 慢 ， ！ … 。 ～ １ Ａ ﾞ ｶ ① ﷺ 1 a 👍 \u200b \u200d \ufe0f \ufeff \u202e \u0301 \u00b4 "
    "\u3000 \ud83d \udc4d \uffff \ufffe \x00 \x85 \u2028 \t \r \n"
)
soup = st.lists(st.sampled_from([*PIECES.split(" "), " "]), max_size=30).map("".join)
visible = soup.map(lambda text: remove_invisible(text).replace(SEPARATOR, ""))
anything = st.text(st.characters(), max_size=60)
with_surrogates = st.text(st.characters(codec=None, categories=None), max_size=40)
texts = st.one_of(soup, anything, with_surrogates)


@pytest.mark.cases("clean")
def test_case(case: dict[str, Any]) -> None:
    """The text becomes what the case says."""
    assert clean(case["in"]) == case["out"]


@pytest.mark.cases("default_text")
def test_default_text_case(case: dict[str, Any]) -> None:
    """What the platform wrote is told from what the customer wrote."""
    assert is_default_text(clean(case["in"])) is case["out"]


@given(texts)
@example("&" + "amp;" * 30 + "lt;b&gt;")
@example("<" * 40 + "b>" * 40)
@example("&#38;#38;#60;b>")
def test_cleaning_twice_changes_nothing(text: str) -> None:
    """Cleaning is idempotent."""
    once = clean(text)
    assert clean(once) == once


@given(texts)
def test_clean_text_can_be_stored(text: str) -> None:
    """No separator, control character or surrogate is left, and no blank at either end."""
    cleaned = clean(text)
    assert not [
        char
        for char in cleaned
        if char == SEPARATOR or (unicodedata.category(char) in ("Cc", "Cs") and char != "\n")
    ]
    assert cleaned == cleaned.strip()
    assert cleaned.encode().decode() == cleaned


@given(st.lists(texts, max_size=12))
def test_a_column_is_cleaned_text_by_text(column: list[str]) -> None:
    """Cleaning a column is cleaning each of its texts."""
    assert clean_all(column) == [clean(text) for text in column]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
@given(rows=st.lists(visible, min_size=1, max_size=8))
def test_no_step_crosses_the_separator(step: Any, rows: list[str]) -> None:
    """A step over joined texts is the step over each of them."""
    assert step(SEPARATOR.join(rows)).split(SEPARATOR) == [step(row) for row in rows]


def test_every_single_character_settles() -> None:
    """Any code point alone gives a text that cleaning keeps."""
    once = clean_all([chr(point) for point in range(0x110000)])
    assert clean_all(once) == once


def test_markup_nested_beyond_reason_loses_its_brackets_only() -> None:
    """Text around hostile markup survives, and the markup cannot unfold again."""
    cleaned = clean("退款&" + "amp;" * 50 + "lt;img&" + "amp;" * 50 + "gt;很慢")
    assert cleaned.startswith("退款")
    assert cleaned.endswith("很慢")
    assert not set("&<>") & set(cleaned)
