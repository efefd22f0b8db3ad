"""Descriptives and perception scores (methods.md M01), rolled up to views (M02).

Pure functions: frames in, frames out; DuckDB serves as the aggregation engine
on the frames it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95
# Minimum sample (methods.md B.0): a cell with fewer pairs than LOW is
# suppressed, with fewer than OK, or fewer than EACH of one polarity, low_n.
N_OK, N_LOW, N_EACH = 30, 10, 5
BOOTSTRAP_DRAWS, SEED = 2000, 20260101
# Columns that are hidden where the sample is too small to say anything.
VALUES = (
    "p_mean", "p_ci_lo", "p_ci_hi", "p_median", "p_mode", "p_sd", "net_sentiment", "ns_ci_lo",
    "ns_ci_hi", "neg_share", "neg_share_ci_lo", "neg_share_ci_hi",
)  # fmt: skip

PERIODS = {
    "day": "strftime(dt, '%Y-%m-%d')",
    "week": "strftime(dt, '%G-W%V')",
    "month": "strftime(dt, '%Y-%m')",
    "all": "'all'",
}


@dataclass(frozen=True)
class Facts:
    """What the measures are computed from.

    feedback: one row a feedback that counts (no duplicate, no default text):
        feedback_id, dt, source, and grp (the group column, may be null).
    pairs: one row a (feedback, indicator): feedback_id, indicator, pol (-1, 0, 1),
        g (graded 1..5); see `PAIRS_SQL`.
    views: the `dimension` table: view, dimension, dimension_zh, indicator.
    """

    feedback: pa.Table
    pairs: pa.Table
    views: pa.Table


def graded(score: str) -> str:
    """SQL: clause score in -1..1 → grade 1..5 (cut points of Albayrak et al. 2021, B.0)."""
    return (
        f"CASE WHEN {score} < -0.55 THEN 1 WHEN {score} < 0 THEN 2 WHEN {score} = 0 THEN 3 "
        f"WHEN {score} <= 0.55 THEN 4 ELSE 5 END"
    )


# One polarity and one grade a (feedback, indicator): several clauses are averaged (B.0).
PAIRS_SQL = f"""
SELECT feedback_id, indicator, sign(avg(polarity)) AS pol,
       avg({graded("polarity * (2 * confidence::DOUBLE - 1)")}) AS g
FROM mention GROUP BY feedback_id, indicator
"""  # noqa: S608 - built from constants


def wilson(count: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Wilson score interval of a share at 95 % (Wilson 1927; Newcombe 1998)."""
    low, high = proportion_confint(count, n, alpha=1 - CONFIDENCE, method="wilson")
    return np.asarray(low), np.asarray(high)


def ratio_interval(sums: pd.DataFrame) -> tuple[Floats, Floats]:
    """95 % t interval of sum(a) / sum(m) over feedback, for many cells.

    A mean over (feedback, indicator) pairs is a ratio of two sums over
    feedback: a, the sum of a feedback's pairs, and m, their number. The
    variance is the linearised, cluster-robust one (each feedback one cluster);
    where every feedback has one pair it is the ordinary t interval.

    Args:
        sums: columns n (feedback, >= 2), a, m, aa, am, mm (sums of products).
    """
    mean = sums["a"] / sums["m"]
    squares = sums["aa"] - 2 * mean * sums["am"] + mean**2 * sums["mm"]
    error = np.sqrt(squares.clip(lower=0) * sums["n"] / (sums["n"] - 1)) / sums["m"]
    half = stats.t.ppf((1 + CONFIDENCE) / 2, sums["n"] - 1) * error
    return (mean - half).to_numpy(), (mean + half).to_numpy()


