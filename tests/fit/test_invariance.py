"""What leaves every score as it is leaves the fit as it is; and a fit that did not converge says so."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from biomatch.scorelaw.fit import fit_twin, from_embeddings
from biomatch.scorelaw.fit.goodness import judge_fit
from biomatch.scorelaw.fit.sample import span
from biomatch.scorelaw.fit.twin import Twin
from biomatch.scorelaw.law import ScoreLaw
from biomatch.settings.profile import load_profile
from biomatch.streams import stream
from biomatch.tables.embeddings import unit_rows


@pytest.fixture(scope="module")
def base(embeddings):
    """People of a matcher with 64 values, the sample of them, and its fit."""
    templates, labels = embeddings(load_profile("boarding-small").with_({"dimension": 64}), 200, 2)
    sample = from_embeddings(templates, labels)
    return templates, labels, sample, fit_twin(sample)


def changed(templates, padding, turn, scale):
    """Append zero columns, turn all of space, and multiply rows by numbers of their own."""
    rng = stream(turn, "tests.fit.turn")
    wide = np.pad(templates.astype(np.float64), ((0, 0), (0, padding)))
    rotation, _ = np.linalg.qr(rng.standard_normal((wide.shape[1],) * 2))
    lengths = np.exp(scale * rng.standard_normal((len(wide), 1)))
    return unit_rows(wide @ rotation * lengths, "a test")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 200), st.integers(0, 1000), st.floats(0.0, 2.0))
def test_the_sample_does_not_move(base, padding, turn, scale):
    templates, labels, sample, _ = base
    other = from_embeddings(changed(templates, padding, turn, scale), labels)
    assert other.dimension == sample.dimension == 64
    np.testing.assert_allclose(other.mated, sample.mated, atol=3e-6)
    # A score that lies on an edge of the count may fall on its other side.
    assert np.abs(other.above - sample.above).max() <= 3
    for size, best in sample.best.items():
        np.testing.assert_allclose(other.best[size], best, atol=3e-6)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_other_names_change_nothing_that_is_counted(base, random):
    templates, labels, sample, _ = base
    names = [f"n{at:04d}" for at in range(200)]
    random.shuffle(names)
    other = from_embeddings(templates, np.array([names[int(label)] for label in labels]))
    np.testing.assert_array_equal(other.mated, sample.mated)
    np.testing.assert_array_equal(other.above, sample.above)


def test_the_fit_does_not_move(base):
    """FPIR at the thresholds of the first fit moves by less than a twentieth, far inside any band."""
    templates, labels, _, first = base
    second = fit_twin(from_embeddings(changed(templates, 64, 7, 1.0), labels))
    laws = [ScoreLaw(twin.profile) for twin in (first, second)]
    for gallery, limit in ((1000, 0.1), (20_000, 0.01)):
        t = laws[0].threshold(gallery, limit)
        assert float(laws[1].fpir(gallery, t)) == pytest.approx(limit, rel=0.05)
        assert float(laws[1].fnir(t)) == pytest.approx(float(laws[0].fnir(t)), rel=0.05)
    assert abs(second.profile.dimension - first.profile.dimension) <= 1


def test_a_fit_starts_anywhere(base):
    """Another start ends in the same place: that is what convergence means."""
    _, _, sample, first = base
    assert first.converged
    away = first.profile.with_({"dimension": 48, "likeness.share": 0.15, "noise.scale": 1.2})
    second = fit_twin(sample, "twin", away)
    t = ScoreLaw(first.profile).threshold(5000, 0.03)
    assert float(ScoreLaw(second.profile).fpir(5000, t)) == pytest.approx(0.03, rel=0.1)
    assert second.misfit == pytest.approx(first.misfit, abs=0.05)


def test_no_convergence_is_said(base, monkeypatch):
    _, _, sample, first = base
    monkeypatch.setattr("biomatch.scorelaw.fit.solver.MOST_STEPS", 1)
    away = first.profile.with_({"dimension": 40, "likeness.share": 0.05, "noise.scale": 2.0})
    twin = fit_twin(sample, "twin", away)
    assert not twin.converged
    said = judge_fit(Twin(first.profile, 1.0, False), sample, ()).warnings
    assert any("did not come to rest" in text for text in said)


def test_span_of_few_images_is_the_number_of_values():
    rows = unit_rows(stream(1, "tests.fit.span").standard_normal((40, 128)), "a test")
    assert span(rows) == 128
    narrow = unit_rows(stream(2, "tests.fit.span").standard_normal((400, 48)), "a test")
    assert span(np.pad(narrow, ((0, 0), (0, 80)))) == 48


@pytest.mark.parametrize("values", [32, 33])
def test_templates_of_the_fewest_values_are_fitted(embeddings, values):
    templates, labels = embeddings(load_profile("boarding-small").with_({"dimension": values}), 60, 3)
    twin = fit_twin(from_embeddings(templates, labels))
    assert twin.converged
    assert twin.profile.dimension <= values
