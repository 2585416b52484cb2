"""The judge of alerts against counts that a reader can make by hand, and against a slow twin."""

from __future__ import annotations

import itertools
from datetime import date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.errors import ResultsError
from biomatch.evaluation.alerts.curves import AlertCurve, alert_curve
from biomatch.evaluation.alerts.events import Scene, clusters_of
from biomatch.evaluation.alerts.judge import judge_alerts
from biomatch.policy import OperatingPoint, accept
from biomatch.rates import rate


@pytest.fixture
def scene(border):
    """Twenty honest travellers, one impostor caught, one missed, one false alarm of each cause."""
    border.honest(range(10, 30))
    border.people[50] = {"twin": 51, "family": 5}
    border.people[51] = {"twin": 50, "family": 5}
    border.document("D", 1)
    border.event("impostor", border.meet(2, "D", "entry", 5), 2, "D", victim=1)
    border.document("E", 3)
    border.event("impostor", border.meet(4, "E", "entry", 6, face=False), 4, "E", victim=3)  # unseen
    border.document("Z", 7)
    border.meet(7, "Z", "entry", 5, noise=3.0, quality=1.0)  # a bad image
    border.document("N", 8)
    border.document("O", 9)
    border.meet(8, "N", "entry", 7, typed="O", face=True)  # the clerk typed another's number
    return border


def point_of(system, **thresholds):
    return OperatingPoint.of(0.4, system, alert_thresholds=thresholds)


def test_caught_missed_and_stopped(scene):
    alerts, observed, truth, system = scene.alerts("document_photo_conflict")
    judged, counts = judge_alerts(alerts, observed, truth, point_of(system))
    mine = counts["document_photo_conflict"]
    assert (mine.events, mine.caught, mine.caught_by_kind, mine.missed) == (2, 1, 1, 1)
    assert (mine.alerts, mine.true_alerts, mine.false_alerts) == (3, 1, 2)
    assert dict(mine.causes) == {"keying error": 1, "bad image": 1}
    assert mine.honest_encounters == len(scene.rows) - 2
    assert (mine.false_alarms.numerator, mine.false_alarms.denominator) == (2, len(scene.rows) - 2)
    assert counts["all"].caught == 1
    assert counts.event_kinds == {"impostor": (1, 2)}
    assert judged.filter(pl.col("raised") & ~pl.col("true"))["cause"].null_count() == 0
    told = counts.to_json()["document_photo_conflict"]
    assert told["caught"]["value"] == 0.5
    assert told["false_alarms_per_million"] == round(2e6 / mine.honest_encounters, 3)


def test_thresholds_of_the_point_count(scene):
    alerts, observed, truth, system = scene.alerts("document_photo_conflict")
    _, none = judge_alerts(alerts, observed, truth, point_of(system, document_photo_conflict=2.0))
    assert (none["document_photo_conflict"].alerts, none["document_photo_conflict"].caught) == (0, 0)
    assert none["document_photo_conflict"].precision.value is None
    score = alerts["score"].max()
    _, tied = judge_alerts(alerts, observed, truth, point_of(system, document_photo_conflict=score))
    assert tied["document_photo_conflict"].alerts == 1  # equality alarms


def test_what_happens_before_measuring_is_not_counted(scene):

    alerts, observed, truth, system = scene.alerts("document_photo_conflict")
    about = dict(observed.about) | {"measure_from": "2025-01-10"}
    later = type(observed)(**{**vars(observed), "about": about})
    _, counts = judge_alerts(alerts, later, truth, point_of(system))
    assert counts["all"].events == counts["all"].alerts == 0
    assert counts["all"].catch_rate.value is None
    assert counts["all"].honest_encounters == sum(row["time"] >= datetime(2025, 1, 10) for row in scene.rows)


def test_a_catch_by_another_kind_is_a_catch(border):
    border.honest(range(10, 30))
    border.document("A", 1)
    border.meet(1, "A", "entry", 2)
    border.event("sham_exit", border.meet(2, "A", "exit", 9), 2, "A", victim=1)
    alerts, observed, truth, system = border.alerts("document_photo_conflict", "sham_exit")
    point = point_of(system, sham_exit=5.0)  # its own kind is silent
    _, counts = judge_alerts(alerts, observed, truth, point)
    assert (counts["sham_exit"].caught, counts["sham_exit"].caught_by_kind) == (1, 0)
    assert counts["document_photo_conflict"].false_alerts == 0


