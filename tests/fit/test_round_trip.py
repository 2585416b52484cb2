"""A known profile, sampled and fitted: its curves come back within stated errors."""

import numpy as np
import pytest

from biomatch.scorelaw import ScoreLaw
from biomatch.scorelaw.fit import fit_twin, from_embeddings
from biomatch.scorelaw.fit.report import fpir_band
from biomatch.scorelaw.predict import predict
from biomatch.settings.profile import load_profile
from biomatch.settings.profile_toml import profile_toml


def test_false_match_curve_comes_back(truth, fitted):
    true, found = ScoreLaw(truth), ScoreLaw(fitted.profile)
    for fmr in (0.1, 0.01, 1e-3, 1e-4):
        t = true.threshold_at_fmr(fmr)
        assert float(found.fmr(t)) == pytest.approx(fmr, rel=0.35)
    # A hundred times more people than were seen. Nine fits in ten keep the declared band (1.645 standard
    # deviations of the factor's logarithm); one sample of 500 people is held to 99 in 100 (2.576).
    t = found.threshold(50_000, 0.01)
    factor = (1.0 + fpir_band(500)) ** (2.576 / 1.645)
    assert 0.01 / factor < float(true.fpir(50_000, t)) < 0.01 * factor


@pytest.mark.slow
def test_fits_are_right_in_the_mean_and_within_their_band(truth, embeddings):
    """Ten samples of one matcher: FPIR at a hundred times the people, against the one that was asked for."""
    true, ratios = ScoreLaw(truth), []
    for seed in range(20, 30):
        sample = from_embeddings(*embeddings(truth, 500, 4, seed=seed))
        found = fit_twin(sample)
        assert found.converged
        ratios.append(float(true.fpir(50_000, ScoreLaw(found.profile).threshold(50_000, 0.01))) / 0.01)
    off = np.log(ratios)
    error = float(np.std(off, ddof=1)) / np.sqrt(len(off))
    assert abs(float(np.mean(off))) < 3.0 * error
    assert (np.abs(off) < np.log1p(fpir_band(500))).sum() >= 7  # 90% of ten: fewer than 7 once in 78 times


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
