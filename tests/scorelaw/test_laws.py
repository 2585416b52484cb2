"""Properties of the closed forms, and what arithmetic demands."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from biomatch.errors import SettingsError
from biomatch.scorelaw import ScoreLaw, predict
from biomatch.scorelaw.mated import face_correlations
from biomatch.scorelaw.nodes import monotone_cubic
from biomatch.settings.profile import BUILT_IN, load_profile

THRESHOLD = st.floats(0.03, 0.95)


@settings(max_examples=60, deadline=None)
@given(one=THRESHOLD, other=THRESHOLD)
def test_fmr_falls_and_fnmr_rises_with_the_threshold(law, one, other):
    low, high = sorted((one, other))
    fmr, fnmr = law.fmr(np.array([low, high])), law.fnmr(np.array([low, high]))
    assert 0 <= fmr[1] <= fmr[0] <= 1
    assert 0 <= fnmr[0] <= fnmr[1] + 1e-12 <= 1 + 1e-12


@settings(max_examples=60, deadline=None)
@given(t=st.floats(0.1, 0.8), n=st.sampled_from([1, 100, 10_000, 10**6, 10**9]))
def test_fpir_rises_with_the_gallery_and_stays_below_independence(law, t, n):
    fpir, larger = float(law.fpir(n, t)), float(law.fpir(10 * n, t))
    assert fpir <= larger * (1 + 1e-9)
    assert larger <= 10 * fpir * (1 + 1e-6)
    # The table interpolates both in their logarithms, to about one part in a hundred.
    assert fpir <= float(law.fpir_if_independent(n, t)) * 1.02


@settings(max_examples=15, deadline=None)
@given(t=st.floats(0.2, 0.7), factor=st.floats(1.01, 3.0), years=st.floats(0.1, 30))
def test_more_noise_and_more_years_never_lower_fnmr(leader, law, t, factor, years):
    base = float(law.fnmr(t))
    assert float(ScoreLaw(leader, noise_factor=factor).fnmr(t)) >= base - 1e-12
    assert float(ScoreLaw(leader, years=years).fnmr(t)) >= base - 1e-9


def test_fmr_of_one_person_is_fpir_of_a_gallery_of_one(law):
    t = np.linspace(0.1, 0.6, 11)
    np.testing.assert_allclose(law.fpir(1, t), law.fmr(t), rtol=1e-6)


def test_fmr_reaches_far_below_1e_12(law):
    threshold = law.threshold_at_fmr(1e-12)
    assert float(law.fmr(threshold)) == pytest.approx(1e-12, rel=0.01)
    assert float(law.fmr(threshold + 0.05)) < 1e-13


@pytest.mark.parametrize("limit", [0.1, 0.003, 0.0003])
@pytest.mark.parametrize("size", [100, 42_000, 1_600_000, 10**9])
def test_threshold_is_the_lowest_that_meets_the_limit(law, size, limit):
    threshold = law.threshold(size, limit)
    assert float(law.fpir(size, threshold)) <= limit
    assert float(law.fpir(size, threshold - 1e-3)) > limit


def test_several_images_lower_fnmr_and_raise_fmr_by_at_most_their_number(leader, law):
    three = ScoreLaw(leader, images=3)
    t = np.array([0.25, 0.35, 0.45])
    assert (three.fnmr(t) < law.fnmr(t)).all()
    assert (three.fmr(t) > law.fmr(t)).all()
    assert (three.fmr(t) < 3 * law.fmr(t)).all()


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.floats(-3.0, 3.0).map(lambda step: round(step, 9)), min_size=4, max_size=12),
    seed=st.integers(0, 99),
)
def test_interpolation_is_that_of_its_slow_twin(steps, seed):
    x, y = np.linspace(0.02, 0.98, len(steps)), np.cumsum(steps)
    at = np.random.default_rng(seed).uniform(0.02, 0.98, 50)
    np.testing.assert_allclose(monotone_cubic(x, y, at), PchipInterpolator(x, y)(at), atol=1e-9)


def test_a_shared_part_of_the_scatter_clusters_false_matches_and_leaves_fmr(leader, law):
    alone = ScoreLaw(leader.with_({"likeness.common": 0.0}))
    t = np.array([0.3, 0.4, 0.5])
    np.testing.assert_allclose(law.fmr(t), alone.fmr(t), rtol=0.01)
    assert (law.fpir(200_000, t) < alone.fpir(200_000, t)).all()


def test_correlation_0_is_a_stranger_and_1_the_same_face(leader, law):
    nodes, weights = face_correlations(leader, np.array([1.0]), np.ones(1))
    assert weights @ nodes == pytest.approx(1.0, abs=1e-9)
    nodes, weights = face_correlations(leader, np.array([0.0]), np.ones(1))
    assert weights @ nodes == pytest.approx(leader.likeness.mean_square, abs=5e-3)
    assert float(law.kin_match(0.35, 1.0)) == pytest.approx(1 - float(law.fnmr(0.35)), abs=1e-9)
    assert float(law.kin_match(0.35, 0.0)) < 1e-4


def test_rank_one_misses_more_than_the_floor_and_less_than_with_the_threshold(leader, law):
    miss = law.rank_one_miss(1_600_000)
    assert leader.noise.unusable < miss < float(law.fnir(law.threshold(1_600_000, 0.003)))


def test_unequal_groups_differ_and_the_mix_is_symmetric(middle):
    one, other = "E-Asia F", "E-Europe M"
    t = 0.33
    same = float(ScoreLaw(middle, groups=(one, one)).fmr(t))
    across = float(ScoreLaw(middle, groups=(one, other)).fmr(t))
    back = float(ScoreLaw(middle, groups=(other, one)).fmr(t))
    assert same > 10 * across
    # Probes vary more than enrolled images, so the two directions differ by the noise of the groups.
    assert 0.5 < across / back < 2


def test_what_is_out_of_range_is_refused(leader, law):
    for call in (
        lambda: law.threshold(1000, 0.0),
        lambda: law.threshold(1000, 1.0),
        lambda: law.threshold(0, 0.01),
        lambda: law.threshold_at_fmr(2.0),
        lambda: ScoreLaw(leader, images=0),
        lambda: ScoreLaw(leader, years=-1.0),
        lambda: ScoreLaw(leader, noise_factor=0.0),
    ):
        with pytest.raises(SettingsError, match="allowed"):
            call()


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_fitted_operating_point_is_predicted(name):
    profile = load_profile(name)
    found = predict(profile, profile.anchor.gallery, profile.anchor.fpir)
    published = profile.targets[0].published
    assert found.fnir == pytest.approx(published, rel=0.01)
    assert found.fnir_interval[0] < published < found.fnir_interval[1]
    assert found.threshold_interval[0] < found.threshold < found.threshold_interval[1]
    assert set(found.how.values()) <= {"closed form", "corrected by simulation"}


def test_bands_widen_away_from_the_anchor(leader):
    def width(**options):
        size = options.pop("size", 1_600_000)
        low, high = predict(leader, size, 0.003, **options).fnir_interval
        return high / low

    at_home = width()
    assert width(size=10**9) > at_home
    assert width(images=8) > at_home
    assert width(years=10.0) > at_home
