"""Types and severity: cases as data, and what they may not depend on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from kesheng.models.cues import TYPES, feedback_types, severities
from kesheng.models.sentiment import LABELS
from kesheng.taxonomy import Taxonomy
from kesheng.text.column import TextColumn


def _type(text: str, label: str) -> str | None:
    kind = feedback_types(TextColumn.of([text]), np.array([LABELS.index(label)], np.int8))[0]
    return None if kind < 0 else TYPES[kind]


def _severity(text: str, label: str, base: Taxonomy) -> int:
    return _severities([text], [label], base)[0]


def _severities(texts: Sequence[str], labels: Sequence[str], base: Taxonomy) -> list[int]:
    codes = np.array([LABELS.index(label) for label in labels], np.int8)
    return severities(TextColumn.of(texts), codes, base).tolist()


@pytest.mark.cases("types")
def test_case(case: dict[str, Any], base: Taxonomy) -> None:
    """A text of that sentiment has this type and this severity."""
    assert _type(case["in"], case["label"]) == case["type"]
    assert _severity(case["in"], case["label"], base) == case["severity"]


def test_rows_do_not_mix(base: Taxonomy) -> None:
    """A word at the end of one text says nothing of the next."""
    texts = ["我要打12315", "", "太慢了", "要求退款"]
    assert _severities(texts, ["negative"] * 4, base) == [3, 1, 1, 2]
    kinds = feedback_types(TextColumn.of(["什么？", "请问", ""]), np.zeros(3, np.int8))
    assert kinds.tolist() == [0, 0, 0]


def test_the_digits_of_a_pseudonym_escalate_nothing(base: Taxonomy) -> None:
    """Severity does not depend on the key: 12315 among the hex digits is no hotline."""
    assert _severity("联系〔手机#a12315〕没人接", "negative", base) == 1
    assert _severity("联系〔手机#12345f〕没人接", "negative", base) == 1
    assert _severity("联系〔手机#a12315〕没人接，我打12315", "negative", base) == 3


def test_no_texts(base: Taxonomy) -> None:
    """An empty column gives empty results."""
    column, none = TextColumn.of([]), np.zeros(0, np.int8)
    assert feedback_types(column, none).tolist() == []
    assert severities(column, none, base).tolist() == []
