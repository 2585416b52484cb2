"""A known profile, sampled and fitted: its curves come back within stated errors."""

import numpy as np
import pytest

from biomatch.scorelaw import ScoreLaw
from biomatch.scorelaw.predict import predict
from biomatch.settings.profile import load_profile
from biomatch.settings.profile_toml import profile_toml


@pytest.mark.xfail(reason="at 100 times the people FPIR is 0.0035 for 0.01: `fit` stops before it converges")
def test_false_match_curve_comes_back(truth, fitted):
    true, found = ScoreLaw(truth), ScoreLaw(fitted.profile)
    for fmr in (0.1, 0.01, 1e-3, 1e-4):
        t = true.threshold_at_fmr(fmr)
        assert float(found.fmr(t)) == pytest.approx(fmr, rel=0.35)
    # A hundred times more people than were seen: FPIR within a factor 2.5.
    t = found.threshold(50_000, 0.01)
    assert 0.01 / 2.5 < float(true.fpir(50_000, t)) < 0.01 * 2.5


def test_false_non_match_curve_comes_back(truth, fitted):
    # Every image of the sample is a probe: the truth has no better enrolled image.
    true = ScoreLaw(truth.with_({"noise.enrolment_image": 1.0}))
    found = ScoreLaw(fitted.profile)
    grid = np.linspace(0.3, 0.9, 61)
    rates = true.fnmr(grid)
    for level in (0.5, 0.1, 0.02):
        t = float(np.interp(level, rates, grid))
        assert float(found.fnmr(t)) == pytest.approx(level, rel=0.3)


def test_a_good_fit_is_trusted(fitted):
    assert fitted.goodness.warnings == ()
    assert fitted.misfit < 1.5
    assert {row.gallery for row in fitted.goodness.held_out} == {31, 83, 249}


def test_the_profile_loads_and_predicts(fitted, tmp_path):
    path = tmp_path / "twin.toml"
    path.write_text(profile_toml(fitted.profile))
    loaded = load_profile(path)
    assert loaded == fitted.profile
    found = predict(loaded, 50_000, 0.01)
    assert found.fnir_interval[0] < found.fnir < found.fnir_interval[1]


def test_persons_are_told_from_images(truth, fitted):
    # Truth: half. Wide, for 500 persons with two disjoint pairs each tell it roughly.
    noise = fitted.profile.noise
    assert 0.2 < noise.person / noise.image < 0.9
