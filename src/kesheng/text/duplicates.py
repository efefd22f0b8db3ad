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

# 128 permutations in 16 bands of 8: a pair of similarity 0.85 is a candidate with
# probability 1 - (1 - 0.85**8)**16 > 0.99, one of 0.5 with 0.06. Candidates are
# then compared exactly.
PERMUTATIONS, BANDS, SEED = 128, 16, 20260101
SHINGLE = 3


def find(
    texts: Sequence[str], *, settings: TextSettings, apart: Sequence[str] | None = None
) -> npt.NDArray[np.int64]:
    """Find for each text the first text that it repeats.

    Args:
        texts: cleaned texts of one partition, in the partition's order.
        apart: rows with the same value here are known to be no duplicates of each other.

    Returns:
        int64, shape (len(texts),): index of the original, or -1. An original
        is never itself a duplicate.
    """
    apart = apart or [str(i) for i in range(len(texts))]
    bare = ["".join(filter(str.isalnum, text)) for text in texts]
    original = np.full(len(texts), -1, dtype=np.int64)
    first: dict[str, int] = {}
    for i, text in enumerate(bare):
        if len(text) >= settings.exact_min_chars:
            j = first.setdefault(text, i)
            if apart[i] != apart[j]:
                original[i] = j
    long = [
        i
        for i, text in enumerate(bare)
        if len(text) >= settings.near_min_chars and first[text] == i
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
    # Only originals are in the index: a thousand copies are compared with one text each.
    index = rensa.RMinHashLSH(similarity, PERMUTATIONS, BANDS)
    pairs: list[tuple[int, int]] = []
    for i, digest in zip(suspects, digests, strict=True):
        candidates = sorted(index.query(digest))
        near = (j for j in candidates if _jaccard(shingles[i], shingles[j]) >= similarity)
        found = next(near, None)
        if found is None:
            index.insert(i, digest)
        else:
            pairs.append((i, found))
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
