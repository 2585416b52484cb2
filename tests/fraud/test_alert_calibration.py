"""The shipped ratios held to their word: on the faces that they learnt from they keep it, on others not."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

import biomatch as bm
from biomatch.evaluation.alerts.adversary import Tried
from biomatch.evaluation.alerts.calibration import FEWEST, _judged, _photos, _strangers, calibrations
from biomatch.evaluation.llr_calibration import calibration
from biomatch.fraud.comparison import weight_of
from biomatch.gallery.scoring import exact_scores

FRAUDS = {f"subversion.{kind}": 40_000.0 for kind in ("impostor", "sham_exit", "morph")}


def judged(profile, **changes):
    settings = bm.Scenario.load("tiny").with_({"travellers": 900, "faces.profile": profile, **changes})
    made = bm.world(settings, seed=3)
    done = bm.run(made.observed, at=bm.OperatingPoint.of(0.4, bm.System.load("all")))
    return made, done


@pytest.fixture(scope="module")
def own():
    return judged("visa-border-leader", **FRAUDS)


def test_the_profile_that_was_trained_on_keeps_its_word_and_another_does_not(own):
    made, done = own
    found = {one.model: one for one in calibrations(done, made.truth)}
    assert list(found) == ["photo", "entry", "fusion"]
    assert found["photo"].verdict == found["entry"].verdict == "calibrated"
    other, run = judged("visa-border-50th")
    failed = {one.model: one for one in calibrations(run, other.truth)}
    assert failed["photo"].verdict == failed["entry"].verdict == "NOT calibrated"
    assert failed["photo"].cllr > 10 * found["photo"].cllr
    # A world without fraud has nothing to judge all evidence by.
    assert (failed["fusion"].verdict, failed["fusion"].bins) == ("too few cases", ())
    json.dumps([one.to_json() for one in failed.values()], allow_nan=False)


def test_all_evidence_is_judged_by_the_frauds_of_the_world(own):
    made, done = own
    (fused,) = (one for one in calibrations(done, made.truth) if one.model == "fusion")
    events = made.truth.subversion["encounter_id"]
    start = pl.lit(made.observed.about["measure_from"]).str.to_datetime()
    counted = made.observed.encounters.filter((pl.col("source") == "port") & (pl.col("time") >= start))[
        "encounter_id"
    ]
    assert fused.events == events.filter(events.is_in(counted.implode())).n_unique() >= FEWEST
    assert 0.0 < fused.minimum <= fused.cllr
    assert sum(row.events for row in fused.bins) == fused.events
    assert sum(row.others for row in fused.bins) == fused.others


def test_pairs_are_of_one_person_or_of_strangers(own):
    made, _ = own
    tried = Tried.of(made.observed, made.truth)
    who, whose = _strangers(tried.people, tried.donors, 3, "photo")
    one, other = tried.people[who], tried.donors[whose]
    assert len(who) > 0.9 * len(tried.people)
    assert (one["person_id"] != other["person_id"]).all()
    assert (one["group"] == other["group"]).all()
    kin = (one["family_id"] >= 0) & (one["family_id"] == other["family_id"])
    assert not kin.any()
    ratio, event = _photos(made.observed, made.truth)
    assert event.sum() == len(who)
    # The slow way, a pair at a time.
    faces, own_row = np.asarray(made.observed.templates), tried.people.row(0, named=True)
    similarity = exact_scores(
        faces, np.array([own_row["template_row"]]), faces, np.array([own_row["own_row"]])
    )
    years = (own_row["time"].date() - own_row["own_issued"]).days / 365.25
    quality = pl.Series([own_row["quality"]])
    alone = weight_of("photo", similarity.astype(float), quality, np.array([years]))
    assert ratio[0] == pytest.approx(alone[0], abs=1e-5)
    assert calibration(ratio, event).cllr < 0.1


def test_the_verdict_wants_cases():
    event = np.arange(2 * FEWEST) < FEWEST
    right = np.where(event, 9.0, -9.0)
    assert _judged("photo", right, event).verdict == "calibrated"
    assert _judged("photo", -right, event).verdict == "NOT calibrated"
    assert _judged("photo", right[1:], event[1:]).verdict == "too few cases"


def test_it_stands_in_the_result_unless_left_out(own):
    made, done = own
    result = bm.evaluate(done, made.truth, grid=0)
    assert [one.model for one in result.alerts.calibration] == ["photo", "entry", "fusion"]
    assert bm.evaluate(done, made.truth, grid=0, pools=False).alerts.calibration is None
