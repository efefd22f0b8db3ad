"""Clauses: what stands between punctuation, line breaks and contrasting conjunctions."""

from __future__ import annotations

from functools import cache

import ahocorasick_rs
import numpy as np
import numpy.typing as npt

from kesheng.text.column import SEPARATOR, TextColumn

Ints = npt.NDArray[np.int64]

_ALWAYS = "。！？；，!?;\n…~～" + SEPARATOR
_STRIP = _ALWAYS + " .,、:：—-()（）[]【】“”\"'‘’《》·*"
# A clause starts before these. The second list holds words in which they are
# no contrast; longest match lets the longer word win.
_CONTRAST = ("但是", "但", "不过", "可是", "然而", "可惜", "只是", "就是", "唯一", "除了")
_NO_CONTRAST = (
    "不但", "非但", "但愿", "但凡", "何但", "再好不过", "不过如此", "只不过", "不过是", "不过关", "不过期",
    "不过来", "不过去", "不过分", "不只是", "不就是", "也就是", "就是说", "就是了", "而不是", "可是的",
    "本来就是", "那就是", "这就是", "真的就是", "原来就是", "都不过", "忍不过", "气不过", "说不过", "看不过",
    "只是为了", "除了名",
)  # fmt: skip


@cache
def _contrast() -> ahocorasick_rs.AhoCorasick:
    return ahocorasick_rs.AhoCorasick(
        [*_CONTRAST, *_NO_CONTRAST], matchkind=ahocorasick_rs.MatchKind.LeftmostLongest
    )


def _is_one_of(points: npt.NDArray[np.uint32], characters: str) -> npt.NDArray[np.bool_]:
    codes = np.frombuffer(characters.encode("utf-32-le"), dtype=np.uint32)
    return np.isin(points, codes)


def split(column: TextColumn) -> tuple[Ints, Ints]:
    """Find the clauses of a column.

    Returns:
        (starts, ends), int64, positions in `column.joined`, in order; without
        the punctuation and blanks at their ends, none empty. A clause lies in
        one text.
    """
    points = column.points
    if len(points) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    cuts = np.flatnonzero(_is_one_of(points, _ALWAYS) | _soft_stops(points)) + 1
    contrasts = [
        start
        for index, start, _ in _contrast().find_matches_as_indexes(column.joined)
        if index < len(_CONTRAST)
    ]
    bounds = np.unique(
        np.concatenate([[0], cuts, np.asarray(contrasts, dtype=np.int64), [len(points)]])
    )
    starts, ends = bounds[:-1], bounds[1:]
    # Move both ends inward to the nearest character that is content.
    content = ~_is_one_of(points, _STRIP)
    places = np.flatnonzero(content)
    first = np.searchsorted(places, starts)
    last = np.searchsorted(places, ends) - 1
    kept = first <= last
    return places[first[kept]].astype(np.int64), places[last[kept]].astype(np.int64) + 1


def _soft_stops(points: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Marks that stop a clause only between words: . , and blank, not in 3.5, 1,000 or X5 Pro."""
    alphanumeric = (points < 128) & _is_one_of(
        points, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    )
    before = np.concatenate([[False], alphanumeric[:-1]])
    after = np.concatenate([alphanumeric[1:], [False]])
    points_and_commas = _is_one_of(points, ".,") & ~(before & after)
    blanks = _is_one_of(points, " ") & ~(before | after)
    stops: npt.NDArray[np.bool_] = points_and_commas | blanks
    return stops
