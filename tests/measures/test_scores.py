"""sq_scores: figures with a source, the roll-up to views, minimum samples."""

from __future__ import annotations

import random
from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

from kesheng.measures import scores
from kesheng.measures.scores import UNIT, Facts

DAY = date(2026, 4, 13)
VIEWS = pa.table({
    "view": ["v", "v", "v"],
    "dimension": ["态度", "态度", "速度"],
    "dimension_zh": ["态度", "态度", "速度"],
    "indicator": ["ATT.courtesy", "ATT.warmth", "RSP.wait"],
})  # fmt: skip


def facts(rows: list[tuple[str, str, float]], *, branch: dict[str, str] | None = None) -> Facts:
    """Facts from (feedback, indicator, grade); every feedback on one day of one source."""
    ids = sorted({feedback for feedback, _, _ in rows} | set(branch or ()))
    return Facts(
        feedback=pa.table({
            "feedback_id": ids,
            "dt": pa.array([DAY] * len(ids), pa.date32()),
            "source": ["s"] * len(ids),
            "grp": pa.array([(branch or {}).get(i) for i in ids], pa.string()),
        }),
        pairs=pa.table({
            "feedback_id": [f for f, _, _ in rows],
            "indicator": [i for _, i, _ in rows],
            "pol": pa.array([int(np.sign(g - 3)) for _, _, g in rows], pa.int64()),
            "g": pa.array([round(g * UNIT) for _, _, g in rows], pa.int64()),
        }),
        views=VIEWS,
    )  # fmt: skip


def cells(of: Facts, **options: object) -> pd.DataFrame:
    """`sq_scores` of facts, over everything unless told otherwise."""
    settings = {"periods": ["all"], "group": None, "run_date": DAY} | options
    return scores.scores(of, **settings).to_pandas()  # type: ignore[arg-type]


