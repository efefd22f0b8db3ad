"""Sentiment of texts and clauses: a linear model over hashed character n-grams.

score = 2p - 1, where p is the calibrated probability that the span is praise:
p = sigmoid(slope * z + shift), z = sum of the weights of the span's n-grams /
sqrt(their number) + bias. Training is in `models.training`.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from kesheng.errors import ArtefactError, SettingsError
from kesheng.models import artefacts, ngrams
from kesheng.text.column import TextColumn

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

WEIGHTS_FILE, CARD_FILE = "sentiment/weights.npz", "sentiment/model.json"
LABELS = ("negative", "neutral", "positive")


class SentimentModel(Protocol):
    """What every sentiment backend gives."""

    @property
    def version(self) -> str:
        """Names the model and its weights; written to every row."""

    def scores(self, column: TextColumn, starts: Ints, ends: Ints) -> Floats:
        """Score spans of a column, float64 in -1..1; a span without a letter (？, 👍, 666) gets 0."""


@dataclass(frozen=True)
class NgramSentiment:
    """The shipped model. weights: float32 of 2**bits buckets."""

    version: str
    weights: npt.NDArray[np.float32]
    orders: tuple[int, ...]
    bits: int
    bias: float
    slope: float
    shift: float

    def scores(self, column: TextColumn, starts: Ints, ends: Ints) -> Floats:
        """Score spans; see the module for the formula."""
        hashed = ngrams.buckets(ngrams.fold(column.points), orders=self.orders, bits=self.bits)
        sums, counts = ngrams.span_sums(self.weights, hashed, starts, ends)
        z = sums / np.sqrt(np.maximum(counts, 1)) + self.bias
        # tanh(x / 2) = 2 * sigmoid(x) - 1
        scores = np.tanh((self.slope * z + self.shift) / 2)
        return np.where(_worded(column, starts, ends), scores, 0.0)


class SnowNlpSentiment:
    """SnowNLP as a backend: slow, kept as the baseline."""

    version = "snownlp"

    def __init__(self) -> None:
        try:
            self._sentiment = importlib.import_module("snownlp.sentiment")
        except ImportError as error:
            raise SettingsError(
                "sentiment.backend = 'snownlp' needs the extra: pip install 'kesheng[snownlp]'"
            ) from error

    def scores(self, column: TextColumn, starts: Ints, ends: Ints) -> Floats:
        """Score spans one by one."""
        spans = (column.joined[a:b] for a, b in zip(starts, ends, strict=True))
        scores = np.array([2 * self._sentiment.classify(s) - 1 if s else 0.0 for s in spans])
        return np.where(_worded(column, starts, ends), scores, 0.0)


def _worded(column: TextColumn, starts: Ints, ends: Ints) -> npt.NDArray[np.bool_]:
    """Which spans have a letter: no model here has learnt what marks and emoji alone say."""
    worded: npt.NDArray[np.bool_] = column.letters(starts, ends).sum(axis=0) > 0
    return worded


def load(backend: str, *, folder: Path | None = None) -> SentimentModel:
    """Load a backend: "ngram" or "snownlp".

    Raises:
        ArtefactError: the shipped files are missing or changed.
        SettingsError: the backend is not installed.
    """
    if backend == "snownlp":
        return SnowNlpSentiment()
    weights_path = artefacts.verified(WEIGHTS_FILE, folder=folder)
    card_path = artefacts.verified(CARD_FILE, folder=folder)
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        with weights_path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            weights = file["weights"].astype(np.float32)
        model = NgramSentiment(
            version=card["version"],
            weights=weights,
            orders=tuple(card["orders"]),
            bits=card["bits"],
            bias=card["bias"],
            slope=card["slope"],
            shift=card["shift"],
        )
        fits = weights.shape == (1 << model.bits,)
    except (KeyError, TypeError, ValueError, EOFError, BadZipFile) as error:
        raise ArtefactError(
            f"{CARD_FILE} or {WEIGHTS_FILE} is not a sentiment model: {error}"
        ) from error
    if not fits:
        raise ArtefactError(
            f"{CARD_FILE} with {WEIGHTS_FILE} is not a sentiment model: "
            f"weights of shape {weights.shape} for {model.bits} bits"
        )
    return model


def labels(scores: Floats, *, neutral_band: float) -> npt.NDArray[np.int8]:
    """Index into `LABELS`: 0 negative, 1 neutral (|score| <= neutral_band), 2 positive."""
    return (1 + np.sign(scores) * (np.abs(scores) > neutral_band)).astype(np.int8)


def confidence(scores: Floats) -> Floats:
    """Probability of the more likely of praise and complaint, 0.5..1."""
    return (1 + np.abs(scores)) / 2
