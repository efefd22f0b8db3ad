"""Topics: extracted once (NMF on TF-IDF), named by class-based TF-IDF, then only assigned.

The `topic` table is the model: its terms, weights and inverse document
frequencies are all that assignment needs, so a topic's number means the same
tomorrow as today.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import rjieba
import scipy.sparse as sp

from kesheng import schema
from kesheng.settings import TopicSettings
from kesheng.text.segment import Tokeniser, stop_words

Floats = npt.NDArray[np.float64]

# A topic word: two Chinese characters or more, or a Latin word of two letters or more.
_WORD = re.compile(r"[\u4e00-\u9fff]{2,}|[A-Za-z][A-Za-z+]{1,}")
_PSEUDONYM = re.compile(r"〔[^〕]*〕")
# Numbers (一天, 四个), times, places (门口), pronouns, adverbs and particles name no topic.
_NO_TOPIC_TAGS = frozenset("mqtrdpcuyeofsx")
TERMS_PER_TOPIC = 30
LABEL_TERMS = 3
MIN_TEXTS_PER_TOPIC = 30


def words(texts: Sequence[str], tokeniser: Tokeniser) -> list[list[str]]:
    """Topic words of each text: no stop words, numbers, punctuation or pseudonyms."""
    return [
        [word for word in tokeniser.cut(_PSEUDONYM.sub(" ", text)) if is_topic_word(word)]
        for text in texts
    ]


@lru_cache(maxsize=1 << 18)
def is_topic_word(word: str) -> bool:
    """Whether a word can name a topic."""
    if _WORD.fullmatch(word) is None or word in stop_words():
        return False
    # rjieba's dictionary knows the part of speech, whichever backend cut the text. A word
    # that it cuts is one of the taxonomy's or the user's, and taken as it is.
    tags = [tag for _, tag in rjieba.tag(word)]
    return len(tags) > 1 or tags[0] == "eng" or tags[0][0] not in _NO_TOPIC_TAGS


def fit(texts: Sequence[str], *, tokeniser: Tokeniser, settings: TopicSettings) -> pa.Table:
    """Extract topics.

    Returns:
        Rows of the `topic` table but for run_id; none if there are too few texts.
    """
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
    from threadpoolctl import threadpool_limits

    empty = schema.TOPIC.arrow().empty_table().drop_columns(["run_id"])
    if len(texts) < settings.min_texts:
        return empty
    vectoriser = CountVectorizer(
        analyzer=lambda tokens: tokens,
        min_df=max(2, len(texts) // 1000),
        max_df=0.3,
        max_features=8000,
    )
    try:
        counts = vectoriser.fit_transform(words(texts, tokeniser))
    except ValueError:  # no word is left: nothing but stop words or single occurrences
        return empty
    count = min(settings.count, len(texts) // MIN_TEXTS_PER_TOPIC, counts.shape[1] - 1)
    if count < 2:
        return empty
    transformer = TfidfTransformer(sublinear_tf=True).fit(counts)
    model = NMF(count, init="nndsvd", random_state=settings.seed, max_iter=200, tol=1e-3)
    # One thread: sums in another order could change the last digits.
    with threadpool_limits(1):
        members = model.fit_transform(transformer.transform(counts))
    vocabulary = np.asarray(vectoriser.get_feature_names_out(), dtype=object)
    return _name(counts, members, vocabulary, transformer.idf_, len(texts))


def _name(
    counts: sp.csr_matrix, members: Floats, vocabulary: npt.NDArray[np.object_], idf: Floats, n: int
) -> pa.Table:
    """Class-based TF-IDF (Grootendorst 2022): tf of the term in the topic x log(1 + A / f)."""
    topic = np.where(members.max(axis=1) > 0, members.argmax(axis=1), -1)
    sizes = np.bincount(topic[topic >= 0], minlength=members.shape[1])
    kept = [t for t in np.argsort(-sizes, kind="stable") if sizes[t] >= MIN_TEXTS_PER_TOPIC // 5]
    if not kept:
        return schema.TOPIC.arrow().empty_table().drop_columns(["run_id"])
    per_topic = np.vstack([np.asarray(counts[topic == t].sum(axis=0)).ravel() for t in kept])
    frequency = np.maximum(per_topic.sum(axis=0), 1)
    average = per_topic.sum() / len(kept)
    share = per_topic / np.maximum(per_topic.sum(axis=1, keepdims=True), 1)
    weights = share * np.log(1 + average / frequency)
    rows = []
    for number, row in enumerate(weights, start=1):
        best = [i for i in np.argsort(-row, kind="stable")[:TERMS_PER_TOPIC] if row[i] > 0]
        norm = np.sqrt((row[best] ** 2).sum())
        rows.append({
            "topic_id": f"t{number:03d}",
            "label": "·".join(vocabulary[best[:LABEL_TERMS]]),
            "terms": list(vocabulary[best]),
            "weights": [round(float(w), 6) for w in row[best] / norm],
            "idf": [round(float(w), 6) for w in idf[best]],
            "n_fit": n,
        })  # fmt: skip
    target = schema.TOPIC.arrow()
    return pa.Table.from_pylist(rows, schema=target.remove(target.get_field_index("run_id")))


@dataclass(frozen=True)
class TopicModel:
    """Assigns texts to the topics of a `topic` table."""

    ids: list[str]
    vocabulary: dict[str, int]
    idf: Floats
    weights: sp.csr_matrix
    min_score: float

    @classmethod
    def of(cls, rows: pa.Table, *, min_score: float) -> TopicModel:
        """Build from rows of the `topic` table."""
        vocabulary: dict[str, int] = {}
        idf: list[float] = []
        entries: list[tuple[float, int, int]] = []
        for number, row in enumerate(rows.to_pylist()):
            for term, weight, term_idf in zip(
                row["terms"], row["weights"], row["idf"], strict=True
            ):
                if vocabulary.setdefault(term, len(vocabulary)) == len(idf):
                    idf.append(term_idf)
                entries.append((weight, number, vocabulary[term]))
        values, topics, terms = zip(*entries, strict=True) if entries else ((), (), ())
        shape = (rows.num_rows, max(len(vocabulary), 1))
        weights = sp.csr_matrix((values, (topics, terms)), shape=shape)
        ids = rows["topic_id"].to_pylist()
        return cls(ids, vocabulary, np.array(idf or [1.0]), weights, min_score)

    def assign(
        self, texts: Sequence[str], tokeniser: Tokeniser
    ) -> tuple[list[str | None], list[float | None]]:
        """Topic and cosine similarity of each text; None below `min_score`."""
        if not self.ids:
            return [None] * len(texts), [None] * len(texts)
        tokens = words(texts, tokeniser)
        rows = [r for r, ws in enumerate(tokens) for w in ws if w in self.vocabulary]
        terms = [self.vocabulary[w] for ws in tokens for w in ws if w in self.vocabulary]
        counts = sp.csr_matrix(
            (np.ones(len(rows)), (rows, terms)), shape=(len(texts), len(self.idf))
        )
        counts.data = 1 + np.log(counts.data)
        vectors = sp.csr_matrix(counts.multiply(self.idf))
        norms = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
        cosine = (vectors @ self.weights.T).toarray() / np.maximum(norms, 1e-12)[:, None]
        best = cosine.argmax(axis=1)
        score = cosine[np.arange(len(texts)), best]
        kept = score >= self.min_score
        return (
            [self.ids[t] if k else None for t, k in zip(best, kept, strict=True)],
            [float(s) if k else None for s, k in zip(score, kept, strict=True)],
        )
