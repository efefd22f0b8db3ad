"""Hashed n-grams: the sum of a span is what plain Python adds up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kesheng.models import ngrams
from kesheng.text.column import TextColumn

ORDERS, BITS = (1, 2, 3, 4), 12
WEIGHTS = np.random.default_rng(7).normal(size=1 << BITS).astype(np.float32)
HASHES = {
    1: [1028780, 604860, 196226, 530510],
    2: [921241, 510979, 171315],
    3: [346250, 732002],
    4: [325270],
}
texts = st.text("好慢ABab019，,。 〔〕#cf手机\U00020000", max_size=25)


def _points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def _folded(text: str) -> str:
    return "".join(map(chr, ngrams.fold(_points(text))))


def _bucket(gram: str) -> int:
    """The bucket of one n-gram: hashing it alone."""
    return int(ngrams.buckets(_points(gram), orders=(len(gram),), bits=BITS)[len(gram)][0])


@given(st.lists(texts, min_size=1, max_size=4), st.data())
def test_a_span_is_the_sum_of_its_ngrams(column: list[str], data: st.DataObject) -> None:
    """span_sums equals a loop over the n-grams wholly inside each span, and counts them."""
    joined = TextColumn.of(column).joined
    places = st.integers(0, len(joined))
    spans = data.draw(st.lists(st.tuples(places, places).map(sorted), max_size=6))
    hashed = ngrams.buckets(ngrams.fold(_points(joined)), orders=ORDERS, bits=BITS)
    starts, ends = np.array(spans, dtype=np.int64).reshape(-1, 2).T
    sums, counts = ngrams.span_sums(WEIGHTS, hashed, starts, ends)
    folded = _folded(joined)
    for (start, end), total, count in zip(spans, sums, counts, strict=True):
        grams = [folded[i : i + order] for order in ORDERS for i in range(start, end - order + 1)]
        assert count == len(grams)
        assert total == pytest.approx(sum(float(WEIGHTS[_bucket(g)]) for g in grams), abs=1e-6)


@given(texts, texts)
def test_equal_ngrams_share_a_bucket_wherever_they_stand(before: str, after: str) -> None:
    """A bucket depends on the n-gram, not on its place or its neighbours."""
    joined = ngrams.fold(_points(f"{before}服务很好{after}"))
    hashed = ngrams.buckets(joined, orders=ORDERS, bits=BITS)
    for order in ORDERS:
        expected = _bucket("服务很好"[:order])
        assert hashed[order][len(before)] == expected


@given(texts)
def test_folding_keeps_places(text: str) -> None:
    """Folding changes no length, and folding twice changes nothing."""
    folded = _folded(text)
    assert len(folded) == len(text)
    assert _folded(folded) == folded


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("APP很慢！", "app很慢!"),
        ("花了1280元，", "花了0000元,"),
        ("〔手机#a1f3c2〕", "〔手机#000000〕"),
        ("卡#adf", "卡#000"),
        ("a#ghi", "a#ghi"),
        ("第一行\n第二\u3000行", "第一行 第二 行"),
    ],
)
def test_folding(text: str, folded: str) -> None:
    """Case, digits, full-width marks, blanks and the hex digits of pseudonyms are folded."""
    assert _folded(text) == folded


def test_the_hashes_are_the_trained_ones() -> None:
    """The shipped weights were trained on these buckets; another hash would make them noise."""
    hashed = ngrams.buckets(_points("服务很好"), orders=(1, 2, 3, 4), bits=20)
    assert {order: bucket.tolist() for order, bucket in hashed.items()} == HASHES
