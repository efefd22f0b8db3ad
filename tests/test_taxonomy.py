"""The shipped taxonomy loads; a broken one is refused with its file and entry named."""

from __future__ import annotations

from pathlib import Path

import pytest

from kesheng import taxonomy
from kesheng.errors import TaxonomyError
from kesheng.models.artefacts import taxonomy_path
from kesheng.taxonomy import CANONICAL, MAX_BYTES, Taxonomy

SMALL = """
version: 7
dimensions:
  A:
    zh: 快慢
    definition: 多快
    indicators:
      A.wait: {zh: 等待, aspect: [排队], neg: [等太久], pos: [不用等]}
      A.reply: {zh: 回复, neg: [没人回], pos: [秒回]}
  B:
    zh: 好坏
    indicators:
      B.taste: {zh: 味道, aspect: [味道], neg: [难吃], pos: [好吃]}
views:
  two:
    map:
      速度: [A.*]
      其余: [A.wait, B.taste]
severity:
  level2_accusation: [投诉, 12315]
"""


@pytest.fixture(scope="module")
def base() -> Taxonomy:
    """The shipped taxonomy."""
    return taxonomy.load(taxonomy_path("base"))


def _load(folder: Path, content: str | bytes) -> Taxonomy:
    path = folder / "own.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return taxonomy.load(path)


def test_the_shipped_file_is_complete(base: Taxonomy) -> None:
    """14 dimensions, 54 indicators, 15 views and the canonical one."""
    assert len(base.dimensions) == 14
    assert len(base.indicators) == 54
    assert len(base.views) == 15 + 1
    assert CANONICAL in base.views


def test_every_indicator_can_be_found(base: Taxonomy) -> None:
    """Each indicator has a name, a known dimension, complaints and praises."""
    for indicator in base.indicators.values():
        assert indicator.zh
        assert indicator.dimension in base.dimensions
        assert indicator.id.startswith(f"{indicator.dimension}.")
        assert indicator.neg
        assert indicator.pos


def test_views_divide_indicators(base: Taxonomy) -> None:
    """In a view an indicator stands once; the canonical view holds all."""
    for view in base.views.values():
        members = [i for indicators in view.dimensions.values() for i in indicators]
        assert len(members) == len(set(members))
        assert set(members) <= set(base.indicators)
    canonical = base.views[CANONICAL].dimensions
    assert {i for members in canonical.values() for i in members} == set(base.indicators)


def test_no_phrase_judges_twice(base: Taxonomy) -> None:
    """Complaints and praises of all indicators are different phrases."""
    phrases = [p for i in base.indicators.values() for p in (*set(i.neg), *set(i.pos))]
    assert len(phrases) == len(set(phrases))


def test_severity_words_are_there(base: Taxonomy) -> None:
    """Numbers written without quotes are words too."""
    assert {"level2_accusation", "level3_blame_escalation", "hazard_override"} <= set(base.severity)
    assert "12315" in base.severity["level3_blame_escalation"]


def test_a_small_taxonomy_loads(tmp_path: Path) -> None:
    """What the file says is what there is."""
    loaded = _load(tmp_path, SMALL)
    assert list(loaded.indicators) == ["A.wait", "A.reply", "B.taste"]
    assert loaded.indicators["A.reply"].aspect == ()
    assert loaded.indicators["B.taste"].neg == ("难吃",)
    assert loaded.dimensions["A"].definition == "多快"
    assert loaded.severity == {"level2_accusation": ("投诉", "12315")}


def test_the_first_dimension_of_a_view_keeps_an_indicator(tmp_path: Path) -> None:
    """`A.*` takes all of A; a later dimension does not take one back."""
    view = _load(tmp_path, SMALL).views["two"].dimensions
    assert view == {"速度": ("A.wait", "A.reply"), "其余": ("B.taste",)}


def test_labels_of_dimensions(tmp_path: Path) -> None:
    """Canonical dimensions have their Chinese name, those of a view are their own name."""
    loaded = _load(tmp_path, SMALL)
    assert loaded.dimension_label(CANONICAL, "B") == "好坏"
    assert loaded.dimension_label("two", "其余") == "其余"


