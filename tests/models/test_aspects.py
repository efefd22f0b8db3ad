"""Mentions: cases as data, and the laws that any text obeys."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kesheng.text.clean import clean
from kesheng.text.privacy import Pseudonymiser

# Words that fire, negate, contrast and separate, in any order.
PIECES = (
    "服务 态度 很好 态度差 热情 很热情 不是很 没有 从不 不 很 好吃 不好吃 太贵 便宜 上菜慢 物流很快 干净 "
    "专业 有担当 不推脱 但是 不过 不得不说 没想到 "
    "， 。 ！ 客服 app 闪退 退款 解决了 13812345678 3 〔手机#a1b2c3〕 \U00020000 👍"
)
soup = st.lists(st.sampled_from([*PIECES.split(), " ", "\n"]), max_size=14).map("".join)
texts = st.one_of(soup, st.text(max_size=30)).map(clean)


@pytest.mark.cases("mentions")
def test_case(case: dict[str, Any], score: Callable[..., Any]) -> None:
    """What must be mentioned is, with its first evidence; what must not be is not."""
    found = [[m.indicator, m.polarity, m.evidence[0]] for m in score([case["in"]]).mentions]
    assert [wanted for wanted in case["present"] if wanted not in found] == []
    assert [banned for banned in case["absent"] if banned in found] == []


@given(st.lists(texts, max_size=8))
def test_texts_together_score_as_one_by_one(score: Callable[..., Any], column: list[str]) -> None:
    """Sentiment, clauses and mentions of a text do not depend on its neighbours."""
    together = score(column)
    alone = [score([text]) for text in column]
    assert together.sentiment == pytest.approx([a.sentiment[0] for a in alone], abs=1e-6)
    expected = [(row, clause, s) for row, a in enumerate(alone) for _, clause, s in a.clauses]
    assert [c[:2] for c in together.clauses] == [c[:2] for c in expected]
    assert [c[2] for c in together.clauses] == pytest.approx([c[2] for c in expected], abs=1e-6)
    mentions = [(row, m) for row, a in enumerate(alone) for m in a.mentions]
    assert [(m.row, m.clause, m.indicator, m.polarity, m.start, m.end, m.evidence)
            for m in together.mentions] == [
        (row, m.clause, m.indicator, m.polarity, m.start, m.end, m.evidence)
        for row, m in mentions
    ]  # fmt: skip
    assert [m.confidence for m in together.mentions] == pytest.approx(
        [m.confidence for _, m in mentions], abs=1e-6
    )


@given(texts)
def test_a_mention_can_be_found_in_its_text(score: Callable[..., Any], text: str) -> None:
    """Its places cut the first evidence out of the text, inside the clause."""
    for mention in score([text]).mentions:
        assert text[mention.start : mention.end] == mention.evidence[0]
        assert all(evidence and evidence in mention.clause for evidence in mention.evidence)


@given(texts)
def test_one_mention_a_clause_and_indicator(score: Callable[..., Any], text: str) -> None:
    """No (clause, indicator) is counted twice, and every value is in its range."""
    scored = score([text])
    per_clause = {clause: scored.clauses.count((0, clause, s)) for _, clause, s in scored.clauses}
    for mention in scored.mentions:
        same = [
            m
            for m in scored.mentions
            if (m.clause, m.indicator) == (mention.clause, mention.indicator)
        ]
        assert len(same) <= per_clause[mention.clause]
        assert mention.polarity in (-1, 0, 1)
        assert 0.5 <= mention.confidence <= 1


@given(texts)
def test_scores_are_in_range(score: Callable[..., Any], text: str) -> None:
    """Sentiment of texts and clauses lies within −1..1; no text, no sentiment."""
    scored = score([text])
    values = [*scored.sentiment, *(s for _, _, s in scored.clauses)]
    assert all(math.isfinite(value) and -1 <= value <= 1 for value in values)
    if not text:
        assert scored.sentiment == [0.0]


@given(st.text("0123456789", min_size=8, max_size=8), st.binary(min_size=16, max_size=24))
def test_no_score_depends_on_the_key(score: Callable[..., Any], digits: str, key: bytes) -> None:
    """Under another key the pseudonyms differ, and the numbers are the same."""
    text = f"客服打139{digits}联系我，态度很好，发到a{digits}@qq.com也不回"
    one = Pseudonymiser(b"the first of two keys").mask(text)
    other = Pseudonymiser(key).mask(text)
    assert one != other
    a, b = score([one]), score([other])
    assert a.sentiment == b.sentiment
    assert [c[2] for c in a.clauses] == [c[2] for c in b.clauses]
    assert [(m.indicator, m.polarity, m.confidence, m.start) for m in a.mentions] == [
        (m.indicator, m.polarity, m.confidence, m.start) for m in b.mentions
    ]


def test_judging_phrases_outvote_neutral_terms(score: Callable[..., Any]) -> None:
    """Where a phrase judges an indicator, the clause's sentiment does not change its polarity."""
    mentions = score(["没想到这么倒霉，前台接待却是态度很好"]).mentions
    courtesy = [m for m in mentions if m.indicator == "ATT.courtesy"]
    assert [m.polarity for m in courtesy] == [1]
    assert courtesy[0].evidence == ("态度很好", "前台接待")


def test_agreeing_evidence_is_surer(score: Callable[..., Any]) -> None:
    """A phrase in a clause that scores the same way is surer than against it."""
    agreeing, against = (
        next(m for m in score([text]).mentions if m.indicator == "ATT.courtesy")
        for text in ("服务态度很好，真的很满意", "不得不说服务态度很好")
    )
    assert agreeing.polarity == against.polarity == 1
    assert agreeing.confidence > against.confidence


def test_no_texts(score: Callable[..., Any]) -> None:
    """An empty column has no clauses and no mentions."""
    assert score([]).mentions == []
    assert score(["", "，"]).mentions == []
