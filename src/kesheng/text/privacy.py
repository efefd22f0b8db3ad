"""Personal data → typed keyed pseudonyms, before anything is persisted or logged.

〔手机#a1f3c2〕 is the same for the same number under the same key, so repeat
customers can still be counted, and says nothing without the key (HMAC-SHA256).
Prices, dates, model names, room numbers and company hotlines (95588, 400-…)
survive.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence

from kesheng.text.column import SEPARATOR
from kesheng.text.personal import KINDS, PERSONAL_COLUMN, SUSPECT, SUSPECT_ID, Kind

# 6 hex digits keep texts readable and tell some 4,000 customers apart before
# one collision is likely; identifiers, where a collision would merge two rows,
# get 16.
TEXT_DIGITS = 6
ID_DIGITS = 16


_BLANKS = re.compile(r"[\s-]+")
_COUNTRY_CODE = re.compile(r"^(?:\+|00)86[(（]?0?")


def _bare(value: str) -> str:
    return _BLANKS.sub("", value)


class Pseudonymiser:
    """Masks personal data under one key.

    Args:
        key: secret bytes; the same key gives the same pseudonyms.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def pseudonym(self, kind: str, value: str, *, digits: int = TEXT_DIGITS) -> str:
        """〔kind#hex〕, equal for values that differ in blanks, dashes, brackets or case only."""
        canonical = _BLANKS.sub("", value).upper()
        if kind == "手机":
            canonical = re.sub(r"\D", "", canonical)[-11:]
        elif kind == "固话":  # (010)62345678转803, +86-10-62345678-803
            canonical = re.sub(r"\D", "", _COUNTRY_CODE.sub("0", canonical))
        elif kind == "车牌":
            canonical = "".join(filter(str.isalnum, canonical))
        digest = hmac.new(self._key, f"{kind}:{canonical}".encode(), hashlib.sha256)
        return f"〔{kind}#{digest.hexdigest()[:digits]}〕"

    def mask_all(self, texts: Sequence[str]) -> tuple[list[str], int]:
        """Mask cleaned texts; returns them and how many values were masked."""
        result, count = list(texts), 0
        rows = [i for i, text in enumerate(result) if SUSPECT.search(text)]
        # Again while something is found: a mobile right after a 身份证 number hides its end.
        while rows:
            masked, found = self._mask_once([result[i] for i in rows])
            count += found
            changed = [(i, t) for i, t in zip(rows, masked, strict=True) if t != result[i]]
            for i, text in changed:
                result[i] = text
            rows = [i for i, _ in changed]
        return result, count

    def mask(self, text: str) -> str:
        """Mask one cleaned text."""
        return self.mask_all([text])[0][0]

    def mask_id(self, value: str, *, column: str = "") -> str:
        """Mask a source's own row id as a whole where it holds personal data, else keep it.

        Order numbers are what ids are made of, and one in ten long numbers passes for a
        card by chance: those two kinds are not looked for.
        """
        for kind in KINDS if SUSPECT_ID.search(value) else ():
            match = kind.pattern.search(value)
            if kind.name not in ("订单", "银行卡") and match and kind.accept(_bare(match[0])):
                return self.pseudonym(kind.name, value, digits=ID_DIGITS)
        if PERSONAL_COLUMN.search(column):
            return self.pseudonym("编号", value, digits=ID_DIGITS)
        return value

    def mask_column(
        self, name: str, values: Iterable[str], *, original: str = ""
    ) -> tuple[list[str], int]:
        """Mask a column of short values; whole values where a name of it is personal.

        Args:
            name, original: what the column is called, and was called in the file.
        """
        texts = list(values)
        # Such columns repeat few values: each is looked at once.
        different = list(dict.fromkeys(texts))
        if PERSONAL_COLUMN.search(name) or PERSONAL_COLUMN.search(original):
            known = {text: text and self._personal(original or name, text) for text in different}
        else:
            known = dict(zip(different, self.mask_all(different)[0], strict=True))
        masked = [known[text] for text in texts]
        return masked, sum(a != b for a, b in zip(texts, masked, strict=True))

    def _personal(self, column: str, value: str) -> str:
        """A personal value as a whole; a number has the pseudonym that it has in texts."""
        for kind in KINDS:
            if kind.pattern.fullmatch(value) and kind.accept(_bare(value)):
                return self.pseudonym(kind.name, value)
        return self.pseudonym(column.rpartition(".")[2], value)

    def _mask_once(self, texts: list[str]) -> tuple[list[str], int]:
        result, count = list(texts), 0
        for kind in KINDS:
            rows = [i for i, t in enumerate(result) if not kind.guard or kind.guard.search(t)]
            joined, found = self._mask_kind(kind, SEPARATOR.join(result[i] for i in rows))
            if found:
                for i, text in zip(rows, joined.split(SEPARATOR), strict=True):
                    result[i] = text
            count += found
        return result, count

    def _mask_kind(self, kind: Kind, joined: str) -> tuple[str, int]:
        found = 0

        def replace(match: re.Match[str]) -> str:
            nonlocal found
            group = "value" if "value" in match.re.groupindex else 0
            value = match[group]
            if not kind.accept(_bare(value)):
                return match[0]
            found += 1
            before = match[0][: match.start(group) - match.start()]
            after = match[0][match.end(group) - match.start() :]
            return before + self.pseudonym(kind.name, value) + after

        return kind.pattern.sub(replace, joined), found
