"""Inequity summaries and breakdowns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.curves.build import identification_curve, verification_curve
from biomatch.curves.groups import (
    cross_group,
    fairness_discrepancy,
    garbe,
    gini,
    group_report,
    mxog,
)
from biomatch.errors import ResultsError

# Faces and borders, 3.1: median FPIR over 117 algorithms by group, NIST FRTE 1:N; printed beside it are a
# Gini of about 0.65 and an MXOG of about 8 (medians over algorithms of their own values).
MEDIANS = [0.0020, 0.074, 0.060, 0.035, 0.012, 0.0055, 0.0005]


def slow_gini(x):
    n = len(x)
    return n / (n - 1) * sum(abs(a - b) for a in x for b in x) / (2 * n * n * (sum(x) / n))


@given(st.lists(st.floats(1e-6, 1), min_size=2, max_size=8), st.floats(0.01, 10))
@settings(deadline=None, max_examples=80)
def test_gini_and_mxog(rates, factor):
    assert gini(rates) == pytest.approx(slow_gini(rates))
    assert -1e-9 <= gini(rates) <= 1 + 1e-9
    assert gini([factor * x for x in rates]) == pytest.approx(gini(rates))
    assert mxog([factor * x for x in rates]) == pytest.approx(mxog(rates))
    assert mxog(rates) >= 1 - 1e-12


def test_printed_spread():
    assert gini(MEDIANS) == pytest.approx(0.65, abs=0.05)
    assert mxog(MEDIANS) == pytest.approx(8, abs=1.5)


def test_undefined_is_none():
    assert gini([0.0, 0.0]) is None
    assert gini([0.1]) is None
    assert mxog([0.0, 0.1]) is None
    assert garbe([0.1, 0.2], [0.0, 0.0]) is None
    assert fairness_discrepancy([0.1], [0.1]) is None
    with pytest.raises(ResultsError, match="weight"):
        garbe([0.1, 0.2], [0.1, 0.2], weight=2)


def sample():
    rng = np.random.default_rng(3)
    groups = np.repeat(["a", "b"], 3000)
    tops = rng.normal(size=6000) + 0.5 * (groups == "b")
    return identification_curve(
        rng.normal(4, 1, 2000), np.ones(2000, int), tops, enrolled_count=50,
        mated_strata={"group": np.repeat(["a", "b"], 1000)}, non_mated_strata={"group": groups},
        non_mated_subjects=np.arange(6000) // 2, mated_subjects=np.arange(2000),
        mated_failures=3, mated_failure_strata={"group": ["a", "b", "b"]},
        non_mated_failures=1, non_mated_failure_strata={"group": ["a"]},
    )  # fmt: skip


def test_report_by_group():
    curve = sample()
    report = group_report(curve, "group", 2.0, target=0.035, resamples=100)
    rows = {row["group"]: row for row in report.table.to_dicts()}
    assert rows["a"]["target"] == "met"
    assert rows["b"]["target"] == "not met"
    assert rows["a"]["fta_numerator"] == 2
    assert rows["b"]["fpir_numerator"] == curve.by("group")["b"].fpir(2.0).numerator
    inequity = report.inequity["gini_fpir"]
    assert inequity["low"] < inequity["value"] < inequity["high"]
    assert report.to_json()["breakdown"] == "group"


@given(st.integers(2, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_every_interval_of_inequity_holds_its_estimate(parts, seed):
    random = np.random.default_rng(seed)
    labels = random.integers(0, parts, 400).astype(str)
    mated, other = random.normal(0.7, 0.1, 400), random.normal(0.3, 0.1, 400)
    curve = verification_curve(
        mated, other, mated_strata={"group": labels}, non_mated_strata={"group": labels}
    )
    for one in group_report(curve, "group", 0.5, resamples=60).inequity.values():
        if one["low"] is not None:
            assert one["low"] <= one["value"] <= one["high"]


def test_cross_matrix_rows_sum_to_the_rate():
    rng = np.random.default_rng(5)
    scores, probes = rng.normal(size=900), rng.choice(["a", "b"], 900)
    references = rng.choice(["a", "b", "c"], 900)
    table = cross_group(scores, probes, references, 1.0, subjects=np.arange(900) // 3)
    for group in ("a", "b"):
        part = table.filter(table["probe_group"] == group)
        assert part["numerator"].sum() == ((scores >= 1.0) & (probes == group)).sum()
        assert part["denominator"].unique().to_list() == [(probes == group).sum()]
    with pytest.raises(ResultsError, match="one of each"):
        cross_group(scores, probes[:5], references, 1.0)