def bootstrap_interval(
    totals: Sequence[Sequence[float]], sizes: Sequence[Sequence[float]]
) -> tuple[Floats, Floats]:
    """95 % percentile bootstrap interval of sum(total) / sum(size) over feedback, for many cells.

    The draws depend on the number of feedback only, so a cell's interval does
    not depend on the cells beside it.

    Args:
        totals, sizes: for each cell, its feedback's sums and numbers of pairs.
    """
    low, high = np.full(len(totals), np.nan), np.full(len(totals), np.nan)
    tail = (1 - CONFIDENCE) / 2
    lengths = np.array([len(t) for t in totals])
    for n in np.unique(lengths):
        draws = np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), BOOTSTRAP_DRAWS)
        for cell in np.flatnonzero(lengths == n):
            means = (draws @ np.asarray(totals[cell])) / (draws @ np.asarray(sizes[cell]))
            low[cell], high[cell] = np.quantile(means, [tail, 1 - tail])
    return low, high


def scores(
    facts: Facts, *, periods: Sequence[str], group: str | None, run_date: date
) -> pa.Table:
    """`sq_scores` for every view, by period and by all, source and group.

    Args:
        periods: of `PERIODS`.
        group: name of the group column, written as group_type; None leaves it out.

    Returns:
        The documented columns but for the versions. p_* are 1..5, shares 0..1,
        net sentiment -1..1. Values are null where status is suppressed.
    """
    cells = _aggregate(facts, periods, group)
    if cells.empty:
        return pa.Table.from_pandas(cells.assign(run_date=run_date), preserve_index=False)
    n = cells["n_mentions"].to_numpy(float)
    cells["neg_share"] = cells["n_neg"] / n
    cells["neg_share_ci_lo"], cells["neg_share_ci_hi"] = wilson(cells["n_neg"].to_numpy(float), n)
    cells["p_ci_lo"], cells["p_ci_hi"] = _interval(cells, "g", 1, 5)
    cells["ns_ci_lo"], cells["ns_ci_hi"] = _interval(cells, "pol", -1, 1)
    levels = cells[[f"level_{k}" for k in range(1, 6)]].to_numpy()
    cells["p_mode"] = levels.argmax(axis=1) + 1.0  # the lower of two equally frequent ones
    cells["status"] = _status(cells)
    cells.loc[cells["status"] == "suppressed", list(VALUES)] = np.nan
    cells["n"], cells["n_min"] = cells["n_mentions"], N_OK
    cells["run_date"] = run_date
    cells["neg_share_corrected"] = np.nan
    return pa.Table.from_pandas(cells, preserve_index=False)


def _interval(
    cells: pd.DataFrame, value: str, lowest: float, highest: float
) -> tuple[Floats, Floats]:
    """Intervals of the cells that will show them; the others stay NaN."""
    low, high = np.full(len(cells), np.nan), np.full(len(cells), np.nan)
    shown = cells["n_mentions"].to_numpy() >= N_LOW
    many = shown & (cells["n_reviews"].to_numpy() >= N_OK)
    few = shown & ~many & (cells["n_reviews"].to_numpy() >= 2)
    names = {"n_reviews": "n", f"{value}_a": "a", "n_mentions": "m"} | {
        f"{value}_{k}": k for k in ("aa", "am")
    }
    low[many], high[many] = ratio_interval(cells.loc[many].rename(columns=names))
    low[few], high[few] = bootstrap_interval(
        cells.loc[few, f"{value}_list"].tolist(), cells.loc[few, "size_list"].tolist()
    )
    return np.clip(low, lowest, highest), np.clip(high, lowest, highest)


def _status(cells: pd.DataFrame) -> npt.NDArray[np.str_]:
    n = cells["n_mentions"]
    enough = (n >= N_OK) & (cells["n_pos"] >= N_EACH) & (cells["n_neg"] >= N_EACH)
    return np.select([n < N_LOW, enough], ["suppressed", "ok"], "low_n")