def one(of: Facts, dimension: str) -> pd.Series:
    """The row of one dimension over everything."""
    table = cells(of)
    return table[(table["dimension"] == dimension) & (table["group_type"] == "all")].iloc[0]


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(count: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, Stat Med 17:857, method 3 (acceptance values wilson_*)."""
    got = scores.wilson(np.array([count]), np.array([n]))
    assert got[0][0] == pytest.approx(low, abs=5e-5)
    assert got[1][0] == pytest.approx(high, abs=5e-5)


@pytest.mark.parametrize(
    ("score", "grade"),
    [
        (-1, 1),
        (-0.551, 1),
        (-0.55, 2),
        (-0.01, 2),
        (0, 3),
        (0.01, 4),
        (0.55, 4),
        (0.551, 5),
        (1, 5),
    ],
)
def test_grades_follow_the_published_cut_points(score: float, grade: int) -> None:
    """Albayrak et al. 2021 as used by Li et al. 2025 (methods.md B.0)."""
    with duckdb.connect() as db:
        row = db.execute(f"SELECT {scores.graded(f'({score})::DOUBLE')}").fetchall()
    assert row == [(grade,)]


def test_clauses_of_one_indicator_are_averaged() -> None:
    """A rant that names an indicator three times is one pair with one polarity and one grade."""
    mention = pa.table({
        "feedback_id": ["a", "a", "a"],
        "indicator": ["RSP.wait"] * 3,
        "polarity": pa.array([-1, -1, 1], pa.int8()),
        "score": pa.array([-1.0, -0.2, 1.0], pa.float32()),
    })  # fmt: skip
    with duckdb.connect() as db:
        db.register("mention", mention)
        rows = db.execute(scores.PAIRS_SQL).fetchall()
    assert rows == [("a", "RSP.wait", -1, round(UNIT * (1 + 2 + 5) / 3))]


def test_interval_is_the_t_interval_where_each_feedback_has_one_pair() -> None:
    """Cluster-robust and ordinary intervals agree when clusters have size one (scipy as oracle)."""
    grades = [1, 2, 5, 4, 3, 3, 2, 1, 5, 4] * 4
    got = one(facts([(f"f{k:02}", "RSP.wait", g) for k, g in enumerate(grades)]), "速度")
    low, high = stats.t.interval(0.95, len(grades) - 1, np.mean(grades), stats.sem(grades))
    assert got["p_mean"] == pytest.approx(np.mean(grades))
    assert (got["p_ci_lo"], got["p_ci_hi"]) == (pytest.approx(low), pytest.approx(high))
    assert got["p_sd"] == pytest.approx(np.std(grades, ddof=1))


def test_interval_is_wider_when_pairs_of_a_feedback_agree() -> None:
    """Two pairs a feedback with the same grade say no more than one."""
    alone = [(f"f{k:02}", "ATT.courtesy", 1 + k % 5) for k in range(40)]
    twice = alone + [(f, "ATT.warmth", g) for f, _, g in alone]
    a, b = one(facts(alone), "态度"), one(facts(twice), "态度")
    assert b["n_mentions"] == 2 * a["n_mentions"]
    assert b["p_ci_hi"] - b["p_ci_lo"] == pytest.approx(a["p_ci_hi"] - a["p_ci_lo"])


def test_few_feedback_get_a_percentile_bootstrap() -> None:
    """Below 30 feedback the interval is the bootstrap's: inside the data, seeded, around the mean."""
    rows = [(f"f{k:02}", "RSP.wait", g) for k, g in enumerate([1, 1, 2, 5, 3, 4, 2, 1, 5, 4, 3, 2])]
    first, again = one(facts(rows), "速度"), one(facts(rows), "速度")
    assert 1 < first["p_ci_lo"] < first["p_mean"] < first["p_ci_hi"] < 5
    assert first["p_ci_lo"] == again["p_ci_lo"]
    oracle = stats.bootstrap(
        ([g for _, _, g in rows],), np.mean, method="percentile", n_resamples=20_000, random_state=1
    ).confidence_interval
    assert first["p_ci_lo"] == pytest.approx(oracle.low, abs=0.1)
    assert first["p_ci_hi"] == pytest.approx(oracle.high, abs=0.1)


def test_dimension_of_a_view_is_weighted_by_mentions() -> None:
    """P_D = sum n_i P_i / sum n_i (methods.md M02): 10 pairs of grade 5, 30 of grade 1 → 2."""
    rows = [(f"a{k}", "ATT.courtesy", 5) for k in range(10)]
    rows += [(f"b{k}", "ATT.warmth", 1) for k in range(30)]
    got = one(facts(rows), "态度")
    assert got["p_mean"] == pytest.approx(2.0)
    assert (got["n_indicators_covered"], got["n_indicators_in_view"]) == (2, 2)
    assert (got["n_pos"], got["n_neg"], got["net_sentiment"]) == (10, 30, pytest.approx(-0.5))
    assert got["p_mode"] == 1
    assert got["p_median"] == 1


@pytest.mark.parametrize(
    ("grades", "median"), [([1, 2, 4, 5] * 3, 3.0), ([1, 2, 2, 5, 5] * 3, 2.0)]
)
def test_median_is_the_middle_or_the_mean_of_the_two_middles(
    grades: list[int], median: float
) -> None:
    """The weighted median of the value counts is numpy's median of the values."""
    got = one(facts([(f"f{k:02}", "RSP.wait", g) for k, g in enumerate(grades)]), "速度")
    assert got["p_median"] == median == np.median(grades)


@pytest.mark.parametrize(
    ("n_pos", "n_neg", "status"),
    [
        (4, 5, "suppressed"),
        (5, 5, "low_n"),
        (20, 9, "low_n"),
        (25, 5, "ok"),
        (26, 4, "low_n"),
        (0, 40, "low_n"),
    ],
)
def test_status_follows_the_minimum_samples(n_pos: int, n_neg: int, status: str) -> None:
    """methods.md B.0: ok from 30 with 5 of each, low_n from 10, values hidden below."""
    rows = [(f"p{k}", "RSP.wait", 5) for k in range(n_pos)]
    rows += [(f"n{k}", "RSP.wait", 1) for k in range(n_neg)]
    got = one(facts(rows), "速度")
    assert got["status"] == status
    assert (got["n"], got["n_min"]) == (n_pos + n_neg, 30)
    assert np.isnan(got["p_mean"]) == (status == "suppressed")
    assert np.isnan(got["neg_share_ci_hi"]) == (status == "suppressed")


def test_feedback_without_mentions_counts_in_the_mention_share() -> None:
    """a_d = n_d / N over all feedback of the group."""
    rows = [(f"f{k:02}", "RSP.wait", 1) for k in range(10)]
    got = one(facts(rows, branch={f"g{k:02}": "城南" for k in range(30)}), "速度")
    assert got["mention_share"] == pytest.approx(0.25)


def test_groups_and_periods_partition_the_feedback() -> None:
    """Day, week, month and all, over everything, by source and by the group column."""
    rows = [(f"f{k:02}", "RSP.wait", 1 + k % 5) for k in range(20)]
    branch = {f"f{k:02}": "城南" if k < 12 else "城北" for k in range(20)}
    got = cells(facts(rows, branch=branch), periods=["day", "week", "month", "all"], group="branch")
    assert set(got["period"]) == {"2026-04-13", "2026-W16", "2026-04", "all"}
    day = got[got["period"] == "2026-04-13"].set_index(["group_type", "group_id"])["n_mentions"]
    assert day.to_dict() == {
        ("all", "all"): 20, ("source", "s"): 20, ("branch", "城南"): 12, ("branch", "城北"): 8,
    }  # fmt: skip


def test_scores_do_not_depend_on_the_order_of_rows() -> None:
    """Sums are exact, so a shuffled table gives the same bits."""
    rng = random.Random(7)
    rows = [
        (f"f{k:03}", i, rng.choice([1, 4 / 3, 5 / 3, 2, 2.5, 3, 4, 5]))
        for k in range(200)
        for i in ("ATT.courtesy", "ATT.warmth", "RSP.wait")
        if rng.random() < 0.6
    ]
    shuffled = rows[:]
    rng.shuffle(shuffled)
    pd.testing.assert_frame_equal(cells(facts(rows)), cells(facts(shuffled)), check_exact=True)


def test_no_mentions_give_no_rows() -> None:
    """A warehouse without mentions has an empty table, not an error."""
    assert cells(facts([], branch={"f": "城南"})).empty
