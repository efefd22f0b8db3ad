"""kesheng.toml, options and the environment → checked `Settings`.

`KESHENG_<SECTION>__<KEY>` in the environment overrides the file, for example
`KESHENG_WAREHOUSE__PATH=/data/kesheng`. Secrets are read from the environment
only; a secret in the file is refused, and none is ever printed.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from kesheng.errors import SettingsError, choices, nearest
from kesheng.settings import FileSource, Settings

ENV_PREFIX = "KESHENG_"
SECRETS = {("privacy", "key")}
# A mobile or 身份证 number in a file's name, which becomes a folder before anything is masked.
# Not every kind of text.personal: a file named 中山路5号店 is a branch's, no customer's.
_PERSONAL_NUMBER = re.compile(r"(?<!\d)(?:1[3-9]\d[-_ ]?\d{4}[-_ ]?\d{4}|[1-9]\d{16}[\dXx])(?!\d)")


def load(path: Path, *, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read `path`, lay the environment over it and check the whole.

    Relative paths are relative to the file.

    Raises:
        SettingsError: naming the key, the value received and what is allowed.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"no configuration file {str(path)!r}; give --config, or a file to read"
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"cannot read {str(path)!r} as TOML: {error}") from error
    for section, key in SECRETS:
        if isinstance(content.get(section), dict) and key in content[section]:
            variable = f"{ENV_PREFIX}{section}__{key}".upper()
            raise SettingsError(
                f"{section}.{key} is a secret and must not stand in {path.name}; "
                f"set the environment variable {variable}"
            )
    return check(_rebase(_overlay(content, environ), path.parent), where=path.name)


def of_file(
    file: str,
    *,
    columns: Mapping[str, str],
    out: Path | None = None,
    taxonomy: str | None = None,
    group: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Settings for one file without a configuration; the source is named after the file."""
    stem = _PERSONAL_NUMBER.sub("", Path(file).name.split(".")[0])
    name = re.sub(r"[^\w-]+", "_", stem).strip("_")[:64] or "file"
    content = _overlay({}, environ)
    options = (
        ("warehouse", "path", out),
        ("aspects", "taxonomy", taxonomy),
        ("measures", "group", group),
    )
    for section, key, value in options:
        if value is not None:
            content.setdefault(section, {})[key] = str(value)
    content["sources"] = {name: {"kind": "file", "path": file, "columns": dict(columns)}}
    return check(content)


def check(content: dict[str, Any], *, where: str = "the options") -> Settings:
    """Validate a nested dict into `Settings`, with errors a user can act on."""
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        lines = [_explain(item) for item in error.errors()]
        raise SettingsError(f"{where}: " + "\n".join(lines)) from None


def _overlay(content: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Lay KESHENG_A__B=value over content["a"]["b"]."""
    result = {key: dict(v) if isinstance(v, dict) else v for key, v in content.items()}
    for variable, value in sorted(environ.items()):
        if not variable.startswith(ENV_PREFIX):
            continue
        path = variable.removeprefix(ENV_PREFIX).lower().split("__")
        if len(path) < 2:
            raise SettingsError(
                f"environment variable {variable} is no setting; they are named "
                f"{ENV_PREFIX}SECTION__KEY, as in {ENV_PREFIX}PRIVACY__KEY"
            )
        node = result
        for part in path[:-1]:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise SettingsError(f"{variable}: {part!r} is not a section of the settings")
        node[path[-1]] = value
    return result


def _rebase(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make the paths of the file relative to the file, not to where it is run."""

    def rebase(section: object, key: str) -> None:
        if isinstance(section, dict) and isinstance(section.get(key), str):
            value = section[key]
            if "://" not in value:
                section[key] = str(folder / value)

    rebase(content.get("warehouse"), "path")
    rebase(content.get("segment"), "user_dict")
    taxonomy = content.get("aspects")
    if isinstance(taxonomy, dict) and str(taxonomy.get("taxonomy", "")).endswith((".yaml", ".yml")):
        rebase(taxonomy, "taxonomy")
    sources = content.get("sources")
    for source in sources.values() if isinstance(sources, dict) else ():
        rebase(source, "path")
    return content


def _explain(item: Any) -> str:
    """One line for one pydantic error: key, value, what is allowed."""
    location = tuple(part for part in item["loc"] if part != "[key]")
    key = ".".join(str(part) for part in location)
    # The whole section: a secret may stand where its key should.
    secret = str(location[0]) in {section for section, _ in SECRETS}
    value = "(hidden)" if secret else _short(item["input"])
    if item["type"] == "extra_forbidden":
        allowed = _allowed_keys(location[:-1])
        return (
            f"unknown key {key!r}{nearest(str(location[-1]), allowed)}; "
            f"allowed here: {choices(allowed)}"
        )
    if item["type"] == "missing":
        return f"{key!r} is missing"
    message = item["msg"].removeprefix("Value error, ")
    return f"{key!r} = {value}: {message}"


def _allowed_keys(location: tuple[Any, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    if location and location[0] == "sources":
        model = FileSource
    elif location:
        annotation = Settings.model_fields[str(location[0])].annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    return sorted(model.model_fields)


def _short(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
