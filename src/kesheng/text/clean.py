"""Cleaning: each step a small pure function, the composition one visible list.

Every step maps str to str and neither adds, removes nor crosses the separator
U+FFFF, so that `clean_all` may run it over a whole column at once.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache

import opencc

from kesheng.text import patterns
from kesheng.text.column import SEPARATOR, over_joined

# A step can uncover work for an earlier one (&amp;lt;b&gt;). Real texts settle
# in two rounds; what has not settled after this many is hostile.
MAX_ROUNDS = 8


def remove_invisible(text: str) -> str:
    """Drop zero-width, format and control characters and lone surrogates."""
    return patterns.INVISIBLE.sub("", patterns.LINE_BREAK.sub("\n", text))


def unescape_html(text: str) -> str:
    """Resolve entities: &nbsp; &amp; &#22909;."""
    if "&" not in text:
        return text
    # One part at a time: html.unescape would look for a name across the separator.
    return SEPARATOR.join(
        html.unescape(part).replace(SEPARATOR, "") if "&" in part else part
        for part in text.split(SEPARATOR)
    )


def strip_tags(text: str) -> str:
    """Remove HTML tags; those that break a line become a line break."""
    return patterns.HTML_TAG.sub("", patterns.HTML_BREAK.sub("\n", text))


def normalise_width(text: str) -> str:
    """NFKC (full-width letters, ligatures, ①), with Chinese punctuation kept."""
    return patterns.NORMALISED_RUN.sub(lambda m: unicodedata.normalize("NFKC", m[0]), text)


def drop_pinyin(text: str) -> str:
    """客戶(hù)服務(wù) → 客戶服務: glosses of copied documents."""
    return patterns.PINYIN_GLOSS.sub("", text)


@cache
def _opencc() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def simplify(text: str) -> str:
    """Traditional → simplified characters (OpenCC t2s)."""
    converted: str = _opencc().convert(text)
    return converted


def collapse_repeats(text: str) -> str:
    """好好好好好好 → 好好好; digits and letters stay."""
    return patterns.REPEATED.sub(r"\1\1\1", text)


def tidy_blanks(text: str) -> str:
    """One blank for many, one line break for many, none at the ends."""
    text = patterns.BLANK_LINES.sub("\n", patterns.BLANKS.sub(" ", text))
    return SEPARATOR.join(part.strip() for part in text.split(SEPARATOR))


STEPS: tuple[Callable[[str], str], ...] = (
    remove_invisible,
    normalise_width,
    unescape_html,
    strip_tags,
    drop_pinyin,
    simplify,
    collapse_repeats,
    tidy_blanks,
)


def _one_round(text: str) -> str:
    for step in STEPS:
        text = step(text)
    return text


def clean_all(texts: Sequence[str]) -> list[str]:
    """Clean a column of texts.

    Returns:
        As many texts, each cleaned as `clean` would; cleaning again changes nothing.
    """
    result = over_joined(_one_round, [text.replace(SEPARATOR, "") for text in texts])
    open_rows = [i for i, text in enumerate(texts) if result[i] != text]
    for _ in range(MAX_ROUNDS):
        if not open_rows:
            return result
        cleaned = over_joined(_one_round, [result[i] for i in open_rows])
        changed = [
            (i, text) for i, text in zip(open_rows, cleaned, strict=True) if result[i] != text
        ]
        for i, text in changed:
            result[i] = text
        open_rows = [i for i, _ in changed]
    # Markup nested this deep is no text; without these three nothing can unfold any more.
    for i in open_rows:
        result[i] = _settle("".join(c for c in result[i] if c not in "&<>"))
    return result


def _settle(text: str) -> str:
    while (again := _one_round(text)) != text:
        text = again
    return text


def clean(text: str) -> str:
    """Clean one text; see `STEPS`."""
    return clean_all([text])[0]


def is_default_text(text: str) -> bool:
    """Whether a cleaned text is the platform's own, not the customer's."""
    return patterns.DEFAULT_TEXT.fullmatch(text) is not None