def test_the_version_follows_the_content(tmp_path: Path) -> None:
    """Name and edition stay, the hash changes with any byte."""
    one = _load(tmp_path, SMALL).version
    other = _load(tmp_path, SMALL.replace("秒回", "秒回复")).version
    assert one.startswith("own-7-")
    assert other.startswith("own-7-")
    assert one != other
    assert _load(tmp_path, SMALL).version == one


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\ndimensions: {A: {zh: 甲, indicators: {}}}\n"


@pytest.mark.parametrize(
    ("content", "entry"),
    [
        (SMALL.replace("[A.wait, B.taste]", "[B.smell]"), r"two.*其余.*'B\.smell'.*A\.wait"),
        (SMALL.replace("[A.*]", "[C.*]"), r"two.*速度.*'C\.\*'"),
        (SMALL.replace("[难吃]", "[难吃, 等太久]"), r"'等太久'.*A\.wait\.neg.*B\.taste\.neg"),
        (SMALL.replace("[难吃]", "[难吃, 好吃]"), r"'好吃'.*B\.taste"),
        (SMALL.replace("[难吃]", '[难吃, ""]'), r"B\.taste\.neg.*''"),
        (SMALL.replace("[难吃]", '[难吃, "  "]'), r"B\.taste\.neg.*'  '"),
        (SMALL.replace("[难吃]", "[难吃, 315]"), r"B\.taste\.neg.*315"),
        (SMALL.replace("[难吃]", "[难吃, ]]"), "not usable YAML"),
        (SMALL.replace("[难吃]", "难吃"), r"B\.taste\.neg.*'难吃'"),
        (SMALL.replace("[难吃]", "{难吃: 1}"), r"B\.taste\.neg"),
        (SMALL.replace("zh: 好坏", "en: quality"), "zh"),
        (SMALL.replace("{zh: 味道, ", "{"), "zh"),
        (SMALL.replace("B.taste: {", "A.wait: {"), r"A\.wait stands in A and in B"),
        (SMALL.replace("[A.*]", "A.*"), "two"),
        (SMALL.replace("[投诉, 12315]", "投诉"), "level2_accusation"),
        (BOMB, "aliases"),
        (SMALL.replace("zh: 快慢", "zh: !!python/object/apply:os.getcwd []"), "not usable YAML"),
        ("一段文字", "dimensions"),
        ("- 一\n- 二\n", "dimensions"),
        ("", "dimensions"),
        ("dimensions: []\n", "dimensions"),
        ("dimensions: {A: 甲}\n", "malformed"),
        ("dimensions: {A: {zh: 甲}}\n", "indicators"),
        (b"\xc8\xfd\xb0\xfc", "not usable YAML"),
        ("{" * 3000, ""),
        ("#" * (MAX_BYTES + 1), "larger than"),
    ],
    ids=[
        "unknown indicator in a view", "unknown dimension in a view", "phrase in two indicators",
        "phrase in two polarities", "empty phrase", "blank phrase", "number for a phrase",
        "unbalanced", "text for a list of phrases", "mapping for a list of phrases",
        "dimension without a name", "indicator without a name", "indicator in two dimensions",
        "text for a list of indicators",
        "text for a list of words", "alias", "Python object", "text", "list", "empty",
        "list of dimensions", "text for a dimension", "no indicators", "GBK", "nested",
        "too large",
    ],
)  # fmt: skip
def test_a_broken_taxonomy_names_file_and_entry(
    tmp_path: Path, content: str | bytes, entry: str
) -> None:
    """What cannot be used is a TaxonomyError that says where, not a traceback."""
    with pytest.raises(TaxonomyError, match=f"(?s)own\\.yaml.*{entry}"):
        _load(tmp_path, content)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error names the path."""
    with pytest.raises(TaxonomyError, match=r"nowhere\.yaml"):
        taxonomy.load(tmp_path / "nowhere.yaml")
