"""The plan keeps its promise when the data come in."""

import json
from fractions import Fraction
from math import comb, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from biomatch import rates
from biomatch.cli import run
from biomatch.errors import SettingsError
from biomatch.tuning.clusters import p_value
from biomatch.tuning.plan import _errors_of_a_subject, plan


@pytest.mark.parametrize(("target", "expected"), [(0.01, 0.003), (0.01, 0.006), (0.001, 0.0002)])
def test_power_of_independent_searches(target, expected):
    found = plan(target, expected_fpir=expected)
    assert rates.upper_bound(found.errors_allowed, found.searches) <= target
    assert binom.cdf(found.errors_allowed, found.searches, expected) >= 0.8
    # With one error less allowed, its own number of searches has too little power.
    if found.errors_allowed:
        from biomatch.tuning.plan import searches_for

        fewer = searches_for(found.errors_allowed - 1, target)
        assert binom.cdf(found.errors_allowed - 1, fewer, expected) < 0.8


def test_power_of_clusters():
    found = plan(0.02, expected_fpir=0.006, per_subject=4, correlation=0.5)
    rng = np.random.default_rng(1)
    alike = rng.beta(0.006, 0.994, size=(500, found.subjects))  # intraclass correlation 1 / (1 + 1) = 0.5
    errors = rng.binomial(4, alike)
    shown = [p_value(np.bincount(row, minlength=5), 0.08, 4) <= 0.05 for row in errors]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.07)
    assert found.searches > plan(0.02, expected_fpir=0.006).searches
    assert found.design_effect == 2.5


@given(
    st.integers(2, 9),
    st.floats(1e-15, 0.5),
    st.one_of(st.just(0.0), st.floats(0.0, 1.0), st.floats(0.0, 1e-9)),
)
def test_errors_of_a_subject_are_beta_binomial(size, rate, correlation):
    """The slow twin in fractions: also where the correlation is so small that gamma functions cancel."""
    p, r = Fraction(rate), Fraction(correlation)
    if r == 1:
        exact = [1 - p, *[Fraction(0)] * (size - 1), p]
    else:
        x = r / (1 - r)
        whole = prod(1 + i * x for i in range(size))
        exact = [
            comb(size, k)
            * prod((p + i * x for i in range(k)), start=Fraction(1))
            * prod((1 - p + i * x for i in range(size - k)), start=Fraction(1))
            / whole
            for k in range(size + 1)
        ]
    law = _errors_of_a_subject(rate, size, correlation)
    assert law == pytest.approx([float(one) for one in exact], rel=1e-9, abs=1e-30)


def test_without_an_expected_error():
    assert plan(0.01).if_errors == {"0": 299, "1": 473, "3": 773, "10": 1_693, "30": 4_064}
    assert plan(0.01, per_subject=5).subjects == 299  # in the worst case a subject is one observation


@pytest.mark.parametrize(
    "bad",
    [{"max_fpir": 1.0}, {"max_fpir": 0.01, "expected_fpir": 0.01}, {"max_fpir": 0.01, "per_subject": 0},
     {"max_fpir": 0.01, "correlation": 1.1}, {"max_fpir": 0.01, "power": 0.0}, {"max_fpir": 1e-16},
     {"max_fpir": 0.01, "per_subject": 10**9}, {"max_fpir": 0.01, "expected_fpir": 5e-324}],
)  # fmt: skip
def test_bad_plans(bad):
    with pytest.raises(SettingsError):
        plan(**bad)


@pytest.mark.parametrize("measure", ["FPIR", "FMR", "FNIR", "FNMR"])
def test_each_rate_has_its_own_words_and_the_same_arithmetic(measure, capsys):
    name = measure.lower()
    assert run(["plan", f"--max-{name}", "0.01", f"--expected-{name}", "0.003", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told[f"max_{name}"], told["searches"], told["errors_allowed"]) == (0.01, 913, 4)
    assert run(["plan", f"--max-{name}", "0.01"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{measure} <= 0.01")
    assert ("non-mated" in shown) == (measure in ("FPIR", "FMR"))


def test_one_rate_at_a_time(capsys):
    assert run(["plan", "--max-fmr", "0.01", "--max-fpir", "0.01"]) == 2
    assert run(["plan"]) == 2
    assert "one of --max-fpir" in capsys.readouterr().err
