"""Templates that all lean one way: the fit says so, subtracts their mean if asked, and so does identify."""

import numpy as np
import pytest

from biomatch.cli import run
from biomatch.errors import TableError
from biomatch.scorelaw import ScoreLaw
from biomatch.scorelaw.fit import fit_embeddings
from biomatch.settings.profile import load_profile
from biomatch.settings.profile_toml import profile_toml
from biomatch.settings.verdict import UNUSABLE
from biomatch.tables.embeddings import centred, unit_rows


@pytest.fixture(scope="module")
def leaning(embeddings):
    """A sound matcher's templates, and the same with a large part added that all of them share."""
    templates, labels = embeddings(load_profile("boarding-small").with_({"dimension": 64}), 200, 3)
    common = np.zeros(64)
    common[0] = 2.2
    return templates, unit_rows(templates.astype(np.float64) + common, "a test"), labels


@pytest.fixture(scope="module")
def fits(leaning):
    straight, given, labels = leaning
    return [
        fit_embeddings(straight, labels, "straight"),
        fit_embeddings(given, labels, "given"),
        fit_embeddings(given, labels, "centred", centre=True),
    ]


def test_a_leaning_matcher_is_told_and_the_centred_one_is_sound(fits):
    straight, given, mended = fits
    assert any("--centre" in text for text in given.goodness.warnings)
    assert given.misfit > 2.0 * mended.misfit
    assert not any("--centre" in text for text in (*mended.goodness.warnings, *straight.goodness.warnings))
    assert mended.misfit < 3.0
    assert given.profile.centre is None
    assert len(mended.profile.centre) == 64


def test_the_centred_twin_says_what_the_centred_matcher_does(fits, embeddings):
    """People that no fit saw, centred with the profile's own centre: FPIR at the threshold of the twin."""
    profile = fits[2].profile
    rest = unit_rows(
        embeddings(load_profile("boarding-small").with_({"dimension": 64}), 1400, 2)[0].astype(np.float64)
        + np.eye(1, 64)[0] * 2.2,
        "a test",
    )[400:]
    templates = centred(rest, profile.centre, "a test")
    gallery, probes = templates[0::2][:800], templates[1::2][800:]
    t = ScoreLaw(profile).threshold(800, 0.1)
    assert 0.05 < float(((probes @ gallery.T).max(axis=1) >= t).mean()) < 0.2


def test_a_misfit_names_no_suspects(fits):
    for fitted in fits:
        assert (fitted.suspects is None) == (fitted.misfit >= UNUSABLE)


def test_the_centre_is_stored_and_identify_subtracts_it(leaning, fits, tmp_path, capsys):
    _, given, labels = leaning
    path = tmp_path / "own.toml"
    path.write_text(profile_toml(fits[2].profile))
    assert load_profile(path) == fits[2].profile
    first, second = np.arange(0, 600, 3), np.arange(1, 600, 3)
    subtracted = centred(given, fits[2].profile.centre, "a test")
    for name, templates in (("given", given), ("centred", subtracted)):
        np.savez(tmp_path / f"{name}-e.npz", templates=templates[first][:150], labels=labels[first][:150])
        np.savez(tmp_path / f"{name}-p.npz", templates=templates[second], labels=labels[second])
    words = ["identify", str(tmp_path / "given-e.npz"), str(tmp_path / "given-p.npz"), "--out"]
    assert run([*words, str(tmp_path / "a"), "--centre", str(path)]) == 0
    other = ["identify", str(tmp_path / "centred-e.npz"), str(tmp_path / "centred-p.npz"), "--out"]
    assert run([*other, str(tmp_path / "b")]) == 0
    found, wanted = (np.load(tmp_path / name / "mated_scores.npy") for name in ("a", "b"))
    np.testing.assert_array_equal(found, wanted)
    path.write_text(profile_toml(fits[1].profile))
    assert run([*words, str(tmp_path / "c"), "--centre", str(path)]) == 2
    assert "has no centre" in capsys.readouterr().err


def test_a_centre_of_another_dimension_is_refused(leaning):
    with pytest.raises(TableError, match="a centre of 32"):
        centred(leaning[0], (0.0,) * 32, "f.npz")
