"""The docs say what the code does: a setting, command or column that they lack fails here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from kesheng import schema
from kesheng.cli import main
from kesheng.report.dictionary import markdown
from kesheng.settings import FileSource, Settings

ROOT = Path(__file__).resolve().parents[1]
READMES = ("README.md", "README.zh-CN.md")


def read(name: str) -> str:
    """Text of a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def keys() -> Iterator[str]:
    """Every key that kesheng.toml may hold."""
    for section, info in Settings.model_fields.items():
        model = info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (f"{section}.{key}" for key in model.model_fields)
    yield from FileSource.model_fields


@pytest.mark.parametrize("key", list(keys()))
def test_configuration_describes_every_key(key: str) -> None:
    """docs/configuration.md has a row for each setting."""
    assert f"| `{key}` |" in read("docs/configuration.md")


@pytest.mark.parametrize("key", [k for k in keys() if "." in k])
def test_configuration_states_the_defaults(key: str) -> None:
    """A number or name that is a default stands in the row of its setting."""
    section, name = key.split(".")
    default = getattr(getattr(Settings(), section), name)
    (row,) = (line for line in read("docs/configuration.md").splitlines() if f"| `{key}` |" in line)
    if isinstance(default, int | float | str):
        assert str(default) in row


@pytest.mark.parametrize("readme", READMES)
@pytest.mark.parametrize("command", sorted(main.commands))
def test_readmes_name_every_command(readme: str, command: str) -> None:
    """Both READMEs show each command of the command line."""
    assert f"kesheng {command}" in read(readme)


def test_readmes_name_every_option_of_run() -> None:
    """The English README lists the options of `kesheng run`."""
    text = read("README.md")
    options = [p for p in main.commands["run"].params if isinstance(p, click.Option)]
    assert [o.opts[0] for o in options if f"`{o.opts[0]}" not in text] == []


def test_data_dictionary_is_up_to_date() -> None:
    """docs/tables.md is what `kesheng tables` prints."""
    assert read("docs/tables.md") == markdown()


@pytest.mark.parametrize("table", schema.TABLES.values(), ids=list(schema.TABLES))
def test_every_column_says_in_chinese_what_it_means(table: schema.Table) -> None:
    """Comments are Chinese, and they travel in the Arrow schema."""
    for column in table.columns:
        assert re.search("[\u4e00-\u9fff]", column.comment), column.name
    for field in table.arrow():
        assert field.metadata[b"comment"]


@pytest.mark.parametrize("readme", READMES)
def test_readmes_are_finished(readme: str) -> None:
    """No placeholder is left."""
    assert "@@" not in read(readme)


@pytest.mark.parametrize("readme", READMES)
def test_links_of_the_readmes_lead_somewhere(readme: str) -> None:
    """Every relative link names a file that is there."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", read(readme))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("file", ["Makefile", "requirements.lock", "pyproject.toml", *READMES])
def test_no_package_index_or_machine_is_named(file: str) -> None:
    """The lock and the docs work on any machine."""
    text = read(file)
    assert not re.search(r"https?://\S+/(simple|packages)/|--(extra-)?index-url \S", text)
    if file == "requirements.lock":
        packages = re.findall(r"^[a-z0-9][\w.-]*==", text, re.MULTILINE)
        assert len(packages) > 50
        assert len(packages) <= text.count("--hash=sha256:")
        assert "://" not in text