def test_a_document_alert_touches_events_on_its_document_only(border):
    for number, one, two in (("A", 1, 2), ("B", 3, 4)):
        border.document(number, one)
        border.meet(one, number, "entry", 2)
        border.meet(two, number, "exit", 9)
    border.honest(range(10, 30))
    shared = border.meet(2, "A", "entry", 12)
    border.event("shared_document", shared, 2, "A", victim=1)
    alerts, observed, truth, system = border.alerts("shared_document")
    judged, counts = judge_alerts(alerts, observed, truth, point_of(system))
    raised = judged.filter("raised")
    assert sorted(raised["true"].to_list()) == [False, True]
    assert counts["shared_document"].caught == 1


def test_causes_of_resemblance(border):
    border.honest(range(10, 30))
    border.people[50] = {"twin": 51, "family": 5}
    border.people[51] = {"twin": 50, "family": 5}
    border.codes[50] = border.codes[51] = border.code(50)  # identical twins
    border.document("T", 50, name="T", born=date(1989, 12, 31))  # one before midnight, one after
    border.document("U", 51, name="U", born=date(1990, 1, 1))
    border.meet(50, "T", "entry", 2)
    border.meet(51, "U", "entry", 3)
    border.document("R", 60, name="R", born=date(1970, 1, 1))
    border.document("S", 60, name="S", born=date(1971, 1, 2))  # name changed and date mistyped
    border.meet(60, "R", "entry", 2)
    border.meet(60, "S", "entry", 3)
    alerts, observed, truth, system = border.alerts("second_identity")
    _, counts = judge_alerts(alerts, observed, truth, point_of(system))
    assert dict(counts["second_identity"].causes) == {"twin": 1, "changed name": 1}


def test_watchlist_encounters_are_events(border):
    border.honest(range(10, 30))
    border.watched[4] = datetime(2025, 1, 20)
    border.document("W", 4)
    border.meet(4, "W", "entry", 5)  # before the listing: no event
    border.meet(4, "W", "exit", 45)
    border.meet(4, "W", "entry", 60, face=False)  # missed
    alerts, observed, truth, system = border.alerts("watchlist", policy="watchlist")
    _, counts = judge_alerts(alerts, observed, truth, point_of(system))
    assert (counts["watchlist"].events, counts["watchlist"].caught) == (2, 1)
    assert counts["watchlist"].false_alerts == 0


def test_the_curve_agrees_with_the_judge_at_every_threshold(scene):
    scene.document("A", 31)
    scene.meet(31, "A", "entry", 2)
    scene.event("sham_exit", scene.meet(32, "A", "exit", 9), 32, "A", victim=31)
    alerts, observed, truth, system = scene.alerts("document_photo_conflict")
    curve = alert_curve(alerts, observed, truth, kinds="document_photo_conflict")
    # Three subverted encounters, and the entry of A's own holder, whose document was misused.
    assert (curve.events, curve.encounters) == (3, len(scene.rows) - 4)
    assert curve.days == 365.0
    for threshold in [*curve.thresholds, 3.0, -2.0]:
        caught, stopped = curve.at(threshold)
        _, counts = judge_alerts(alerts, observed, truth, point_of(system, document_photo_conflict=threshold))
        assert counts["all"].caught == caught
        assert counts["document_photo_conflict"].false_encounters == stopped
        assert curve.catch_rate(threshold).numerator == caught
        assert curve.false_alarm_rate(threshold).numerator == stopped
        own = curve.of("impostor")
        assert own.at(threshold)[0] == counts["document_photo_conflict"].caught_by_kind
    assert curve.table()["caught"].is_sorted()


def test_several_raw_scales_are_no_curve(scene):
    alerts, observed, truth, _ = scene.alerts("document_photo_conflict", "concealer")
    with pytest.raises(ResultsError, match="different scales"):
        alert_curve(alerts, observed, truth)
    unweighed = alerts.with_columns(log_likelihood_ratio=pl.lit(None, dtype=pl.Float64))
    with pytest.raises(ResultsError, match="without log_likelihood_ratio"):
        alert_curve(unweighed, observed, truth, by="log_likelihood_ratio")


scores = st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.25, 0.5, 1.0]), max_size=12)


@settings(deadline=None, max_examples=60)
@given(scores, scores, st.sampled_from([-2.0, -1.0, 0.0, 0.3, 0.5, 1.0, 2.0]))
def test_counts_at_a_threshold_are_accept(caught, stopped, threshold):
    curve = AlertCurve(("x",), np.array(caught), np.array(["x"] * len(caught), dtype=str),
                       np.array(stopped), np.arange(len(stopped)), 1.0)  # fmt: skip
    expected = (int(accept(caught, threshold).sum()), int(accept(stopped, threshold).sum()))
    assert tuple(int(count) for count in curve.at(threshold)) == expected
    assert curve.catch_rate(threshold) == rate(expected[0], len(caught))