def _aggregate(facts: Facts, periods: Sequence[str], group: str | None) -> pd.DataFrame:
    """One row a cell, with per-feedback sums as lists in the order of feedback_id."""
    groups = {"all": "'all'", "source": "source"} | ({group: "grp"} if group else {})
    period_rows = " UNION ALL ".join(
        f"SELECT feedback_id, source, grp, {PERIODS[p]} AS period FROM feedback" for p in periods  # noqa: S608
    )
    group_rows = " UNION ALL ".join(
        f"SELECT feedback_id, period, ? AS group_type, {column} AS group_id FROM by_period "  # noqa: S608
        f"WHERE {column} IS NOT NULL"
        for column in groups.values()
    )
    with duckdb.connect() as db:
        # One thread: floating-point sums in another order would differ in their last digits.
        db.execute("SET threads = 1")
        db.register("feedback", facts.feedback)
        db.register("pairs", facts.pairs)
        db.register("views", facts.views)
        db.execute(f"CREATE TEMP TABLE by_period AS {period_rows}")
        db.execute(f"CREATE TEMP TABLE cells AS {group_rows}", list(groups))
        db.execute(_PER_FEEDBACK_SQL)
        return db.execute(_CELLS_SQL).df()


_CELL = "period, group_type, group_id, view, dimension"

# One row a (cell, feedback): sums and counts over its pairs in the cell.
_PER_FEEDBACK_SQL = f"""
CREATE TEMP TABLE per_feedback AS
SELECT {_CELL}, feedback_id, any_value(dimension_zh) AS dimension_zh,
       sum(g) AS g, sum(pol) AS pol, count(*) AS size
FROM pairs JOIN views USING (indicator) JOIN cells USING (feedback_id)
GROUP BY {_CELL}, feedback_id
"""  # noqa: S608 - built from constants

_CELLS_SQL = f"""
WITH by_pair AS (
    SELECT {_CELL}, count(DISTINCT indicator) AS n_indicators_covered,
           avg(g) AS p_mean, median(g) AS p_median, stddev_samp(g) AS p_sd, avg(pol) AS net_sentiment,
           count(*) FILTER (pol > 0) AS n_pos, count(*) FILTER (pol = 0) AS n_neu,
           count(*) FILTER (pol < 0) AS n_neg,
           {", ".join(f"count(*) FILTER (round(g) = {k}) AS level_{k}" for k in range(1, 6))}
    FROM pairs JOIN views USING (indicator) JOIN cells USING (feedback_id)
    GROUP BY {_CELL}
), by_feedback AS (
    SELECT {_CELL}, any_value(dimension_zh) AS dimension_zh,
           count(*) AS n_reviews, sum(size)::BIGINT AS n_mentions, sum(size * size)::DOUBLE AS mm,
           sum(g) AS g_a, sum(g * g) AS g_aa, sum(g * size) AS g_am,
           sum(pol) AS pol_a, sum(pol * pol) AS pol_aa, sum(pol * size) AS pol_am
    FROM per_feedback GROUP BY {_CELL}
), few AS (
    SELECT {_CELL}, list(g ORDER BY feedback_id) AS g_list, list(pol ORDER BY feedback_id) AS pol_list,
           list(size ORDER BY feedback_id) AS size_list
    FROM per_feedback SEMI JOIN (
        SELECT * FROM by_feedback WHERE n_reviews < {N_OK} AND n_mentions >= {N_LOW}
    ) USING ({_CELL})
    GROUP BY {_CELL}
), totals AS (
    SELECT period, group_type, group_id, count(*) AS n_all FROM cells GROUP BY ALL
), in_view AS (
    SELECT view, dimension, count(*) AS n_indicators_in_view FROM views GROUP BY ALL
)
SELECT *, n_reviews / n_all AS mention_share
FROM by_feedback JOIN by_pair USING ({_CELL}) LEFT JOIN few USING ({_CELL})
JOIN totals USING (period, group_type, group_id) JOIN in_view USING (view, dimension)
ORDER BY {_CELL}
"""  # noqa: S608 - built from constants
