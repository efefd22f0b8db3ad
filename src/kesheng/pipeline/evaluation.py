"""Accuracy on labelled files, and the training that is judged by it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from kesheng.errors import SourceError, choices, nearest
from kesheng.models import artefacts
from kesheng.models.sentiment import SentimentModel, confidence
from kesheng.pipeline.analyse import load_models, score
from kesheng.settings import Settings
from kesheng.text.clean import clean_all
from kesheng.text.column import TextColumn

Row = dict[str, Any]
OVERALL = "OVERALL"  # an untargeted judgement (很好, 差评): of no dimension
BINS = 10


def sentiment(labelled: Path, settings: Settings) -> list[Row]:
    """Accuracy and expected calibration error, by domain and in all.

    Args:
        labelled: Parquet with text, label (1 praise, 0 complaint), optionally domain.
    """
    columns = _columns(labelled, ("text", "label"), optional=("domain",))
    return _sentiment_rows(columns, load_models(settings).sentiment)


def _sentiment_rows(columns: dict[str, list[Any]], model: SentimentModel) -> list[Row]:
    column = TextColumn.of(clean_all(columns["text"]))
    scores = model.scores(column, column.starts, column.ends)
    truth = np.array(columns["label"]) == 1
    domains = np.array(columns.get("domain", ["-"] * len(truth)), dtype=object)
    groups = [(name, domains == name) for name in sorted(set(domains))]
    groups.append(("all", np.ones(len(truth), dtype=bool)))
    return [
        {
            "domain": name,
            "n": int(rows.sum()),
            "accuracy": float(((scores > 0) == truth)[rows].mean()),
            "ece": calibration_error(scores[rows], truth[rows]),
        }
        for name, rows in groups
    ]


def calibration_error(scores: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_]) -> float:
    """Expected calibration error over ten equal bins of confidence (Naeini et al. 2015)."""
    sure, right = confidence(scores), (scores > 0) == truth
    place = np.minimum(((sure - 0.5) * 2 * BINS).astype(int), BINS - 1)
    return float(
        sum(
            abs(sure[place == b].mean() - right[place == b].mean()) * (place == b).mean()
            for b in range(BINS)
            if (place == b).any()
        )
    )


def mentions(labelled: Path, settings: Settings) -> list[Row]:
    """Precision, recall and micro-F1 of dimensions and indicators, without and with polarity.

    Args:
        labelled: Parquet with text, labels (`REL.ontime:-1;…`, OVERALL left
            out) and optionally `optional`: labels neither rewarded nor punished.
    """
    columns = _columns(labelled, ("text", "labels"), optional=("optional",))
    predicted = _predict(clean_all(columns["text"]), settings)
    truth = [_parse(text) for text in columns["labels"]]
    spared = [_names(text) for text in columns.get("optional", [""] * len(truth))]
    rows = []
    for level in ("dimension", "indicator"):
        for polar in (False, True):
            counts = np.zeros(3)
            for t, p, o in zip(truth, predicted, spared, strict=True):
                counts += _count(
                    _keys(t, level, polar), _keys(p, level, polar), _keys(o, level, False)
                )
            hit, missed, wrong = counts
            rows.append({
                "what": level + (" + polarity" if polar else ""),
                "n": int(hit + missed),
                "precision": float(hit / max(hit + wrong, 1)),
                "recall": float(hit / max(hit + missed, 1)),
                "micro_f1": float(2 * hit / max(2 * hit + missed + wrong, 1)),
            })  # fmt: skip
    return rows


def _predict(texts: list[str], settings: Settings) -> list[list[tuple[str, int]]]:
    models = load_models(settings)
    found = score(texts, models).mentions
    result: list[list[tuple[str, int]]] = [[] for _ in texts]
    for row, indicator, polarity in zip(found.row, found.indicator, found.polarity, strict=True):
        result[row].append((models.aspects.indicators[indicator].id, int(polarity)))
    return result


def _parse(labels: str | None) -> list[tuple[str, int]]:
    """`REL.ontime:-1;…` → pairs, OVERALL left out."""
    pairs = []
    for item in filter(None, (labels or "").split(";")):
        name, _, polarity = item.rpartition(":")
        if not name or polarity not in ("-1", "0", "1"):
            raise SourceError(f"label {item!r} is not indicator:polarity, as in REL.ontime:-1")
        pairs.append((name, int(polarity)))
    return [pair for pair in pairs if pair[0] != OVERALL]


def _names(labels: str | None) -> list[tuple[str, int]]:
    """Indicators of optional labels, whose polarity may be open (`PRD.quality:0/-1`)."""
    return [(item.rpartition(":")[0], 0) for item in (labels or "").split(";") if item]


def _keys(labels: Iterable[tuple[str, int]], level: str, polar: bool) -> set[tuple[str, int]]:
    """One entry a dimension (or indicator): its net polarity, or 0 where that is not asked."""
    sums: dict[str, int] = {}
    for name, polarity in labels:
        key = name.partition(".")[0] if level == "dimension" else name
        sums[key] = sums.get(key, 0) + polarity
    return {(key, int(np.sign(total)) if polar else 0) for key, total in sums.items()}


def _count(
    truth: set[tuple[str, int]], found: set[tuple[str, int]], spared: set[tuple[str, int]]
) -> tuple[int, int, int]:
    names = {name for name, _ in spared}
    wrong = [key for key in found - truth if key[0] not in names]
    return len(truth & found), len(truth - found), len(wrong)


def train_sentiment(labelled: Path, dev: Path, folder: Path) -> list[Row]:
    """Train, write model, card and manifest to `folder`; returns the figures on `dev`."""
    from kesheng.models import training

    columns = _columns(labelled, ("text", "label"))
    if set(columns["label"]) != {0, 1}:
        raise SourceError(
            f"{labelled.name}: column 'label' needs both 1 (praise) and 0 (complaint)"
        )
    model = training.train_sentiment(clean_all(columns["text"]), np.array(columns["label"]))
    figures = _sentiment_rows(_columns(dev, ("text", "label"), optional=("domain",)), model)
    card = {
        "what": "Linear model over hashed character n-grams; praise against complaint",
        "trained_on": {"file": labelled.name, "rows": len(columns["text"]), "sha256": artefacts.sha256(labelled)},
        "evaluated_on": {"file": dev.name, "sha256": artefacts.sha256(dev)},
        "command": f"kesheng train sentiment {labelled.name} --dev {dev.name}",
        "figures": [{k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()} for row in figures],
        "weaknesses": "Two classes only: neutral is a narrow band around 0. Irony, and domains "
        "unlike those trained on (hotel, takeaway, goods), are read less well.",
    }  # fmt: skip
    training.save_sentiment(model, folder, card)
    return figures


def _columns(
    path: Path, needed: Sequence[str], *, optional: Sequence[str] = ()
) -> dict[str, list[Any]]:
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{path.name}: not a readable Parquet file: {error}") from error
    for name in needed:
        if name not in table.column_names:
            raise SourceError(
                f"{path.name}: no column {name!r}{nearest(name, table.column_names)}; "
                f"columns there are: {choices(table.column_names)}"
            )
        if name != "labels" and table[name].null_count:  # no labels is a label
            raise SourceError(f"{path.name}: column {name!r} has nulls; remove these rows")
    if table.num_rows == 0:
        raise SourceError(f"{path.name}: no rows to measure by")
    text = table["text"].type
    if not (pa.types.is_string(text) or pa.types.is_large_string(text)):
        raise SourceError(f"{path.name}: column 'text' holds {text}; expected string")
    present = [*needed, *(name for name in optional if name in table.column_names)]
    return {name: table[name].to_pylist() for name in present}
