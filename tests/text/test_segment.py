"""Segmentation: both backends, the user's dictionary and its failures."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kesheng.errors import SettingsError
from kesheng.settings import SegmentSettings
from kesheng.text.clean import clean
from kesheng.text.segment import BACKENDS, Tokeniser, stop_words, tokeniser

TEXT = "客声宝的云闪送服务很快"


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend in turn."""
    name: str = request.param
    if name == "jieba":
        pytest.importorskip("jieba")
    return name


def _with_words(backend: str, folder: Path, content: str) -> Tokeniser:
    path = folder / "words.txt"
    path.write_text(content, encoding="utf-8")
    return tokeniser(SegmentSettings(backend=backend, user_dict=path))


def test_the_user_dictionary_takes_effect(backend: str, tmp_path: Path) -> None:
    """A word of the dictionary is one word; without the dictionary it is not."""
    assert "客声宝" not in tokeniser(SegmentSettings(backend=backend)).cut(TEXT)
    words = _with_words(backend, tmp_path, "客声宝\n云闪送\n").cut(TEXT)
    assert {"客声宝", "云闪送"} <= set(words)


def test_terms_of_the_taxonomy_are_words(backend: str) -> None:
    """Terms handed over are kept whole."""
    words = tokeniser(SegmentSettings(backend=backend), terms=["取药窗口"]).cut("取药窗口太少")
    assert words[0] == "取药窗口"


def test_the_format_of_jieba_is_read(backend: str, tmp_path: Path) -> None:
    """`word frequency tag`, a byte order mark and empty lines are understood."""
    built = _with_words(backend, tmp_path, "\ufeff客声宝 5 nz\n\n  \n云闪送 3\n")
    assert {"客声宝", "云闪送"} <= set(built.cut(TEXT))


def test_one_dictionary_leaves_another_tokeniser_alone(backend: str, tmp_path: Path) -> None:
    """Tokenisers share no state: a word is known only where it was given."""
    _with_words(backend, tmp_path, "客声宝\n")
    assert "客声宝" not in tokeniser(SegmentSettings(backend=backend)).cut(TEXT)


def test_a_missing_dictionary_is_an_error(tmp_path: Path) -> None:
    """The error names the setting and the file."""
    settings = SegmentSettings(user_dict=tmp_path / "nowhere.txt")
    with pytest.raises(SettingsError, match=r"segment\.user_dict.*nowhere\.txt"):
        tokeniser(settings)


def test_a_dictionary_in_another_encoding_is_an_error(tmp_path: Path) -> None:
    """A GBK dictionary is not read as if it were UTF-8."""
    path = tmp_path / "gbk.txt"
    path.write_bytes("客声宝\n".encode("gbk"))
    with pytest.raises(SettingsError, match=r"gbk\.txt"):
        tokeniser(SegmentSettings(user_dict=path))


@pytest.mark.parametrize("word", ["云闪送，快", "云闪送！"])
def test_a_word_without_effect_is_an_error(backend: str, word: str, tmp_path: Path) -> None:
    """A word that the backend still cuts is named, with what to do."""
    with pytest.raises(SettingsError, match=f"{word}.*still cut.*one word a line"):
        _with_words(backend, tmp_path, f"{word}\n")


def test_every_word_of_a_long_dictionary_is_checked(tmp_path: Path) -> None:
    """A word without effect is found wherever it stands in the dictionary."""
    words = "\n".join(["云闪，送", *(f"客声宝第{chr(0x4E00 + i)}号" for i in range(300))])
    with pytest.raises(SettingsError, match="云闪，送"):
        _with_words("rjieba", tmp_path, words)


def test_a_term_with_a_dash_is_no_fault_of_the_dictionary() -> None:
    """Terms of a taxonomy that no tokeniser keeps whole, such as check-in, are no error."""
    built = tokeniser(SegmentSettings(), terms=["check-in", "Wi-Fi"])
    assert "".join(built.cut("check-in很慢")) == "check-in很慢"


@given(st.text(max_size=40).map(clean))
def test_tokens_joined_are_the_text(text: str) -> None:
    """Segmentation loses and adds no character."""
    for backend in sorted(BACKENDS):
        assert "".join(_shared(backend).cut(text)) == text


_BUILT: dict[str, Tokeniser] = {}


def _shared(backend: str) -> Tokeniser:
    if backend not in _BUILT:
        _BUILT[backend] = tokeniser(SegmentSettings(backend=backend))
    return _BUILT[backend]


def test_stop_words_name_no_topic() -> None:
    """The list holds function words, no blanks, no comments and none of what topics are about."""
    stop = stop_words()
    assert {"的", "但是", "我们", "非常"} <= stop
    assert not stop & {"", "快递", "服务", "价格", "医生", "早餐"}
    assert not [word for word in stop if word.startswith("#") or word != word.strip()]
