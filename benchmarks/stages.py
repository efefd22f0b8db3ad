"""Throughput of each stage alone, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from kesheng.models.topics import words
from kesheng.pipeline.analyse import load_models
from kesheng.settings import Settings
from kesheng.text import clauses, duplicates
from kesheng.text.clean import clean_all
from kesheng.text.column import TextColumn
from kesheng.text.privacy import Pseudonymiser


def report(texts: list[str]) -> None:
    """Time every stage over all texts and print texts a second."""
    settings = Settings()
    models = load_models(settings)
    print(f"{'stage, alone':<28}{'texts/s':>10}")

    def timed(name: str, work: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        result = work()
        print(f"{name:<28}{len(texts) / (time.perf_counter() - begin):>10,.0f}")
        return result

    cleaned = timed("clean", lambda: clean_all(texts))
    masked, _ = timed("mask", lambda: Pseudonymiser(b"benchmark").mask_all(cleaned))
    timed("segment", lambda: words(masked, models.tokeniser))
    timed("duplicates", lambda: duplicates.find(masked, settings=settings.text))
    column = TextColumn.of(masked)
    starts, ends = timed("clauses", lambda: clauses.split(column))
    timed("sentiment, texts", lambda: models.sentiment.scores(column, column.starts, column.ends))
    scores = timed("sentiment, clauses", lambda: models.sentiment.scores(column, starts, ends))
    found = timed("aspects", lambda: models.aspects.mentions(column, starts, ends, scores))
    print(f"{len(starts):,} clauses, {len(np.unique(found.row)):,} texts with mentions")
