"""What `predict` answers over its whole domain: N of 100 to 1e9, one to ten images, up to 20 years."""

import math
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.scorelaw import ScoreLaw, predict_by
from biomatch.scorelaw.predict import stated
from biomatch.settings.profile import load_profile

CASES = (
    ("visa-border-leader", 1, 0.0),
    ("visa-border-leader", 10, 20.0),
    ("visa-border-50th", 3, 10.0),
    ("boarding-median", 4, 0.0),
    ("kiosk-leader", 1, 5.0),
)
SIZE = st.floats(2.0, 9.0).map(lambda x: round(10.0**x))
LIMIT = st.floats(-4.0, math.log10(0.3)).map(lambda x: 10.0**x)


@cache
def law_of(case):
    name, images, years = case
    return ScoreLaw(load_profile(name), images=images, years=years)


@settings(max_examples=15, deadline=None)
@given(case=st.sampled_from(CASES), sizes=st.tuples(SIZE, SIZE), limits=st.tuples(LIMIT, LIMIT))
def test_answers_are_ordered_and_move_as_they_must(case, sizes, limits):
    small, large = sorted(sizes)
    strict, loose = sorted(limits)
    law = law_of(case)
    base = predict_by(law, small, loose)
    assert base.threshold_interval[0] <= base.threshold <= base.threshold_interval[1]
    assert 0.0 <= base.fnir_interval[0] <= base.fnir <= base.fnir_interval[1] <= 1.0
    assert 0.9 * loose < base.fpir <= stated(loose)  # six digits, as FPIR is stated
    assert base.fpir <= base.fpir_if_independent * 1.02
    assert 0.0 < base.fmr <= base.fpir
    for other in (predict_by(law, large, loose), predict_by(law, small, strict)):
        # More people, or fewer false positives: a threshold at least as high, and as many misses or more.
        assert other.threshold >= base.threshold
        assert other.fnir >= base.fnir - 1e-12
        assert other.fmr <= base.fmr * (1.0 + 1e-9)


@pytest.mark.parametrize("name", ["visa-border-leader", "visa-border-50th"])
def test_images_and_years_move_fnir_as_they_must(name):
    profile = load_profile(name)

    def fnir(images=1, years=0.0):
        return predict_by(ScoreLaw(profile, images=images, years=years), 1_600_000, 0.003).fnir

    assert fnir(images=10) < fnir(images=3) < fnir() < fnir(years=5.0) < fnir(years=20.0)
