"""One tokeniser for all stages: jieba's dictionary through rjieba, or jieba itself."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Protocol

import rjieba

from kesheng.errors import SettingsError
from kesheng.settings import SegmentSettings


class Tokeniser(Protocol):
    """Cuts a text into words that, joined, are the text again."""

    def cut(self, text: str) -> list[str]:
        """Return the words of `text`, in order."""


class _Rjieba:
    def __init__(self, words: Iterable[str]) -> None:
        self._jieba = rjieba.Jieba()
        for word in words:
            self._jieba.add_word(word, None, None)

    def cut(self, text: str) -> list[str]:
        words: list[str] = self._jieba.cut(text)
        return words


class _Jieba:
    def __init__(self, words: Iterable[str]) -> None:
        try:
            jieba = importlib.import_module("jieba")
        except ImportError as error:
            raise SettingsError(
                "segment.backend = 'jieba' needs the extra: pip install 'kesheng[jieba]'"
            ) from error
        jieba.setLogLevel("WARNING")
        self._tokenizer = jieba.Tokenizer()
        for word in words:
            self._tokenizer.add_word(word)

    def cut(self, text: str) -> list[str]:
        return list(self._tokenizer.cut(text))


BACKENDS: dict[str, type[_Rjieba] | type[_Jieba]] = {"rjieba": _Rjieba, "jieba": _Jieba}


def tokeniser(settings: SegmentSettings, *, terms: Sequence[str] = ()) -> Tokeniser:
    """Build the tokeniser with the taxonomy's `terms` and the user's dictionary.

    Raises:
        SettingsError: the dictionary cannot be read, or a word of it has no effect.
    """
    own = _user_words(settings.user_dict)
    built = BACKENDS[settings.backend]([*terms, *own])
    # A dictionary that silently does nothing has cost others weeks (jieba#547).
    for word in own:
        if built.cut(word) != [word]:
            raise SettingsError(
                f"user dictionary: {word!r} is still cut into {built.cut(word)}; "
                "write one word a line, without blanks or punctuation"
            )
    return built


def _user_words(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"segment.user_dict = {str(path)!r}: {error}") from error
    # jieba's own format is `word [frequency] [tag]`; only the word is used.
    return [line.split()[0] for line in lines if line.strip()]


@cache
def stop_words() -> frozenset[str]:
    """Words that name no topic (text/stopwords.txt)."""
    text = resources.files("kesheng.text").joinpath("stopwords.txt").read_text(encoding="utf-8")
    return frozenset(line.strip() for line in text.splitlines() if not line.startswith("#"))
