"""Exact and near duplicates within one partition (source × day).

Duplicates are linked, never dropped. They are sought among the rows of one day
of one source: a text sent twice, an export loaded twice, a campaign. So a
partition depends on its own rows only, and a late row changes its own day only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import rensa

from kesheng.settings import TextSettings
from kesheng.text.column import TextColumn

# 128 permutations in 32 bands of 4: a pair of similarity 0.85 is a candidate
# with probability 1 - (1 - 0.85**4)**32 > 0.9999; each candidate is then compared exactly.
PERMUTATIONS, BANDS, SEED = 128, 32, 20260101
SHINGLE = 3


def find(texts: Sequence[str], *, settings: TextSettings) -> npt.NDArray[np.int64]:
    """Find for each text the first text that it repeats.

    Args:
        texts: cleaned texts of one partition, in the partition's order.

    Returns:
        int64, shape (len(texts),): index of the original, or -1. An original
        is never itself a duplicate.
    """
    bare = ["".join(filter(str.isalnum, text)) for text in texts]
    original = np.full(len(texts), -1, dtype=np.int64)
    first: dict[str, int] = {}
    for i, text in enumerate(bare):
        if len(text) >= settings.exact_min_chars:
            j = first.setdefault(text, i)
            if j != i:
                original[i] = j
    long = [
        i for i, text in enumerate(bare) if len(text) >= settings.near_min_chars and original[i] < 0
    ]
    for i, j in _near([bare[i] for i in long], settings.near_similarity):
        original[long[i]] = long[j]
    # A copy of a near duplicate points at the near duplicate's own original.
    chained = (original >= 0) & (original[original] >= 0)
    original[chained] = original[original[chained]]
    return original


def _near(texts: list[str], similarity: float) -> list[tuple[int, int]]:
    """Pairs (duplicate, original) of different texts with that Jaccard similarity or more."""
    suspects = _sharing_a_band(texts)
    if len(suspects) == 0:
        return []
    shingles = {i: {texts[i][k : k + SHINGLE] for k in range(len(texts[i]) - 2)} for i in suspects}
    # Sorted, so that the digests do not depend on Python's hash seed.
    digests = rensa.RMinHash.from_token_sets(map(sorted, shingles.values()), PERMUTATIONS, SEED)
    index = rensa.RMinHashLSH(similarity, PERMUTATIONS, BANDS)
    index.insert_many(digests)
    pairs: list[tuple[int, int]] = []
    duplicates: set[int] = set()
    for i, candidates in zip(suspects, index.query_all(digests), strict=True):
        for j in sorted(suspects[c] for c in candidates if suspects[c] < i):
            if j not in duplicates and _jaccard(shingles[i], shingles[j]) >= similarity:
                pairs.append((i, j))
                duplicates.add(i)
                break
    return pairs


def _sharing_a_band(texts: list[str]) -> list[int]:
    """Rows that share a band of their MinHash with another row, at array speed."""
    if len(texts) < 2:
        return []
    column = TextColumn.of(texts)
    points = column.points.astype(np.uint64)
    # Three code points of 21 bits each: the shingle itself, not a hash of it.
    grams = (points[:-2] << np.uint64(42)) | (points[1:-1] << np.uint64(21)) | points[2:]
    sizes = column.ends - column.starts - (SHINGLE - 1)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    inside = np.arange(offsets[-1]) + np.repeat(column.starts - offsets[:-1], sizes)
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(
        grams[inside], offsets.astype(np.uint64), PERMUTATIONS, SEED
    )
    index = rensa.RMinHashLSH(0.5, PERMUTATIONS, BANDS)
    return [i for i, flag in enumerate(index.query_duplicate_flags_matrix_one_shot(matrix)) if flag]


def _jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b)
