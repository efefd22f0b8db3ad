"""Descriptives and perception scores (methods.md M01), rolled up to views (M02).

Pure functions: frames in, frames out; DuckDB serves as the aggregation engine
on the frames it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

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
        g (grade 1..5, in units of 1/UNIT); see `PAIRS_SQL`.
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


# Grades are summed as whole numbers of 1/2520, the least common multiple of
# 1..10, so that sums are exact and do not depend on their order. (The mean of
# more than ten clauses is rounded to 1/2520.)
UNIT = 2520

# One polarity and one grade a (feedback, indicator): several clauses are averaged (B.0).
PAIRS_SQL = f"""
SELECT feedback_id, indicator::VARCHAR AS indicator, sign(sum(polarity))::BIGINT AS pol,
       round({UNIT} * sum({graded("score::DOUBLE")}) / count(*))::BIGINT AS g
FROM mention GROUP BY feedback_id, indicator
"""


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
        for cell in np.flatnonzero(lengths == n).tolist():
            means = (draws @ np.asarray(totals[cell])) / (draws @ np.asarray(sizes[cell]))
            low[cell], high[cell] = np.quantile(means, [tail, 1 - tail])
    return low, high


def scores(facts: Facts, *, periods: Sequence[str], group: str | None, run_date: date) -> pa.Table:
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
    """One row a cell (period × group × dimension of a view) that has mentions."""
    groups = {"all": "'all'", "source": "source"} | ({group: "grp"} if group else {})
    members = " UNION ALL ".join(
        f"SELECT feedback, {PERIODS[period]} AS period, {_literal(name)} AS group_type, "
        f"{column} AS group_id FROM numbered WHERE {column} IS NOT NULL"
        for period in periods
        for name, column in groups.items()
    )
    # Every query orders what needs an order; keeping the rows' own would cost memory.
    config: dict[str, Any] = {"memory_limit": "512MB", "preserve_insertion_order": "false"}
    with duckdb.connect(config=config) as db:
        db.register("feedback", facts.feedback)
        db.register("pairs", facts.pairs)
        db.register("views", facts.views)
        db.execute(_NUMBER_SQL.format(members=members))
        cells = db.execute(_CELLS_SQL).df()
    # Back from units of 1/UNIT to grades.
    cells[["p_mean", "p_median", "p_sd", "g_a", "g_am"]] /= UNIT
    cells["g_aa"] /= UNIT**2
    return cells


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# Feedback, groups and dimensions get numbers: grouping by words would need
# several times the memory. `part_of`: which feedback counts in which group.
# The lists for the bootstrap are in the order of their values: ids come from masked
# texts where a source has none, and no interval may depend on the key of the pseudonyms.
_NUMBER_SQL = """
CREATE TEMP TABLE numbered AS
SELECT row_number() OVER (ORDER BY feedback_id) AS feedback, feedback_id, dt, source, grp FROM feedback;
CREATE TEMP VIEW members AS {members};
CREATE TEMP TABLE groups AS
SELECT row_number() OVER (ORDER BY period, group_type, group_id)::INTEGER AS grouping, *
FROM (SELECT period, group_type, group_id, count(*) AS n_all FROM members GROUP BY ALL);
CREATE TEMP TABLE part_of AS
SELECT feedback::INTEGER AS feedback, grouping FROM members JOIN groups USING (period, group_type, group_id);
CREATE TEMP TABLE dimensions AS
SELECT row_number() OVER (ORDER BY view, dimension)::INTEGER AS place, *
FROM (SELECT view, dimension, dimension_zh, count(*) AS n_indicators_in_view FROM views GROUP BY ALL);
CREATE TEMP TABLE indicators AS
SELECT indicator, dense_rank() OVER (ORDER BY indicator)::INTEGER AS number, place
FROM views JOIN dimensions USING (view, dimension);
CREATE TEMP TABLE facts AS
SELECT feedback::INTEGER AS feedback, number, g::INTEGER AS g, pol::TINYINT AS pol
FROM pairs JOIN numbered USING (feedback_id) JOIN (SELECT DISTINCT indicator, number FROM indicators) USING (indicator);
CREATE TEMP TABLE per_feedback AS
SELECT feedback, place, sum(g)::INTEGER AS g, sum(pol)::INTEGER AS pol, count(*)::INTEGER AS size
FROM facts JOIN indicators USING (number) GROUP BY feedback, place;
"""

_LEVELS = ", ".join(
    f"coalesce(sum(n) FILTER (round(g / {UNIT}) = {k}), 0) AS level_{k}" for k in range(1, 6)
)
_CELLS_SQL = f"""
WITH by_value AS (
    SELECT grouping, number, g, pol, count(*) AS n
    FROM facts JOIN part_of USING (feedback) GROUP BY grouping, number, g, pol
), in_cell AS (
    SELECT grouping, place, number, g, pol, n,
           sum(n) OVER (PARTITION BY grouping, place ORDER BY g, number, pol) AS upto,
           sum(n) OVER (PARTITION BY grouping, place) AS total
    FROM by_value JOIN indicators USING (number)
), by_pair AS (
    SELECT grouping, place, count(DISTINCT number) AS n_indicators_covered,
           sum(n)::BIGINT AS n_mentions, sum(g::BIGINT * n) / sum(n) AS p_mean,
           (min(g) FILTER (upto >= total / 2) + min(g) FILTER (upto >= total / 2 + 0.5)) / 2 AS p_median,
           sqrt(greatest(sum(g::BIGINT * g * n) - sum(g::BIGINT * n) * (sum(g::BIGINT * n) / sum(n)), 0)
                / nullif(sum(n) - 1, 0)) AS p_sd,
           sum(pol * n) / sum(n) AS net_sentiment,
           coalesce(sum(n) FILTER (pol > 0), 0)::BIGINT AS n_pos,
           coalesce(sum(n) FILTER (pol = 0), 0)::BIGINT AS n_neu,
           coalesce(sum(n) FILTER (pol < 0), 0)::BIGINT AS n_neg, {_LEVELS}
    FROM in_cell GROUP BY grouping, place
), by_feedback AS (
    SELECT grouping, place, count(*) AS n_reviews, sum(size * size)::DOUBLE AS mm,
           sum(g)::DOUBLE AS g_a, sum(g::BIGINT * g)::DOUBLE AS g_aa, sum(g::BIGINT * size)::DOUBLE AS g_am,
           sum(pol)::DOUBLE AS pol_a, sum(pol * pol)::DOUBLE AS pol_aa, sum(pol * size)::DOUBLE AS pol_am
    FROM per_feedback JOIN part_of USING (feedback) GROUP BY grouping, place
), few AS (
    SELECT grouping, place, list(g / {UNIT} ORDER BY g, pol, size) AS g_list,
           list(pol ORDER BY g, pol, size) AS pol_list, list(size ORDER BY g, pol, size) AS size_list
    FROM per_feedback JOIN part_of USING (feedback) SEMI JOIN (
        SELECT grouping, place FROM by_feedback JOIN by_pair USING (grouping, place)
        WHERE n_reviews < {N_OK} AND n_mentions >= {N_LOW}
    ) USING (grouping, place)
    GROUP BY grouping, place
)
SELECT *, n_reviews / n_all AS mention_share
FROM by_feedback JOIN by_pair USING (grouping, place) LEFT JOIN few USING (grouping, place)
JOIN groups USING (grouping) JOIN dimensions USING (place)
ORDER BY period, group_type, group_id, view, dimension
"""
