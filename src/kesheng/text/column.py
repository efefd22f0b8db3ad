"""One string for a whole column, so that patterns run over it in one C call.

Texts are joined by a separator that occurs in no text and that no step touches.
What is found at a position of the joined string is found in exactly one text,
so a batch gives the same rows whatever its size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

# U+FFFF is a noncharacter: it is never text (Unicode, section 23.7).
SEPARATOR = "\uffff"

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TextColumn:
    """A column of texts, joined.

    joined: the texts with a separator after each.
    points: its code points, uint32, shape (len(joined),).
    starts, ends: int64, one per text; text r is joined[starts[r]:ends[r]].
    """

    joined: str
    points: npt.NDArray[np.uint32]
    starts: Ints
    ends: Ints

    @classmethod
    def of(cls, texts: Sequence[str]) -> TextColumn:
        """Join cleaned texts (no separator, no lone surrogates inside)."""
        joined = "".join(text + SEPARATOR for text in texts)
        points = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        ends = np.cumsum(lengths + 1) - 1
        return cls(joined, points, ends - lengths, ends)

    @cached_property
    def _prefixes(self) -> npt.NDArray[np.int64]:
        """Running counts of Chinese, Latin and other letters, shape (3, len(joined) + 1)."""
        points = self.points
        chinese = (points >= 0x3400) & (points <= 0x9FFF) | (points >= 0x20000) & (points < 0x40000)
        latin = (points | 32 >= ord("a")) & (points | 32 <= ord("z"))
        other = (points >= 0xC0) & (points < 0x2000) | (points >= 0x3040) & (points < 0x3400)
        other |= (points >= 0xAC00) & (points <= 0xD7A3)
        counts = np.zeros((3, len(points) + 1), dtype=np.int64)
        np.cumsum([chinese, latin, other], axis=1, out=counts[:, 1:])
        return counts

    def letters(self, starts: Ints, ends: Ints) -> Ints:
        """Chinese, Latin and other letters of each span, shape (3, spans)."""
        return np.subtract(self._prefixes[:, ends], self._prefixes[:, starts])

    def row_of(self, positions: Ints) -> Ints:
        """The text each position of `joined` lies in."""
        return np.searchsorted(self.ends, positions, side="left").astype(np.int64)


def over_joined(step: Callable[[str], str], texts: Sequence[str]) -> list[str]:
    """Apply a step that neither adds, removes nor crosses separators to many texts at once."""
    if not texts:
        return []
    return step(SEPARATOR.join(texts)).split(SEPARATOR)
