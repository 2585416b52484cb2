"""A threshold is a decimal that keeps the decision: properties, and a slow twin that tries every decimal."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from biomatch.decimals import shortest, text

SCORES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-300, 300).map(float),
    st.floats(-1, 1),
    st.floats(-1, 1, width=32),
    st.sampled_from([0.0, 1.0, -1.0, 5e-324, 1e300, 3.4028234663852886e38, 16777216.0, 16777217.0]),
)


def digits_of(number: float) -> int:
    return max(1, len(Decimal(repr(number)).normalize().as_tuple().digits))


@settings(max_examples=400)
@given(SCORES, SCORES)
@example(20.0, 20.000000000000004)
@example(16777216.0, 16777217.0)
def test_it_lies_between_and_reads_back_to_the_decision_in_both_precisions(one, two):
    low, high = min(one, two), max(one, two)
    if low == high:
        high = float("inf")
    found = shortest(low, high)
    assert low < found <= high
    assert float(text(found)) == found
    with np.errstate(over="ignore"):
        under, over, narrow = np.float32(low), np.float32(high), np.float32(float(text(found)))
    if np.isfinite(under) and under < over:
        assert under < narrow <= over


@settings(max_examples=60, deadline=None)
@given(st.integers(-2000, 2000), st.integers(1, 40), st.sampled_from([1, 10, 1000]))
def test_no_shorter_decimal_and_no_greater_one_as_short(start, width, scale):
    """The slow twin goes through every decimal of two more digits than the ends have."""
    low, high = start / scale, (start + width) / scale
    found = Decimal(text(shortest(low, high)))
    steps = [Decimal(step) / (100 * scale) for step in range(100 * start, 100 * (start + width) + 1)]
    inside = [one for one in steps if Decimal(text(low)) < one <= Decimal(text(high))]
    best = min(digits_of(float(one)) for one in inside)
    assert digits_of(float(found)) == best
    assert found == max(one for one in inside if digits_of(float(one)) == best)


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (20, 30, "30"), (0.3, 0.5, "0.5"), (0.3696, 0.36966, "0.36966"), (-np.inf, 0.123, "0.1"),
        (1, np.inf, "2"), (0, np.inf, "1"), (-10, np.inf, "-9"), (0.93, np.inf, "1"), (99, np.inf, "100"),
    ],
)  # fmt: skip
def test_worked_cases(low, high, wanted):
    assert text(shortest(float(low), float(high))) == wanted
