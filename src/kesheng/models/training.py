"""Training of the shipped models from labelled files; same data, same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_limits

from kesheng.models import artefacts, ngrams
from kesheng.models.sentiment import CARD_FILE, WEIGHTS_FILE, NgramSentiment
from kesheng.text.column import TextColumn

Floats = npt.NDArray[np.float64]

# Chosen on sentiment_train / sentiment_dev: orders 1-4 with inverse document
# frequency beat 1-3, no weighting, NB weighting and binary counts.
ORDERS, BITS, C, FOLDS, SEED = (1, 2, 3, 4), 20, 1.0, 5, 20260101


def features(texts: Sequence[str]) -> sp.csr_matrix:
    """Counts of hashed n-grams / sqrt(n-grams of the text), shape (texts, 2**BITS)."""
    column = TextColumn.of(texts)
    hashed = ngrams.buckets(ngrams.fold(column.points), orders=ORDERS, bits=BITS)
    rows, columns = [], []
    for order, bucket in hashed.items():
        sizes = np.maximum(column.ends - column.starts - order + 1, 0)
        row = np.repeat(np.arange(len(texts)), sizes)
        first = np.cumsum(sizes) - sizes
        rows.append(row)
        columns.append(bucket[np.arange(len(row)) - first[row] + column.starts[row]])
    row, col = np.concatenate(rows), np.concatenate(columns)
    scale = 1 / np.sqrt(np.maximum(np.bincount(row, minlength=len(texts)), 1))
    return sp.csr_matrix((scale[row].astype(np.float32), (row, col)), shape=(len(texts), 1 << BITS))


def train_sentiment(texts: Sequence[str], labels: npt.NDArray[np.int64]) -> NgramSentiment:
    """Fit and calibrate the sentiment model.

    Args:
        texts: cleaned texts.
        labels: 1 praise, 0 complaint.
    """
    matrix = features(texts)
    document_frequency = np.asarray((matrix > 0).sum(axis=0)).ravel()
    idf = (np.log((len(texts) + 1) / (document_frequency + 1)) + 1).astype(np.float32)
    matrix = sp.csr_matrix(matrix @ sp.diags(idf))
    # One thread: sums in another order would change the last bits of the weights.
    with threadpool_limits(1):
        slope, shift = _calibrate(matrix, labels)
        weights, bias = _fit(matrix, labels)
    weights = (weights * idf).astype(np.float16)
    digest = hashlib.sha256(weights.tobytes()).hexdigest()[:8]
    return NgramSentiment(
        version=f"ngram-{digest}",
        weights=weights.astype(np.float32),
        orders=ORDERS,
        bits=BITS,
        bias=bias,
        slope=slope,
        shift=shift,
    )


def _fit(matrix: sp.csr_matrix, labels: npt.NDArray[np.int64]) -> tuple[Floats, float]:
    model = LogisticRegression(C=C, max_iter=500).fit(matrix, labels)
    return model.coef_[0], float(model.intercept_[0])


def _calibrate(matrix: sp.csr_matrix, labels: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Platt scaling on out-of-fold scores (Platt 1999)."""
    scores = np.zeros(len(labels))
    for train, test in KFold(FOLDS, shuffle=True, random_state=SEED).split(matrix):
        weights, bias = _fit(matrix[train], labels[train])
        scores[test] = matrix[test] @ weights + bias
    platt = LogisticRegression(C=1e6).fit(scores[:, None], labels)
    return float(platt.coef_[0, 0]), float(platt.intercept_[0])


def save_sentiment(model: NgramSentiment, folder: Path, card: dict[str, Any]) -> None:
    """Write weights and card, and record their digests in the manifest."""
    (folder / WEIGHTS_FILE).parent.mkdir(parents=True, exist_ok=True)
    _save_npz(folder / WEIGHTS_FILE, weights=model.weights.astype(np.float16))
    numbers = {
        "version": model.version, "orders": list(model.orders), "bits": model.bits,
        "bias": model.bias, "slope": model.slope, "shift": model.shift,
    }  # fmt: skip
    text = json.dumps(numbers | card, indent=1, ensure_ascii=False)
    (folder / CARD_FILE).write_text(text + "\n", encoding="utf-8")
    artefacts.write_manifest(folder, [WEIGHTS_FILE, CARD_FILE])


def _save_npz(path: Path, **arrays: npt.NDArray[Any]) -> None:
    """`numpy.savez_compressed` with a fixed time stamp, so that equal arrays give equal bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)),
                buffer.getvalue(),
                zipfile.ZIP_DEFLATED,
                9,
            )
