"""Sentiment: labels, confidence, and one protocol for every backend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kesheng.models import artefacts, sentiment, training
from kesheng.models.sentiment import LABELS, NgramSentiment, SentimentModel
from kesheng.text.column import TextColumn

PRAISE = [
    "态度很好，很满意",
    "味道不错，下次还来",
    "发货快，质量好",
    "医生很有耐心",
    "房间干净舒适",
]
COMPLAINTS = [
    "态度恶劣，不会再来",
    "等了一个小时，太慢",
    "质量太差，退货",
    "电话打不通",
    "房间又脏又吵",
]


@pytest.fixture(params=["ngram", "snownlp"])
def backend(request: pytest.FixtureRequest) -> SentimentModel:
    """Each backend in turn."""
    if request.param == "snownlp":
        pytest.importorskip("snownlp")
    return sentiment.load(request.param)


def _scores(model: SentimentModel, texts: list[str]) -> np.ndarray:
    column = TextColumn.of(texts)
    return model.scores(column, column.starts, column.ends)


def test_praise_scores_above_complaints(backend: SentimentModel) -> None:
    """On plain texts every praise scores above every complaint."""
    scores = _scores(backend, PRAISE + COMPLAINTS)
    assert scores[: len(PRAISE)].min() > scores[len(PRAISE) :].max()


def test_scores_have_one_shape_and_range(backend: SentimentModel) -> None:
    """Float64, one a span, −1..1, and 0 for a span without a letter."""
    scores = _scores(backend, ["很好", "", "太差了", "12:30", "👍", "？", "ok"])
    assert scores.dtype == np.float64
    assert scores.shape == (7,)
    assert (np.abs(scores) <= 1).all()
    assert (scores == 0).tolist() == [False, True, False, True, True, True, False]


def test_spans_score_as_texts(backend: SentimentModel) -> None:
    """A clause scores as if it stood alone."""
    column = TextColumn.of(["味道不错，但是等了一个小时"])
    spans = backend.scores(column, np.array([0, 5]), np.array([4, 13]))
    assert spans == pytest.approx(_scores(backend, ["味道不错", "但是等了一个小时"]), abs=1e-6)


def test_no_spans(backend: SentimentModel) -> None:
    """No spans, no scores."""
    none = np.zeros(0, np.int64)
    assert backend.scores(TextColumn.of([]), none, none).tolist() == []


def test_backends_name_their_version() -> None:
    """The version tells whose numbers they are."""
    pytest.importorskip("snownlp")
    versions = {sentiment.load(name).version for name in ("ngram", "snownlp")}
    assert len(versions) == 2


@pytest.mark.parametrize(
    ("score", "band", "label"),
    [
        (0.3, 0.05, "positive"),
        (-0.3, 0.05, "negative"),
        (0.05, 0.05, "neutral"),
        (-0.05, 0.05, "neutral"),
        (0.0, 0.0, "neutral"),
        (1e-9, 0.0, "positive"),
        (1.0, 0.99, "positive"),
        (-1.0, 0.99, "negative"),
    ],
)
def test_labels(score: float, band: float, label: str) -> None:
    """Scores within ± the band, its ends included, are neutral."""
    assert LABELS[sentiment.labels(np.array([score]), neutral_band=band)[0]] == label


@given(arrays(np.float64, st.integers(0, 20), elements=st.floats(-1, 1)))
def test_confidence_is_the_probability_of_the_likelier_side(scores: np.ndarray) -> None:
    """Confidence lies within 0.5..1 and does not care about the sign."""
    sure = sentiment.confidence(scores)
    assert ((sure >= 0.5) & (sure <= 1)).all()
    assert (sure == sentiment.confidence(-scores)).all()
    assert sure == pytest.approx((1 + np.abs(scores)) / 2)


def _composed(seed: int) -> tuple[list[str], np.ndarray]:
    """200 short texts from word groups; label 1 praise, 0 complaint."""
    rng = np.random.default_rng(seed)
    things = ["快递", "客服", "早餐", "房间", "医生", "宽带", "柜台", "包装", "屏幕", "停车"]
    verdicts = [["太慢", "很差", "敷衍", "坏了", "骗人"], ["很快", "很好", "耐心", "满意", "漂亮"]]
    tails = ["", "，真的", "，大家看看", "，上次也是", "，特此说明"]
    labels = rng.integers(0, 2, 200)
    texts = [
        rng.choice(things) + rng.choice(verdicts[label]) + rng.choice(tails) for label in labels
    ]
    return texts, labels


@pytest.fixture(scope="module")
def trained() -> tuple[NgramSentiment, NgramSentiment]:
    """Two models trained on the same texts."""
    texts, labels = _composed(1)
    return training.train_sentiment(texts, labels), training.train_sentiment(texts, labels)


def test_training_twice_gives_the_same_model(trained: tuple[NgramSentiment, ...]) -> None:
    """Same data, same weights, same numbers, same version."""
    one, other = trained
    assert (one.weights == other.weights).all()
    assert (one.version, one.bias, one.slope, one.shift) == (
        other.version, other.bias, other.slope, other.shift,
    )  # fmt: skip


def test_other_data_gives_another_version(trained: tuple[NgramSentiment, ...]) -> None:
    """The version follows the weights."""
    texts, labels = _composed(2)
    assert training.train_sentiment(texts, labels).version != trained[0].version


def test_a_trained_model_has_learnt(trained: tuple[NgramSentiment, ...]) -> None:
    """It tells new praise from new complaints."""
    texts, labels = _composed(3)
    assert ((_scores(trained[0], texts) > 0) == (labels == 1)).mean() > 0.95


def test_saving_twice_gives_equal_bytes(
    trained: tuple[NgramSentiment, ...], tmp_path: Path
) -> None:
    """Weights, card and manifest of equal models are equal files."""
    names = (sentiment.WEIGHTS_FILE, sentiment.CARD_FILE, artefacts.MANIFEST)
    for model, name in zip(trained, ("one", "other"), strict=True):
        (tmp_path / name).mkdir()
        training.save_sentiment(model, tmp_path / name, {"data": "composed"})
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_saved_model_loads_as_it_was(trained: tuple[NgramSentiment, ...], tmp_path: Path) -> None:
    """Scores before saving and after loading are the same."""
    training.save_sentiment(trained[0], tmp_path, {})
    loaded = sentiment.load("ngram", folder=tmp_path)
    assert loaded.version == trained[0].version
    assert (_scores(loaded, PRAISE) == _scores(trained[0], PRAISE)).all()


def test_features_are_what_is_scored(trained: tuple[NgramSentiment, ...]) -> None:
    """Training and scoring see the same n-grams: z from the features gives the score."""
    model = trained[0]
    texts = ["快递太慢", "", "X5很好！", "〔手机#a1b2c3〕没人接"]
    z = training.features(texts) @ model.weights + model.bias
    expected = np.where([bool(t) for t in texts], np.tanh((model.slope * z + model.shift) / 2), 0)
    assert _scores(model, texts) == pytest.approx(expected, abs=1e-5)