def test_a_victim_who_is_stopped_is_neither_caught_nor_a_false_alarm(border):
    border.honest(range(10, 30))
    border.document("A", 1)
    border.event("impostor", border.meet(2, "A", "entry", 3), 2, "A", victim=1)
    holder = border.meet(1, "A", "exit", 8)  # who leaves is not who entered: the holder's alarm
    alerts, observed, truth, system = border.alerts("sham_exit")
    judged, counts = judge_alerts(alerts, observed, truth, point_of(system))
    mine = counts["sham_exit"]
    assert judged.filter("raised")["encounter_id"].to_list() == [holder]
    # The stay is the impostor's own, so the alert touches the event: a catch.
    assert (mine.true_alerts, mine.false_alerts, mine.affected_alerts) == (1, 0, 0)
    border.meet(1, "A", "entry", 20)
    border.meet(1, "A", "exit", 25, noise=3.0, quality=1.0)  # a bad image on the misused document
    alerts, observed, truth, system = border.alerts("sham_exit")
    _, counts = judge_alerts(alerts, observed, truth, point_of(system))
    assert (counts["sham_exit"].false_alerts, counts["sham_exit"].affected_alerts) == (0, 1)
    assert counts["sham_exit"].honest_encounters == len(border.rows) - 4


def test_the_other_side_of_a_borrowed_document_is_a_catch(border):
    border.honest(range(10, 30))
    border.document("D", 1, name="DONOR", born=date(1980, 1, 1))
    border.document("OWN", 2, name="ACTOR", born=date(1985, 5, 5))
    border.event("impostor", border.meet(2, "D", "entry", 3, face=True), 2, "D", victim=1)
    border.meet(2, "D", "exit", 8)
    later = border.meet(2, "OWN", "entry", 40)  # the same face, now under its own name
    alerts, observed, truth, system = border.alerts("second_identity")
    judged, counts = judge_alerts(alerts, observed, truth, point_of(system))
    assert judged.filter("raised")["encounter_id"].to_list() == [later]
    assert judged.filter("raised")["true"].all()
    assert counts.event_kinds["impostor"] == (1, 1)
    assert counts["all"].honest_encounters == len(border.rows) - 3  # the actor's own entry is entangled


def test_events_that_share_a_person_or_a_document_are_one_cluster(border):
    """Against joining pairs until nothing changes."""
    border.honest(range(10, 14))
    for number, holder in (("D", 1), ("E", 3), ("F", 5), ("G", 5)):
        border.document(number, holder)
    border.event("shared_document", border.meet(2, "D", "entry", 5), 2, "D", victim=1)
    border.event("shared_document", border.meet(4, "D", "entry", 6), 4, "D", victim=1)  # the document
    border.event("impostor", border.meet(4, "E", "entry", 7), 4, "E", victim=3)  # the actor of the second
    border.event("impostor", border.meet(6, "F", "entry", 8), 6, "F", victim=5)
    border.event("sham_exit", border.meet(7, "G", "exit", 9), 7, "G", victim=5)  # the victim of the fourth
    border.event("concealer", border.meet(10, "H10", "entry", 12), 10, "H10")
    observed, truth = border.world()
    events = Scene.of(observed, truth).events
    found = clusters_of(events, truth)
    victims = truth.subversion.select("event_id", "victim_id")
    known = events.join(victims, on="event_id", how="left", maintain_order="left")
    names = [
        {("person", p) for p in (row["actor_id"], row["victim_id"]) if p >= 0}
        | ({("paper", row["document_number"])} if row["document_number"] else set())
        for row in known.iter_rows(named=True)
    ]
    slow = list(range(len(names)))
    for _ in names:
        for i, j in itertools.product(range(len(names)), repeat=2):
            if names[i] & names[j]:
                slow[i] = slow[j] = min(slow[i], slow[j])
    same = [[a == b for b in found] for a in found]
    assert same == [[a == b for b in slow] for a in slow]
    assert sorted(np.bincount(found).tolist()) == [1, 2, 3]
    alerts, observed, truth, system = border.alerts("document_photo_conflict")
    _, counts = judge_alerts(alerts, observed, truth, point_of(system))
    caught = counts["all"].catch_rate
    assert (caught.numerator, caught.denominator) == (counts["all"].caught, counts["all"].events)
    assert caught.method == "clusters"
