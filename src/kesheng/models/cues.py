"""What a whole feedback is (complaint, praise, suggestion, query) and how severe."""

from __future__ import annotations

from functools import cache

import ahocorasick_rs
import numpy as np
import numpy.typing as npt

from kesheng.models.aspects import find
from kesheng.taxonomy import Taxonomy
from kesheng.text.column import TextColumn
from kesheng.text.privacy import TEXT_DIGITS as PSEUDONYM_DIGITS

TYPES = ("complaint", "praise", "suggestion", "query")

# Written for this project. A wish or an advice addressed to the provider …
_SUGGESTION = (
    "建议", "希望能", "希望贵", "希望可以", "希望以后", "希望增加",
    "希望改进", "希望你们", "要是能", "如果能", "要是可以",
    "最好能", "能不能增加", "能不能加", "可否增加", "就更好了", "就完美了",
    "就好了", "有待改进", "有待提高", "望改进", "应该增加",
)  # fmt: skip
# … not one to other customers (建议大家别买), nor one that was turned down.
_NO_SUGGESTION = (
    "建议大家",
    "不建议",
    "建议别",
    "建议不要",
    "建议各位",
    "没有建议",
    "建议购买",
    "建议入手",
)
_QUERY = (
    "请问", "想问", "咨询一下", "怎么办理", "怎么操作", "怎么用",
    "如何办理", "如何使用", "有没有人知道", "是什么意思",
    "可以吗", "能办吗", "行吗", "几点开门", "几点下班", "什么时候能", "在哪里办",
    "需要什么材料", "需要带什么", "有没有货", "怎么申请", "怎么预约",
)  # fmt: skip


@cache
def _automaton(words: tuple[str, ...]) -> ahocorasick_rs.AhoCorasick:
    return ahocorasick_rs.AhoCorasick(
        list(words), matchkind=ahocorasick_rs.MatchKind.LeftmostLongest
    )


def _rows_with(
    column: TextColumn, words: tuple[str, ...], *, but_not: tuple[str, ...] = ()
) -> npt.NDArray[np.bool_]:
    """Which texts hold one of `words`, longer words of `but_not` not counted."""
    result = np.zeros(len(column.starts), dtype=bool)
    pattern, start, _ = find(_automaton((*words, *but_not)), column)
    start = start[pattern < len(words)]
    # 〔手机#a12315〕 is no call to 12315: nothing may depend on a pseudonym's digits.
    hidden = np.zeros(len(start), dtype=bool)
    for distance in range(1, PSEUDONYM_DIGITS + 1):
        hidden |= column.points[np.maximum(start - distance, 0)] == ord("#")
    result[column.row_of(start[~hidden])] = True
    return result


def feedback_types(column: TextColumn, labels: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Index into `TYPES`, -1 where it cannot be said.

    Args:
        labels: sentiment labels, 0 negative, 1 neutral, 2 positive.
    """
    kinds = np.select([labels == 0, labels == 2], [0, 1], -1)
    ends_asking = np.zeros(len(column.starts), dtype=bool)
    filled = column.ends > column.starts
    last = column.points[column.ends[filled] - 1]
    ends_asking[filled] = (last == ord("？")) | (last == ord("?"))
    query = _rows_with(column, _QUERY) & (ends_asking | (labels != 0))
    suggestion = _rows_with(column, _SUGGESTION, but_not=_NO_SUGGESTION)
    kinds = np.where(suggestion, 2, kinds)
    return np.where(query, 3, kinds).astype(np.int8)


def severities(
    column: TextColumn, labels: npt.NDArray[np.int8], taxonomy: Taxonomy
) -> npt.NDArray[np.int8]:
    """Severity 0..3 by the taxonomy's word lists (methods.md M25).

    A text that is not negative has 0, whatever its words: 退款很快 accuses
    nobody. Words of `hazard_override` give 3 in any text that is not positive.
    """
    words = taxonomy.severity
    level = np.where(labels == 0, 1, 0)
    for value, name in ((2, "level2_accusation"), (3, "level3_blame_escalation")):
        found = _rows_with(column, words.get(name, ()))
        level = np.where(found & (labels == 0), value, level)
    hazard = _rows_with(column, words.get("hazard_override", ()))
    return np.where(hazard & (labels != 2), 3, level).astype(np.int8)
