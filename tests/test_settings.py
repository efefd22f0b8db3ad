"""Settings: read, overlaid, checked; every mistake is named with what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from kesheng.configuration import check, load, of_file
from kesheng.errors import SettingsError
from kesheng.settings import Settings

SECRET = "wode-miyao-0123456789"


@pytest.fixture
def toml(tmp_path):
    """Write kesheng.toml and load it, under no other environment than the given."""

    def write(text: str, **environ: str) -> Settings:
        path = tmp_path / "kesheng.toml"
        path.write_text(text, encoding="utf-8")
        return load(path, environ=environ)

    return write


def test_defaults():
    """Without any setting, tables go to `out`, in Beijing time, with the base taxonomy."""
    settings = check({})
    assert settings.warehouse.path == Path("out")
    assert settings.warehouse.timezone == "Asia/Shanghai"
    assert settings.aspects.taxonomy == "base"
    assert settings.sources == {}


def test_unknown_key(toml):
    """An unknown key is named with its section, the nearest key and all that are allowed."""
    with pytest.raises(SettingsError) as caught:
        toml("[warehouse]\ntimezon = 'Asia/Shanghai'\n")
    message = str(caught.value)
    for part in (
        "kesheng.toml",
        "'warehouse.timezon'",
        "did you mean 'timezone'",
        "allowed here: path, timezone",
    ):
        assert part in message


def test_unknown_section(toml):
    """An unknown section is named with the nearest one."""
    with pytest.raises(SettingsError, match=r"unknown key 'warehose'; did you mean 'warehouse'"):
        toml("[warehose]\npath = 'x'\n")


def test_unknown_key_of_a_source(toml):
    """An unknown key of a source is named with the keys a source may have."""
    with pytest.raises(SettingsError, match=r"'sources\.bank\.colums'.*did you mean 'columns'"):
        toml("[sources.bank]\npath = 'a.csv'\ncolums = {}\n")


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("[topics]\ncount = 'viele'", "topics.count", "'viele'"),
        ("[topics]\ncount = 1", "topics.count", "1"),
        ("[topics]\ncount = 201", "topics.count", "201"),
        ("[text]\nnear_similarity = 0.5", "text.near_similarity", "0.5"),
        ("[text]\nmax_chars = 0", "text.max_chars", "0"),
        ("[sentiment]\nneutral_band = -0.1", "sentiment.neutral_band", "-0.1"),
        ("[sentiment]\nbackend = 'bert'", "sentiment.backend", "'bert'"),
        ("[segment]\nbackend = 'hanlp'", "segment.backend", "'hanlp'"),
        ("[measures]\nperiods = ['year']", "measures.periods", "'year'"),
        ("[sources.a]\npath = 'a'\nformat = 'doc'", "sources.a.format", "'doc'"),
        ("[sources.a]\npath = 'a'\nencoding = 'utf-9'", "sources.a.encoding", "'utf-9'"),
        ("[sources.a]\npath = 'a'\nrating_scale = [5, 1]", "sources.a.rating_scale", "[5, 1]"),
        ("[sources.a]\npath = 'a'\nrating_scale = [1]", "sources.a.rating_scale", ""),
        ("[warehouse]\ntimezone = 'Beijing'", "warehouse.timezone", "'Beijing'"),
        ("[warehouse]\ntimezone = '../etc/passwd'", "warehouse.timezone", "passwd"),
        ("[warehouse]\npath = 's3://bucket/x'", "warehouse.path", "'s3://bucket/x'"),
        ("warehouse = 3", "warehouse", "3"),
        ("[sources]\na = 3", "sources.a", "3"),
    ],
)
def test_wrong_value(toml, text, key, value):
    """A value that cannot be used is named with its key and what was given."""
    with pytest.raises(SettingsError) as caught:
        toml(text)
    assert key in str(caught.value)
    assert value in str(caught.value)


@pytest.mark.parametrize("backend", ["'ngram'", "'snownlp'"])
def test_allowed_values_are_listed(toml, backend):
    """A wrong choice is answered with the choices."""
    with pytest.raises(SettingsError, match=backend):
        toml("[sentiment]\nbackend = 'bert'")


def test_source_without_path(toml):
    """A source without a path is told what is missing."""
    with pytest.raises(SettingsError, match=r"'sources\.bank\.path' is missing"):
        toml("[sources.bank]\nformat = 'csv'\n")


@pytest.mark.parametrize("name", ["a b", "../x", "a=b", "x" * 65, "甲.乙"])
def test_bad_source_name(toml, name):
    """A source name that is no folder name is refused with what is allowed."""
    with pytest.raises(SettingsError, match="is not a source name; use letters, digits"):
        toml(f'[sources."{name}"]\npath = "a.csv"\n')


@pytest.mark.parametrize("name", ["bank", "门店_1", "a-b"])
def test_good_source_name(toml, name):
    """Letters of any script, digits, _ and - make a source name."""
    assert list(toml(f'[sources."{name}"]\npath = "a.csv"\n').sources) == [name]


def test_secret_in_the_file(toml):
    """A secret in the file is refused, naming the variable to use and not the secret."""
    with pytest.raises(SettingsError) as caught:
        toml(f"[privacy]\nkey = '{SECRET}'\n")
    assert "KESHENG_PRIVACY__KEY" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "text", [f"privacy = '{SECRET}'", f"privacy = ['{SECRET}']", f"[privacy]\nKey = '{SECRET}'"]
)
def test_secret_in_the_wrong_place(toml, text):
    """A secret in the wrong place of the file is not shown either."""
    with pytest.raises(SettingsError) as caught:
        toml(text)
    assert SECRET not in str(caught.value)


def test_secret_from_the_environment(toml):
    """The key comes from the environment and shows in neither repr, str, dump nor hash."""
    settings = toml("", KESHENG_PRIVACY__KEY=SECRET)
    assert settings.privacy.key is not None
    assert settings.privacy.key.get_secret_value() == SECRET
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert SECRET not in shown
    assert settings.hash == toml("").hash


def test_short_secret(toml):
    """A key that is too short is refused without being shown."""
    with pytest.raises(SettingsError) as caught:
        toml("", KESHENG_PRIVACY__KEY="kurz-9x7")
    assert "privacy.key" in str(caught.value)
    assert "kurz-9x7" not in str(caught.value)


def test_environment_lies_over_the_file(toml):
    """A variable beats the file; what it does not name stays."""
    settings = toml(
        "[topics]\ncount = 7\nseed = 1\n",
        KESHENG_TOPICS__COUNT="9",
        UNRELATED__X="1",
    )
    assert settings.topics.count == 9
    assert settings.topics.seed == 1


def test_a_variable_without_a_section_is_an_error(toml):
    """KESHENG_PRIVACY_KEY, one underscore short, is not silently ignored."""
    with pytest.raises(SettingsError, match="KESHENG_PRIVACY_KEY is no setting"):
        toml("", KESHENG_PRIVACY_KEY=SECRET)


def test_environment_reaches_a_source(toml):
    """A variable can set a nested key of a source."""
    settings = toml("[sources.bank]\npath = 'a.csv'\n", KESHENG_SOURCES__BANK__ENCODING="gbk")
    assert settings.sources["bank"].encoding == "gbk"


def test_variable_without_a_section(toml):
    """A variable of ours that names no section is refused, not overlooked."""
    with pytest.raises(SettingsError, match=r"KESHENG_KEY is no setting; .*KESHENG_SECTION__KEY"):
        toml("", KESHENG_KEY="1")


def test_hash_follows_the_words_of_the_user_dictionary(tmp_path):
    """The hash changes with what the user dictionary says, not with its name."""
    hashes = []
    for name, words in (("a.txt", "滨河店"), ("b.txt", "滨河店"), ("b.txt", "东门店")):
        (tmp_path / name).write_text(words, encoding="utf-8")
        hashes.append(check({"segment": {"user_dict": str(tmp_path / name)}}).hash)
    assert hashes[0] == hashes[1] != hashes[2]


def test_wrong_variable(toml):
    """A variable that goes below a value, or names no setting, is an error naming it."""
    with pytest.raises(SettingsError, match=r"KESHENG_TOPICS__COUNT__X: 'count' is not a section"):
        toml("[topics]\ncount = 7\n", KESHENG_TOPICS__COUNT__X="1")
    with pytest.raises(SettingsError, match=r"'topics\.cout'; did you mean 'count'"):
        toml("", KESHENG_TOPICS__COUT="1")


def test_paths_are_relative_to_the_file(toml, tmp_path):
    """Relative paths of the file are relative to it; absolute ones and names stay."""
    settings = toml(
        "[warehouse]\npath = 'w'\n[segment]\nuser_dict = 'd.txt'\n"
        "[aspects]\ntaxonomy = 'mine.yaml'\n"
        "[sources.a]\npath = 'in/*.csv'\n[sources.b]\npath = '/data/b.csv'\n"
    )
    assert settings.warehouse.path == tmp_path / "w"
    assert settings.segment.user_dict == tmp_path / "d.txt"
    assert settings.aspects.taxonomy == str(tmp_path / "mine.yaml")
    assert settings.sources["a"].path == str(tmp_path / "in/*.csv")
    assert settings.sources["b"].path == "/data/b.csv"
    assert toml("[aspects]\ntaxonomy = 'base'\n").aspects.taxonomy == "base"


def test_no_file(tmp_path):
    """A missing file is named, with what to give instead."""
    with pytest.raises(SettingsError, match=r"no configuration file '.*none\.toml'; give --config"):
        load(tmp_path / "none.toml", environ={})


@pytest.mark.parametrize("content", [b"[warehouse", b"\xff\xfe\x00", b"a = 1\na = 2"])
def test_broken_file(tmp_path, content):
    """A file that is no TOML is an error naming it."""
    path = tmp_path / "kesheng.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"cannot read '.*kesheng\.toml' as TOML"):
        load(path, environ={})


def test_folder_as_file(tmp_path):
    """A folder in place of the file is an error of ours."""
    with pytest.raises(SettingsError):
        load(tmp_path, environ={})


def test_bom(tmp_path):
    """A file that Windows' editor saved with a BOM is read."""
    path = tmp_path / "kesheng.toml"
    path.write_text("[topics]\ncount = 7\n", encoding="utf-8-sig")
    assert load(path, environ={}).topics.count == 7


