"""An impostor who picks the best donor: drawn slowly again, held against the detectors and the score law."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import biomatch as bm
from biomatch.evaluation.alerts.adversary import Tried, _Check, adversary
from biomatch.evaluation.alerts.donor_pools import (
    KNOWN,
    LARGEST,
    OWN,
    SIZES,
    YEARS_APART,
    FaceLaw,
    best_donors,
)
from biomatch.evaluation.result import Result
from biomatch.fraud.facts import Facts
from biomatch.fraud.fusion import weigh
from biomatch.gallery.scoring import exact_scores
from biomatch.overstay.linkage.documents import link_documents
from biomatch.rates import rate
from biomatch.streams import stream

KIND = "document_photo_conflict"


@pytest.fixture(scope="module")
def made():
    changes = {"travellers": 1_500, "subversion.impostor": 30_000.0}
    return bm.world(bm.Scenario.load("tiny").with_(changes), seed=1)


@pytest.fixture(scope="module")
def done(made):
    return bm.run(made.observed, at=bm.OperatingPoint.of(0.4, bm.System.load("today")))


@pytest.fixture(scope="module")
def result(made, done):
    return bm.evaluate(done, made.truth, grid=0)


def slow_best(observed, tried, seed):
    """Pick from the same draws, one comparison at a time."""
    draws, found = stream(seed, "evaluation.adversary.pools"), {}
    people, donors = tried.people.to_dicts(), tried.donors.to_dicts()
    faces = np.asarray(observed.templates)

    def score(one, other):
        return float(exact_scores(faces, np.array([one]), faces, np.array([other]))[0])

    for label in sorted({one["group"] for one in people}):
        listed = [at for at, donor in enumerate(donors) if donor["group"] == label]
        listed = [int(at) for at in draws.permutation(np.array(listed))[: 2 * LARGEST]]
        for row, one in enumerate(people):
            if one["group"] != label:
                continue
            able = [
                at
                for at, donor in enumerate(donors[at] for at in listed)
                if donor["person_id"] != one["person_id"]
                and (one["family_id"] < 0 or donor["family_id"] != one["family_id"])
                and abs((donor["birth_date"] - one["birth_date"]).days) / 365.25 <= YEARS_APART
            ]
            pool = [listed[at] for at in draws.permutation(np.array(able, dtype=np.int64))[:LARGEST]]
            for size in SIZES:
                if size <= len(pool):
                    for how, mine in ((OWN, one["own_row"]), (KNOWN, one["template_row"])):
                        best = max(pool[:size], key=lambda at: score(mine, donors[at]["photo_row"]))
                        found.setdefault((size, how), []).append((row, best))
    return found


def test_pools_are_what_a_slow_draw_picks(made):
    tried = Tried.of(made.observed, made.truth).some(made.truth.lineage, 150)
    fast = best_donors(made.observed, tried.people, tried.donors, 1)
    slow = slow_best(made.observed, tried, 1)
    assert set(slow) == {(size, how) for size, here in fast.items() for how in here}
    assert max(fast) >= 10
    for (size, how), pairs in slow.items():
        who, donor = fast[size][how]
        assert list(zip(who.tolist(), donor.tolist(), strict=True)) == pairs


def test_the_check_is_the_detectors_own(made, done):
    """Whoever is shown with the passport that they did show alarms where the run's detectors did."""
    observed = made.observed
    photos = observed.documents.filter(pl.col("template_row") >= 0).select(
        "issued", photo_row="template_row", document_number="number", document_issuer="issuer"
    )
    shown = observed.encounters.filter((pl.col("source") == "port") & (pl.col("template_row") >= 0)).join(
        photos, on=["document_number", "document_issuer"]
    )
    alarmed = _Check(observed, done.point).alarms(shown, shown["photo_row"].to_numpy(), shown["issued"])
    raised = done.alerts.filter((pl.col("kind") == KIND) & (pl.col("score") >= -0.4))["encounter_id"]
    assert len(raised) > 10
    assert set(shown["encounter_id"].to_numpy()[alarmed]) == set(raised)
    # The same by the fused ratio, of which photo and capture alone are heard.
    day = done.alerts["raised_at"].max()
    links = link_documents(
        observed.encounters, day, manifests=observed.manifests, movements=observed.movements
    )
    facts = Facts(observed, done.lists, links.stays, None)
    mine = done.alerts.filter(pl.col("kind") == KIND)
    ratio = weigh(facts, mine, ("photo", "capture"))["log_likelihood_ratio"].to_numpy()
    threshold = float(np.median(ratio))
    system = bm.System.load("today").with_({"alerts.scoring": "fusion"})
    point = bm.OperatingPoint.of(0.4, system).with_({"alert_thresholds": {KIND: threshold}})
    fused = _Check(observed, point).alarms(shown, shown["photo_row"].to_numpy(), shown["issued"])
    expected = set(mine["encounter_id"].to_numpy()[ratio >= threshold])
    assert set(shown["encounter_id"].to_numpy()[fused]) == expected


