"""Hashed character n-grams of a whole column at once.

A column of texts is one array of code points (`text.column`); every n-gram of
it becomes one bucket number by vectorised arithmetic. No Python loop touches a text, so
hashing and scoring run at NumPy speed, and the score of any span (a text, a
clause) is a difference of two prefix sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from kesheng.text.privacy import TEXT_DIGITS as PSEUDONYM_DIGITS

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_BMP = 0x10000
# Knuth's multiplicative constant (2**32 / golden ratio) and the finaliser of
# MurmurHash3: cheap, and good enough that buckets fill evenly.
_GOLDEN = np.uint32(0x9E3779B1)
_MIX1, _MIX2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)


@cache
def _fold_table() -> npt.NDArray[np.uint32]:
    """Map letters to lower case, digits to 0, full-width punctuation to ASCII."""
    table = np.arange(_BMP, dtype=np.uint32)
    table[ord("A") : ord("Z") + 1] += 32
    table[ord("0") : ord("9") + 1] = ord("0")
    for wide, narrow in zip("，！？：；（）～。、", ",!?:;()~..", strict=True):
        table[ord(wide)] = ord(narrow)
    table[[ord(c) for c in "\t\n\u3000"]] = ord(" ")
    return table


def fold(points: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Fold case, digits, punctuation and pseudonyms; length and positions stay.

    The hex digits of 〔手机#a1f3c2〕 all become 0: under another key they would
    be others, and no score may depend on the key.
    """
    table = _fold_table()
    inside = points < _BMP
    folded = np.where(inside, table[np.where(inside, points, 0)], points)
    marks = np.flatnonzero(folded == ord("#"))
    for distance in range(1, PSEUDONYM_DIGITS + 1):
        after = marks[marks + distance < len(folded)] + distance
        hexadecimal = (folded[after] >= ord("a")) & (folded[after] <= ord("f"))
        folded[after[hexadecimal]] = ord("0")
    return folded


def buckets(
    points: npt.NDArray[np.uint32], *, orders: Sequence[int], bits: int
) -> dict[int, npt.NDArray[np.uint32]]:
    """Hash the n-grams that start at each position.

    Args:
        points: folded code points, shape (n,).
        orders: n-gram lengths, ascending, from 1.
        bits: log2 of the number of buckets, 1..31.

    Returns:
        For each order k, uint32 of shape (max(n - k + 1, 0),): the bucket of
        points[i:i + k]. N-grams that cross the end of a text are in the array
        too; `span_sums` leaves them out.
    """
    result: dict[int, npt.NDArray[np.uint32]] = {}
    state = np.zeros(len(points), dtype=np.uint32)
    with np.errstate(over="ignore"):
        for order in range(1, max(orders) + 1):
            size = max(len(points) - order + 1, 0)
            state = (state[:size] ^ points[order - 1 : order - 1 + size]) * _GOLDEN
            state ^= state >> np.uint32(15)
            if order in orders:
                mixed = (state ^ np.uint32(order)) * _MIX1
                mixed ^= mixed >> np.uint32(13)
                mixed *= _MIX2
                result[order] = mixed >> np.uint32(32 - bits)
    return result


def span_sums(
    weights: npt.NDArray[np.float32],
    hashed: dict[int, npt.NDArray[np.uint32]],
    starts: Ints,
    ends: Ints,
) -> tuple[Floats, Floats]:
    """Sum the weights of the n-grams that lie wholly inside each span.

    Returns:
        (sums, counts), float64, one per span; counts is the number of n-grams.
    """
    sums = np.zeros(len(starts), dtype=np.float64)
    counts = np.zeros(len(starts), dtype=np.float64)
    for order, bucket in hashed.items():
        prefix = np.zeros(len(bucket) + 1, dtype=np.float64)
        np.cumsum(weights[bucket], out=prefix[1:], dtype=np.float64)
        stop = np.clip(ends - order + 1, starts, None)
        inside = np.minimum(stop, len(bucket))
        begin = np.minimum(starts, len(bucket))
        sums += prefix[inside] - prefix[begin]
        counts += stop - starts
    return sums, counts