def test_frozen():
    """Settings cannot be changed."""
    settings = check({})
    with pytest.raises(ValidationError):
        settings.topics.count = 3  # type: ignore[misc]


def test_hash_says_what_can_change_a_number(toml, tmp_path):
    """The hash changes with a setting, not with where things lie."""
    text = "[topics]\ncount = {}\n[segment]\nuser_dict = 'd.txt'\n[sources.a]\npath = 'in/a.csv'\n"
    first = toml(text.format(7)).hash
    assert toml(text.format(8)).hash != first
    assert toml(text.format(7), KESHENG_WAREHOUSE__PATH="/elsewhere").hash == first
    other = tmp_path / "moved" / "kesheng.toml"
    other.parent.mkdir()
    other.write_text(text.format(7), encoding="utf-8")
    assert load(other, environ={}).hash == first


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("in/评价.csv", "评价"),
        ("a b(1).csv.gz", "a_b_1"),
        (".csv", "file"),
        ("in/*.csv", "file"),
        ("x" * 80 + ".csv", "x" * 64),
    ],
)
def test_of_file(file, name):
    """A file without configuration is a source named after it."""
    settings = of_file(file, columns={"text": "say"}, environ={})
    assert list(settings.sources) == [name]
    assert settings.sources[name].path == file
    assert settings.sources[name].columns == {"text": "say"}


def test_of_file_options(tmp_path):
    """--out, --taxonomy and --group become settings; the environment lies over the rest."""
    settings = of_file(
        "a.csv", columns={}, out=tmp_path, taxonomy="base", group="门店",
        environ={"KESHENG_TOPICS__COUNT": "9"},
    )  # fmt: skip
    assert settings.warehouse.path == tmp_path
    assert settings.measures.group == "门店"
    assert settings.topics.count == 9
