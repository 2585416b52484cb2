"""Figures of a whole curve: slow twins, the peers' golden values, and coverage on clustered subjects."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from biomatch.curves import separation
from biomatch.curves.build import verification_curve
from biomatch.tuning.usual import at_target, equal_error, usual

GOLDEN = {  # PYLLR's Cllr and its minimum (case A), printed with five digits
    "A": ([0.5, 0.6, 0.7, 0.3], [0.1, 0.2, 0.3, 0.5], 0.94498, 0.5),
}
REPLICATES = 400


def test_pyllrs_cllr():
    mated, other, cost, least = GOLDEN["A"]
    curve = verification_curve(mated, other)
    assert separation.cllr(curve).value == pytest.approx(cost, abs=5e-6)
    assert separation.min_cllr(curve).value == pytest.approx(least, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_slow_twins(seed):
    random = np.random.default_rng(seed)
    mated, other = np.round(random.normal(1, 1, 40), 1), np.round(random.normal(0, 1, 60), 1)
    curve = verification_curve(mated, other)
    wins = [(one > two) + 0.5 * (one == two) for one in mated for two in other]
    assert separation.auc(curve).value == pytest.approx(np.mean(wins), rel=1e-8)
    spread = np.sqrt((mated.var() + other.var()) / 2)
    assert separation.d_prime(curve).value == pytest.approx(
        abs(mated.mean() - other.mean()) / spread, rel=1e-8
    )
    assert separation.min_cllr(curve).value <= separation.cllr(curve).value


def test_nothing_overlaps_and_nothing_is_exact():
    curve = verification_curve([2.0] * 20, [1.0] * 30)
    area = separation.auc(curve)
    assert area.value == 1.0
    assert area.interval[0] == pytest.approx(0.025 ** (1 / 20))
    assert separation.d_prime(curve).value is None
    assert equal_error(curve).interval[1] > 0.1


def test_what_the_data_do_not_carry_is_not_shown():
    random = np.random.default_rng(1)
    found = usual(verification_curve(random.normal(3, 1, 200), random.normal(0, 1, 1000)))
    shown = [row.threshold is not None for row in found.rows]
    assert shown == [True, True, False, False, False, False]
    assert "cannot show" in found.rows[2].why


def drawn(random: np.random.Generator, people: int = 40, each: int = 4) -> tuple:
    """Draw clustered scores: a person's own shift stays in all its comparisons, mated and not."""
    shift = random.normal(0, 0.7, people)
    who = np.repeat(np.arange(people), each)
    mated = 2.0 + shift[who] + random.normal(0, 1, who.size)
    other = -1.0 + shift[who] + random.normal(0, 1, who.size)
    return mated, other, who


SCALE = float(np.hypot(0.7, 1.0))
TRUTH = {
    "EER": float(norm.sf(1.5 / SCALE)),
    "AUC": float(norm.cdf(3.0 / (SCALE * np.sqrt(2.0)))),
    "FNMR at 0.1": float(norm.cdf((-1.0 + SCALE * norm.isf(0.1) - 2.0) / SCALE)),
}


def _cllr_truth() -> float:
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    own = np.logaddexp(0, -(2.0 + SCALE * nodes)) / np.log(2)
    other = np.logaddexp(0, -1.0 + SCALE * nodes) / np.log(2)
    return float((weights @ (own + other)) / weights.sum() / 2)


def test_intervals_cover_with_clustered_subjects():
    """Not significantly below 95 % (binomial test at 1 %); the study: `separation_intervals.py`."""
    truth = {**TRUTH, "Cllr": _cllr_truth()}
    held = dict.fromkeys(truth, 0)
    random = np.random.default_rng(22)
    for _ in range(REPLICATES):
        mated, other, who = drawn(random, people=100)
        curve = verification_curve(mated, other, mated_subjects=who, non_mated_subjects=who)
        ends = {
            "EER": equal_error(curve).interval,
            "AUC": separation.auc(curve).interval,
            "Cllr": separation.cllr(curve).interval,
        }
        ends["FNMR at 0.1"] = at_target(curve, 0.1).interval
        for name, (low, high) in ends.items():
            held[name] += low <= truth[name] <= high
    least = int(binom.ppf(0.01, REPLICATES, 0.95))
    assert {name: count for name, count in held.items() if count < least} == {}
