"""Topics: seeded, named by words that mean something, and stable once extracted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from kesheng.models import topics
from kesheng.models.topics import TopicModel
from kesheng.settings import SegmentSettings, TopicSettings
from kesheng.text.segment import Tokeniser, stop_words, tokeniser

SETTINGS = TopicSettings(count=4, min_texts=100)
# Four things people speak of; each text takes its words from one of them.
GROUPS = (
    ("快递", "包裹", "物流", "驿站", "签收", "派送"),
    ("早餐", "豆浆", "油条", "自助餐", "水果", "咖啡"),
    ("宽带", "网速", "路由器", "光纤", "掉线", "套餐"),
    ("挂号", "候诊", "医生", "药房", "检查", "病历"),
)
FILLERS = (
    "，真的",
    "！！",
    "，我们",
    "，希望",
    "。。。",
    "，2024年",
    "，因为",
    "〔手机#a1b2c3〕",
    "，但是",
    "",
)


def _composed(size: int, seed: int = 5) -> tuple[list[str], list[int]]:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, len(GROUPS), size).tolist()
    texts = [
        "".join(word + rng.choice(FILLERS) for word in rng.choice(GROUPS[group], 3, replace=False))
        for group in groups
    ]
    return texts, groups


@pytest.fixture(scope="module")
def words() -> Tokeniser:
    """A tokeniser that keeps the words of the groups whole."""
    return tokeniser(SegmentSettings(), terms=[word for group in GROUPS for word in group])


@pytest.fixture(scope="module")
def table(words: Tokeniser) -> pa.Table:
    """Topics of 400 composed texts."""
    return topics.fit(_composed(400)[0], tokeniser=words, settings=SETTINGS)


@pytest.fixture(scope="module")
def model(table: pa.Table) -> TopicModel:
    """The topics, ready to assign."""
    return TopicModel.of(table, min_score=SETTINGS.min_score)


def test_topics_are_the_groups(table: pa.Table) -> None:
    """Each topic's six best terms are the words of one group, and every group has a topic."""
    best = [frozenset(terms[:6]) for terms in table["terms"].to_pylist()]
    assert set(best) == {frozenset(group) for group in GROUPS}


def test_extraction_is_seeded(table: pa.Table, words: Tokeniser) -> None:
    """The same texts give the same topics, to the last digit."""
    assert topics.fit(_composed(400)[0], tokeniser=words, settings=SETTINGS).equals(table)


def test_terms_are_words(table: pa.Table) -> None:
    """No blank, mark, number, stop word or part of a pseudonym is a term."""
    terms = [term for row in table["terms"].to_pylist() for term in row]
    assert terms
    assert all(term.isalpha() and len(term) > 1 for term in terms)
    assert not set(terms) & (stop_words() | {"手机", "a1b2c3"})


def test_terms_carry_weights_and_label(table: pa.Table) -> None:
    """Weights fall from term to term, have unit length, and the best terms make the label."""
    for row in table.to_pylist():
        assert len(row["terms"]) == len(row["weights"]) == len(row["idf"])
        assert row["weights"] == sorted(row["weights"], reverse=True)
        assert np.linalg.norm(row["weights"]) == pytest.approx(1, abs=1e-4)
        assert row["label"].split("·") == row["terms"][: topics.LABEL_TERMS]
        assert row["n_fit"] == 400
    assert table["topic_id"].to_pylist() == ["t001", "t002", "t003", "t004"]


@pytest.mark.parametrize(
    "texts",
    [
        [],
        _composed(99)[0],
        ["的了吗"] * 200,
        ["很好！"] * 200,
        ["，。！"] * 200,
        [chr(0x4E00 + 3 * i) * 2 for i in range(200)],
    ],
    ids=["none", "too few", "stop words", "one short text", "marks", "each word once"],
)
def test_nothing_to_extract(words: Tokeniser, texts: list[str]) -> None:
    """Too few texts, or texts without shared words, give no topics and no error."""
    table = topics.fit(texts, tokeniser=words, settings=SETTINGS)
    assert table.num_rows == 0
    model = TopicModel.of(table, min_score=SETTINGS.min_score)
    assert model.assign(["快递很慢"], words) == ([None], [None])


def test_texts_go_to_the_topic_of_their_words(model: TopicModel, words: Tokeniser) -> None:
    """New texts of one group share a topic, and groups do not."""
    texts, groups = _composed(80, seed=6)
    ids, _ = model.assign(texts, words)
    topic_of = {
        group: {t for t, g in zip(ids, groups, strict=True) if g == group} for group in range(4)
    }
    assert all(len(found) == 1 for found in topic_of.values())
    assert len(set.union(*topic_of.values())) == 4


def test_below_the_threshold_there_is_no_topic(table: pa.Table, words: Tokeniser) -> None:
    """A text without a topic's words has none; with the threshold at 1 nearly no text has."""
    loose = TopicModel.of(table, min_score=SETTINGS.min_score)
    assert loose.assign(["停车费太贵", "", "，"], words) == ([None] * 3, [None] * 3)
    strict = TopicModel.of(table, min_score=0.999)
    assert loose.assign(["快递放驿站"], words)[0] != [None]
    assert strict.assign(["快递放驿站"], words) == ([None], [None])


def test_scores_are_cosines(model: TopicModel, words: Tokeniser) -> None:
    """Scores lie between the threshold and 1; more words of a topic score higher."""
    texts, _ = _composed(80, seed=7)
    _, scores = model.assign(texts, words)
    assert all(SETTINGS.min_score <= score <= 1 for score in scores if score is not None)
    one, three = model.assign(["快递", "快递包裹物流"], words)[1]
    assert one is not None
    assert three is not None
    assert one < three


def test_other_texts_change_nothing(model: TopicModel, words: Tokeniser) -> None:
    """A text's topic and score are the same alone and among others."""
    texts, _ = _composed(40, seed=8)
    together = model.assign([*texts, "停车费太贵", ""], words)
    alone = [model.assign([text], words) for text in texts]
    assert together[0][:40] == [ids[0] for ids, _ in alone]
    assert together[1][:40] == pytest.approx([scores[0] for _, scores in alone], abs=1e-9)


def test_no_texts(model: TopicModel, words: Tokeniser) -> None:
    """Nothing in, nothing out."""
    assert model.assign([], words) == ([], [])
