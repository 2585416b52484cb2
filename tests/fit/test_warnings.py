"""Where the fit is not to be trusted, it says so."""

import numpy as np
import pytest

from biomatch.rates import rate
from biomatch.scorelaw import ScoreLaw
from biomatch.scorelaw.fit import fit_scores, from_embeddings, from_scores
from biomatch.scorelaw.fit.goodness import Goodness, HeldOut, judge_fit
from biomatch.scorelaw.fit.suspects import find_suspects
from biomatch.scorelaw.fit.twin import Twin
from biomatch.streams import stream


def said(goodness: Goodness, words: str) -> bool:
    return any(words in text for text in goodness.warnings)


def test_clusters_of_which_the_fit_is_not_told(truth, fitted, embeddings):
    assert not said(fitted.goodness, "clusters")
    templates, labels = embeddings(truth, 300, 2)
    centres = stream(1, "tests.centres").standard_normal((3, templates.shape[1])).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    moved = templates + 0.5 * centres[labels.astype(int) % 3]
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    sample = from_embeddings(moved, labels)
    assert said(judge_fit(Twin(fitted.profile, 1.0), sample, ()), "form clusters")


def test_a_tail_that_the_model_misses(truth, fitted, embeddings):
    # One person in twelve is a face that a broken camera makes look alike: a tail that no kernel has.
    templates, labels = embeddings(truth, 300, 2)
    odd = labels.astype(int) % 12 == 0
    common = stream(2, "tests.common").standard_normal(templates.shape[1]).astype(np.float32)
    templates[odd] += 1.2 * common / np.linalg.norm(common)
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    goodness = judge_fit(Twin(fitted.profile, 1.0), from_embeddings(templates, labels), ())
    assert said(goodness, "misses the non-mated tail")


def test_too_few_identities(truth, fitted, embeddings):
    templates, labels = embeddings(truth, 60, 2)
    goodness = judge_fit(Twin(fitted.profile, 1.0), from_embeddings(templates, labels), ())
    assert said(goodness, "Too few identities (60")


def test_one_person_under_two_labels(truth, fitted, embeddings):
    templates, labels = embeddings(truth, 300, 4)
    labels[[2, 3]] = "alias"
    law, median = ScoreLaw(fitted.profile), float(np.median(fitted.sample.mated))
    found = find_suspects(templates, labels, law, median)
    # The only pair, by its best images: of the rows 0 and 1, and 2 and 3, whose label was changed.
    (pair,) = found.alike
    assert set(pair.labels) == {"0", "alias"}
    best = max((float(templates[a] @ templates[b]), (a, b)) for a in (0, 1) for b in (2, 3))
    assert pair.rows == best[1]
    assert pair.score == pytest.approx(best[0], abs=1e-4)
    goodness = judge_fit(Twin(fitted.profile, 1.0), from_embeddings(templates, labels), (), found)
    assert said(goodness, "wrong label")
    assert said(goodness, f"rows {pair.rows[0]} and {pair.rows[1]}")


def test_an_image_under_the_wrong_label_matches_none_of_it(truth, fitted, embeddings):
    templates, labels = embeddings(truth, 300, 4)
    labels[[5, 401]] = labels[[401, 5]]  # people 1 and 100 have exchanged an image
    found = find_suspects(templates, labels, ScoreLaw(fitted.profile), float(np.median(fitted.sample.mated)))
    assert {5, 401} <= {row for one in found.unlike for row in one.rows}
    assert {("1", "100"), ("100", "1")} >= {one.labels for one in found.alike} != set()
    assert "rows 5" in found.note() or "and 5 " in found.note()


def test_what_was_held_out_widens_the_band_only_beyond_chance():
    assert HeldOut(249, 0.3, 0.1, rate(25, 250)).factor == 1.0
    high = HeldOut(249, 0.3, 0.02, rate(25, 250))
    assert high.factor == pytest.approx(high.seen.interval[0] / 0.02)
    low = HeldOut(249, 0.3, 0.5, rate(25, 250))
    assert low.factor == pytest.approx(0.5 / low.seen.interval[1])
    assert min(high.factor, low.factor) > 1.5


@pytest.mark.slow
def test_scores_alone(truth, embeddings):
    templates, _ = embeddings(truth, 200, 2)
    first, second = templates[0::2], templates[1::2]
    table = first @ second.T
    off = table[~np.eye(len(table), dtype=bool)]
    found = fit_scores(from_scores(np.diag(table).astype(float), off.astype(float)), "scores")
    assert said(found.goodness, "Scores alone")
    assert found.goodness.held_out == ()
    row = found.goodness.non_mated[1]
    assert row.rate_ratio == pytest.approx(1.0, abs=0.3)
