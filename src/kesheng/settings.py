"""kesheng.toml and the environment → small frozen settings objects, one a stage.

`KESHENG_<SECTION>__<KEY>` in the environment overrides the file, for example
`KESHENG_WAREHOUSE__PATH=/data/kesheng`. Secrets are read from the environment
only; a secret in the file is refused, and none is ever printed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from kesheng.errors import SettingsError, choices, nearest

ENV_PREFIX = "KESHENG_"
SECRETS = {("privacy", "key")}
# The name becomes a folder (source=<name>), so it is letters, digits, _ and -.
SOURCE_NAME = re.compile(r"[\w-]{1,64}")
# The typed columns of `feedback`; any other name in `columns` renames an extra column.
ROLES = ("text", "id", "time", "rating", "nps", "ces", "csat")


class Frozen(BaseModel):
    """Base of all settings: immutable, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _known_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("not a time zone name; use one like 'Asia/Shanghai'") from error
    return name


class WarehouseSettings(Frozen):
    """Where the tables go. `timezone` decides which day a feedback belongs to."""

    path: Path = Path("out")
    timezone: Annotated[str, AfterValidator(_known_timezone)] = "Asia/Shanghai"

    @field_validator("path", mode="before")
    @classmethod
    def _local(cls, value: object) -> object:
        # A Path has made s3://x of it s3:/x; a drive (C:/) has one letter only.
        if re.match(r"[A-Za-z][\w+.-]+:/", str(value)):
            raise ValueError("only local folders are supported so far; give a path")
        return value


class PrivacySettings(Frozen):
    """`key` (KESHENG_PRIVACY__KEY) keys the pseudonyms; without one the warehouse makes its own."""

    key: SecretStr | None = Field(default=None, min_length=16)


class TextSettings(Frozen):
    """Cleaning and duplicates.

    max_chars: a longer text is no feedback but a dump; it is rejected.
    exact_min_chars: from this length (letters and digits only) two equal texts
        of one day are one text sent twice; shorter ones (很好, 送货很快) are
        what different customers say.
    near_min_chars, near_similarity: likewise for nearly equal texts, by the
        Jaccard similarity of their character 3-grams.
    """

    max_chars: int = Field(default=200_000, ge=1)
    exact_min_chars: int = Field(default=16, ge=1)
    near_min_chars: int = Field(default=30, ge=10)
    near_similarity: float = Field(default=0.85, gt=0.5, le=1)


class SegmentSettings(Frozen):
    """Word segmentation; `user_dict` has one word a line."""

    backend: Literal["rjieba", "jieba"] = "rjieba"
    user_dict: Path | None = None


class SentimentSettings(Frozen):
    """Scores within ±`neutral_band` are labelled neutral."""

    backend: Literal["ngram", "snownlp"] = "ngram"
    neutral_band: float = Field(default=0.05, ge=0, lt=1)


class AspectSettings(Frozen):
    """Mapping onto indicators. `taxonomy`: a shipped name, or the path of a YAML file."""

    taxonomy: str = "base"
    neutral_band: float = Field(default=0.1, ge=0, lt=1)


class TopicSettings(Frozen):
    """Topics are extracted once, when `min_texts` are there, and only assigned after that."""

    count: int = Field(default=20, ge=2, le=200)
    min_texts: int = Field(default=100, ge=20)
    fit_texts: int = Field(default=10_000, ge=100)
    min_score: float = Field(default=0.12, ge=0, lt=1)
    seed: int = 20260101


class MeasureSettings(Frozen):
    """`group`: one column of `feedback` or of its `extra`, such as branch."""

    group: str | None = None
    periods: tuple[Literal["day", "week", "month", "all"], ...] = ("day", "week", "month", "all")


class FileSource(Frozen):
    """Files of one kind: a file, a folder or a glob.

    columns: role = "name in the file" (roles: text, id, time, rating, nps, ces,
        csat); any other key renames a column that goes to `extra`.
    """

    kind: Literal["file"] = "file"
    path: str
    format: Literal["csv", "tsv", "xlsx", "json", "jsonl", "parquet", "txt"] | None = None
    encoding: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    rating_scale: tuple[float, float] = (1, 5)

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                "".encode(value)
            except LookupError as error:
                raise ValueError("not an encoding; use one like 'gb18030' or 'utf-8'") from error
        return value

    @field_validator("rating_scale")
    @classmethod
    def _ascending(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] >= value[1]:
            raise ValueError("give [lowest, highest], as in [1, 5]")
        return value


class Settings(Frozen):
    """Everything a run needs to know."""

    warehouse: WarehouseSettings = WarehouseSettings()
    privacy: PrivacySettings = PrivacySettings()
    text: TextSettings = TextSettings()
    segment: SegmentSettings = SegmentSettings()
    sentiment: SentimentSettings = SentimentSettings()
    aspects: AspectSettings = AspectSettings()
    topics: TopicSettings = TopicSettings()
    measures: MeasureSettings = MeasureSettings()
    sources: dict[str, FileSource] = Field(default_factory=dict)

    @field_validator("sources")
    @classmethod
    def _names(cls, value: dict[str, FileSource]) -> dict[str, FileSource]:
        for name in value:
            if not SOURCE_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a source name; use letters, digits, _ and -")
        return value

    @property
    def hash(self) -> str:
        """12 hex digits over everything that can change a number; no secrets, no paths."""
        content = self.model_dump(mode="json", exclude={"privacy": True, "warehouse": {"path"}})
        sections = [*content["sources"].values(), content["segment"], content["aspects"]]
        for section in sections:
            for key in {"path", "user_dict", "taxonomy"} & section.keys():
                section[key] = section[key] and Path(section[key]).name
        words = self.segment.user_dict
        if words is not None and words.is_file():
            content["segment"]["user_dict"] = hashlib.sha256(words.read_bytes()).hexdigest()
        text = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


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
    name = re.sub(r"[^\w-]+", "_", Path(file).name.split(".")[0])[:64] or "file"
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
