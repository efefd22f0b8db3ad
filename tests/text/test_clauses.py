"""Clauses: cases as data, and the laws of their places."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kesheng.text.clauses import split
from kesheng.text.clean import clean
from kesheng.text.column import SEPARATOR, TextColumn

PIECES = "好 慢 但 但是 不过 不过如此 就是 ， 。 ！ , . ~ … （ ） “ 3 a X5 \n 服务 👍".split()  # noqa: SIM905
texts = st.one_of(
    st.lists(st.sampled_from([*PIECES, " "]), max_size=15).map("".join), st.text(max_size=30)
).map(clean)


def _clauses(column: TextColumn) -> list[str]:
    starts, ends = split(column)
    return [column.joined[a:b] for a, b in zip(starts, ends, strict=True)]


@pytest.mark.cases("clauses")
def test_case(case: dict[str, Any]) -> None:
    """The text falls into these clauses."""
    assert _clauses(TextColumn.of([case["in"]])) == case["out"]


@given(st.lists(texts, max_size=8))
def test_clauses_are_in_order_inside_one_text_each(column: list[str]) -> None:
    """Clauses are not empty, do not overlap, and hold no separator."""
    joined = TextColumn.of(column)
    starts, ends = split(joined)
    assert (starts < ends).all()
    assert (ends[:-1] <= starts[1:]).all()
    assert (joined.row_of(starts) == joined.row_of(ends - 1)).all()
    assert not any(SEPARATOR in clause for clause in _clauses(joined))


@given(st.lists(texts, max_size=8))
def test_a_column_is_split_text_by_text(column: list[str]) -> None:
    """The clauses of a column are the clauses of its texts."""
    alone = [clause for text in column for clause in _clauses(TextColumn.of([text]))]
    assert _clauses(TextColumn.of(column)) == alone


@given(st.lists(texts, max_size=8))
def test_nothing_but_marks_is_lost(column: list[str]) -> None:
    """Every letter and every digit lies in a clause."""
    kept = [char for clause in _clauses(TextColumn.of(column)) for char in clause if char.isalnum()]
    assert kept == [char for text in column for char in text if char.isalnum()]


@given(st.lists(texts, min_size=1, max_size=8))
def test_every_position_knows_its_text(column: list[str]) -> None:
    """`row_of` names the text of each of its characters and of the separator after it."""
    joined = TextColumn.of(column)
    rows = joined.row_of(np.arange(len(joined.joined)))
    expected = [row for row, text in enumerate(column) for _ in range(len(text) + 1)]
    assert rows.tolist() == expected