@pytest.mark.parametrize("threshold", [0.3, 0.4])
def test_the_face_model_expects_what_is_measured(made, done, threshold):
    point = bm.OperatingPoint.of(threshold, bm.System.load("today"))
    alerts = done.alerts.with_columns(raised=pl.lit(value=True))
    found = adversary(made.observed, made.truth, point, alerts)
    assert (found.absent, found.threshold, found.profile) == ("", -threshold, "visa-border-small")
    measured = [pool for pool in found.pools if pool.score_known and pool.score_known.denominator >= 300]
    assert [pool.size for pool in measured][:2] == [1, 10]
    for pool in measured:
        known, own = pool.score_known, pool.own_photo
        low, high = rate(known.numerator, known.denominator, 0.9999).interval
        assert low <= pool.expected <= high
        assert known.numerator <= own.numerator
        assert known.denominator == own.denominator
    expected = [pool.expected for pool in found.pools]
    assert expected == sorted(expected, reverse=True)
    assert expected[-1] < 0.05 * expected[0]


def test_a_larger_pool_catches_fewer(made):
    """Pools are nested and one score counts, so no one is caught again by having more to pick from."""
    tried = Tried.of(made.observed, made.truth)
    check = _Check(made.observed, bm.OperatingPoint.of(0.25, bm.System.load("today")))
    before = None
    for here in best_donors(made.observed, tried.people, tried.donors, 1).values():
        who, donor = here[KNOWN]
        lent = tried.donors[donor]
        passed = ~check.alarms(tried.people[who], lent["photo_row"].to_numpy(), lent["issued"])
        now = dict(zip(who.tolist(), passed.tolist(), strict=True))
        if before is not None:
            assert all(now[row] >= before[row] for row in now)
            assert sum(now.values()) > sum(before[row] for row in now)
        before = now


def test_the_worlds_own_impostors_are_counted(made, result):
    found = result.alerts.adversary
    events = made.truth.subversion.filter(pl.col("kind") == "impostor").join(
        made.observed.encounters.select("encounter_id", "time", "template_row"), on="encounter_id"
    )
    start = pl.lit(made.observed.about["measure_from"]).str.to_datetime()
    faced = events.filter((pl.col("time") >= start) & (pl.col("template_row") >= 0))
    told = {one.donor: one for one in found.happened}
    assert sum(one.caught.denominator for one in told.values()) == len(faced) > 10
    raised = result.judged_alerts.filter("raised", pl.col("kind") == KIND)["encounter_id"]
    caught = sum(one.caught.numerator for one in told.values())
    assert caught == faced["encounter_id"].is_in(raised.implode()).sum() > 0
    assert told["stranger"].size == made.truth.scenario["subversion"]["impostor_pool"]


def test_relatives_pass_more_often_than_strangers(result):
    found = result.alerts.adversary
    kin = {one.donor: one.caught for one in found.kin}
    assert kin["relative"].interval[1] < found.pools[1].own_photo.interval[0]
    assert kin["twin"].denominator > 0


def test_it_survives_the_disk_and_can_be_left_out(result, made, done, tmp_path):
    result.write(tmp_path / "result")
    read = Result.read(tmp_path / "result")
    assert read.alerts.adversary.to_json() == result.alerts.adversary.to_json()
    assert bm.evaluate(done, made.truth, grid=0, pools=False).alerts.adversary is None


def test_what_cannot_be_tried_says_why(made, done):
    point = bm.OperatingPoint.of(0.4, bm.System.load("today").with_({"alerts.kinds": ["sham_exit"]}))
    found = adversary(made.observed, made.truth, point, done.alerts)
    assert "does not compare" in found.absent
    late = made.observed.about | {"measure_from": "2999-01-01"}
    empty = type(made.observed)(**{**vars(made.observed), "about": late})
    found = adversary(empty, made.truth, done.point, done.alerts)
    assert "nobody" in found.absent


def test_no_law_without_the_very_profile(made):
    law = FaceLaw.of(made.truth, made.observed.dimension)
    assert law.profile.id == made.truth.profile_id
    assert FaceLaw.of(made.truth, 64) is None  # templates that the profile cannot have made
    other = type(made.truth)(**{**vars(made.truth), "profile_id": "another"})
    assert FaceLaw.of(other, made.observed.dimension) is None
    for scenario in ({}, {"faces": {"profile": "no-such-profile"}}):
        assert (
            FaceLaw.of(type(made.truth)(**{**vars(made.truth), "scenario": scenario}), law.profile.dimension)
            is None
        )
