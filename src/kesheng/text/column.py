"""One string for a whole column, so that patterns run over it in one C call.

Texts are joined by a separator that occurs in no text and that no step touches.
What is found at a position of the joined string is found in exactly one text,
so a batch gives the same rows whatever its size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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

    def row_of(self, positions: Ints) -> Ints:
        """The text each position of `joined` lies in."""
        return np.searchsorted(self.ends, positions, side="left").astype(np.int64)


def over_joined(step: Callable[[str], str], texts: Sequence[str]) -> list[str]:
    """Apply a step that neither adds, removes nor crosses separators to many texts at once."""
    if not texts:
        return []
    return step(SEPARATOR.join(texts)).split(SEPARATOR)
