"""Throughput of a whole run, side by side with the naive stack; then stage by stage.

`python -m benchmarks [DATA.parquet]` (column text). The two sides take turns;
quote the median and the range of the ratios: machines are noisy.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import stages

NAIVE_ROWS = 1500
# One run says little: on a busy machine both sides vary by half.
ROUNDS = 5
ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "data" / "sentiment_train.parquet"


@dataclass(frozen=True)
class Measured:
    """A process: rows it handled, seconds, peak resident memory."""

    name: str
    rows: int
    seconds: float
    peak_mb: float

    @property
    def rate(self) -> float:
        """Rows a second, start of the interpreter included."""
        return self.rows / self.seconds


def measure(name: str, rows: int, arguments: list[str]) -> Measured:
    """Run a command as a process of its own."""
    begin = time.perf_counter()
    process = os.posix_spawn(arguments[0], arguments, os.environ)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - begin
    if status != 0:
        sys.exit(f"{name} failed with status {os.waitstatus_to_exitcode(status)}")
    return Measured(name, rows, seconds, usage.ru_maxrss / 1024)


def texts_table(path: Path | None) -> pa.Table:
    """The real data if it is there, else the sample's bank texts many times over."""
    if path is not None:
        return pq.read_table(path, columns=["text"])
    texts = pq.read_table(ROOT / "data/sample/bank/feedback.parquet", columns=["text"])["text"]
    several = [f"{text}（{n}）" for n in range(700) for text in texts.to_pylist() if text]
    print("real data is not there: the sample's bank texts, 700 times, stand in")
    return pa.table({"text": several})


def _round(
    folder: str, whole: Path, whole_rows: int, part: Path, part_rows: int
) -> tuple[Measured, Measured]:
    """Both sides once, right after each other, into an empty warehouse."""
    out = tempfile.mkdtemp(dir=folder)
    kesheng = measure("kesheng run", whole_rows, [
        sys.executable, "-m", "kesheng", "run", str(whole), "--text", "text",
        "--out", out, "--quiet",
    ])  # fmt: skip
    naive = measure("jieba + SnowNLP + LDA", part_rows, [
        sys.executable, "-m", "benchmarks.naive", str(part), f"{folder}/naive.parquet",
    ])  # fmt: skip
    return kesheng, naive


def _spread(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):,.0f} ({min(values):,.0f}–{max(values):,.0f})"


def main() -> None:
    """Print both tables."""
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else (REAL if REAL.exists() else None)
    table = texts_table(given)
    with tempfile.TemporaryDirectory() as folder:
        whole, part = Path(folder) / "whole.parquet", Path(folder) / "part.parquet"
        pq.write_table(table, whole)
        # Every n-th row: the file is sorted by domain.
        step = max(table.num_rows // NAIVE_ROWS, 1)
        sample = table.take(pa.array(range(0, table.num_rows, step)))
        pq.write_table(sample, part)
        rounds = [_round(folder, whole, table.num_rows, part, sample.num_rows)
                  for _ in range(ROUNDS)]  # fmt: skip
    print(f"{'whole run, files to Parquet':<28}{'rows':>8}{'s':>8}{'rows/s':>10}{'peak MB':>9}")
    for m in (measured for both in rounds for measured in both):
        print(f"{m.name:<28}{m.rows:>8,}{m.seconds:>8.1f}{m.rate:>10,.0f}{m.peak_mb:>9,.0f}")
    rates = [kesheng.rate for kesheng, _ in rounds]
    ratios = [kesheng.rate / naive.rate for kesheng, naive in rounds]
    print(f"kesheng: {_spread(rates)} rows/s, {_spread(ratios)} x the naive stack\n")
    stages.report(table["text"].to_pylist())


if __name__ == "__main__":
    main()
