"""Small frozen settings objects, one a stage; `kesheng.configuration` reads them."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
)

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
