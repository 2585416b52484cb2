"""The closed forms against the slow twin: faces that are sampled and compared by brute force."""

import numpy as np
import pytest
from biomatch_synthetic.faces import FaceSpace, People, Shots, render

from biomatch.scorelaw import ScoreLaw
from biomatch.training.clustering import best_scores

COUNT = 30_000


def mated_scores(profile, years=0.0, images=1, seed=77):
    space, ids = FaceSpace(profile, seed=seed), np.arange(COUNT)
    people = People.make(profile, ids)
    probes = np.empty((COUNT, profile.dimension), dtype=np.float32)
    render(space, people, Shots.of(ids, 100, year=years), probes)
    best = np.full(COUNT, -1.0)
    enrolled = np.empty_like(probes)
    for image in range(images):
        render(space, people, Shots.of(ids, image, enrolment=True), enrolled)
        np.maximum(best, np.einsum("nd,nd->n", probes, enrolled), out=best)
    return best


@pytest.mark.parametrize("name", ["leader", "middle"])
@pytest.mark.parametrize(("years", "images"), [(0.0, 1), (0.0, 3), (10.0, 1)])
def test_fnmr_is_that_of_sampled_faces(request, name, years, images):
    profile = request.getfixturevalue(name)
    scores = mated_scores(profile, years, images)
    law = ScoreLaw(profile, images=images, years=years)
    for share in (0.01, 0.1, 0.5):
        threshold = float(np.quantile(scores, share))
        # Four standard errors, and 8% for the normal approximation of Fisher's z.
        error = 4 * np.sqrt(share * (1 - share) / COUNT)
        assert float(law.fnmr(threshold)) == pytest.approx(share, abs=error + 0.08 * share)


@pytest.mark.parametrize("name", ["leader", "middle"])
def test_fpir_is_that_of_simulated_searches(request, name):
    profile = request.getfixturevalue(name)
    law, probes = ScoreLaw(profile), 1500
    for size, scores in best_scores(profile, (2_000, 10_000), probes, seed=78).items():
        for limit in (0.3, 0.1, 0.03):
            share = float((scores >= law.threshold(size, limit)).mean())
            error = 4 * np.sqrt(limit * (1 - limit) / probes)
            assert share == pytest.approx(limit, abs=error + 0.08 * limit)


def test_twins_match_as_often_as_sampled_ones(leader, law):
    ids = np.arange(20_000)
    space = FaceSpace(leader, seed=79)
    for kind, r in (("identical", leader.kin.identical), ("same_sex", leader.kin.same_sex)):
        people = People.make(
            leader, ids, family_id=ids // 2, identical_twin_id=ids ^ 1 if kind == "identical" else None
        )
        x = np.empty((len(ids), leader.dimension), dtype=np.float32)
        render(space, people, Shots.of(ids, 1, enrolment=ids % 2 == 0), x)
        scores = np.einsum("nd,nd->n", x[::2], x[1::2])
        for threshold in (0.25, 0.33):
            seen = float((scores >= threshold).mean())
            assert float(law.kin_match(threshold, r)) == pytest.approx(seen, abs=0.03)
