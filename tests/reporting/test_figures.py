"""How figures are written."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biomatch.rates import rate
from biomatch.reporting import figures
from biomatch.reporting.figures import Ratio


@pytest.mark.parametrize(
    ("value", "digits", "wanted"),
    [
        (0.0, 3, "0"), (0.125, 2, "0.13"), (0.001, 3, "0.00100"), (1.0, 3, "1.00"), (99.95, 3, "100"),
        (123456.0, 3, "123456"), (0.00099996, 4, "0.001000"), (-0.25, 1, "-0.3"),
    ],
)  # fmt: skip
def test_significant_digits(value, digits, wanted):
    assert figures.significant(value, digits) == wanted


@given(st.floats(1e-7, 1e6))
def test_significant_digits_are_near_the_value(value):
    shown = Decimal(figures.significant(value, 3))
    assert abs(shown - Decimal(value)) <= Decimal(value) * Decimal("0.00501")


@given(st.floats(-1e3, 1e3), st.integers(0, 6))
def test_fixed_decimals_round_halves_away_from_zero_as_the_browser_does(value, decimals):
    wanted = Decimal(value).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    assert Decimal(figures.fixed(value, decimals)) == wanted


def test_a_rate_says_its_counts_and_interval():
    found = Ratio.of(rate(12, 22_310))
    assert str(found) == "0.0538% (12 of 22,310; 0.028% to 0.094%)"


def test_no_trials_is_no_number():
    found = Ratio.of(rate(0, 0))
    assert found.value is None
    assert str(found) == "no trials"
    assert not any(sign.isdigit() for sign in str(found))


def test_text_that_no_document_may_hold_is_replaced():
    assert figures.clean("a\x00b\ud800c\x1bd") == "a\ufffdb\ufffdc\ufffdd"
    assert figures.clean("tab\tnew\nline") == "tab\tnew\nline"


def test_long_names_are_cut_for_labels():
    assert figures.shorten("x" * 10_000) == "x" * 79 + "…"
    assert figures.shorten("short") == "short"
