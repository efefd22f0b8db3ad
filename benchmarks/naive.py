"""What users run today: jieba and SnowNLP row by row, LDA, pandas to_parquet."""

from __future__ import annotations

import sys

import jieba
import pandas as pd
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer
from snownlp import SnowNLP


def main() -> None:
    """Read a Parquet file with a column text, write the scored rows."""
    frame = pd.read_parquet(sys.argv[1])
    frame["words"] = [" ".join(jieba.cut(text)) for text in frame["text"]]
    frame["sentiment"] = [SnowNLP(text).sentiments for text in frame["text"]]
    counts = CountVectorizer(max_features=5000).fit_transform(frame["words"])
    topics = LatentDirichletAllocation(n_components=20, random_state=0).fit_transform(counts)
    frame["topic"] = topics.argmax(axis=1)
    frame.to_parquet(sys.argv[2])


if __name__ == "__main__":
    main()
