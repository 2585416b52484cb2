"""FPIR against N: thinned galleries against a plain loop, and what a tuned point carries."""

import json

import numpy as np
import polars as pl
import pytest

import biomatch as bm
from biomatch.errors import ResultsError
from biomatch.evaluation.sweep import sweep
from biomatch.evaluation.trials import enumerate_trials, owners
from biomatch.tuning.growth import curve as growth


@pytest.fixture(scope="module")
def made():
    return bm.world(bm.Scenario.load("tiny").with_({"travellers": 700}), seed=3)


@pytest.fixture(scope="module")
def lists(made):
    return bm.search(made.observed, bm.System.load("today"))


@pytest.fixture(scope="module")
def found(lists, made):
    return growth.swept(lists, made.truth)


def test_the_curve_is_that_of_a_sweep(found, lists, made):
    curve, _ = found
    plain = sweep(lists, made.truth)
    for threshold in (0.2, 0.3, 0.4):
        assert curve.fpir(threshold) == plain.fpir(threshold)
        assert curve.fnir(threshold) == plain.fnir(threshold)


def test_the_whole_share_is_the_tested_gallery(found):
    curve, thinned = found
    whole = thinned.galleries[-1]
    assert sorted(whole.top_scores.tolist()) == sorted(curve.non_mated_top_scores.tolist())
    assert curve.enrolled_counts[1] <= whole.size <= curve.enrolled_counts[2]


def test_shares_are_nested_and_every_score_is_of_somebody_kept(found, lists, made):
    """Slow twin: the kept people are read off the tickets, and each list is walked from its top."""
    _, thinned = found
    trials = enumerate_trials(lists, made.truth)
    row = {
        key: at for at, key in enumerate(lists.searches.select("encounter_id", "gallery", "designed").rows())
    }
    asked = trials.frame.filter(
        pl.col("counted") & ~pl.col("mated") & pl.col("acquired") & ~pl.col("designed")
    ).select("encounter_id", "gallery", "designed")
    ids = np.array([lists.reference_id[row[key]] for key in asked.rows()])
    scores = np.array([lists.score[row[key]] for key in asked.rows()])
    tickets = growth._tickets(lists, made.truth, ids)
    for share, gallery in zip(growth.SHARES, thinned.galleries, strict=True):
        for at, best in enumerate(gallery.top_scores):
            kept = [
                score
                for score, ticket, who in zip(scores[at], tickets[at], ids[at], strict=True)
                if who >= 0 and ticket < share
            ]
            assert best == (max(kept) if kept else -np.inf)
    tops = np.array([gallery.top_scores for gallery in thinned.galleries])
    assert (tops[1:] >= tops[:-1]).all()


def test_one_person_has_one_ticket_and_people_have_different_ones(lists, made):
    ids = lists.references["reference_id"].to_numpy()
    drawn = growth._tickets(lists, made.truth, ids[None, :])[0]
    whose = owners(made.observed, made.truth).unique("template_row", keep="first")
    people = (
        lists.references.select("template_row", ticket=drawn)
        .join(whose, on="template_row")
        .group_by("person_id")
        .agg(pl.col("ticket").n_unique().alias("tickets"), pl.col("ticket").first())
    )
    assert people["tickets"].max() == 1
    assert people["ticket"].n_unique() == people.height
    assert ((drawn >= 0) & (drawn < 1)).all()


def test_below_the_settled_threshold_no_share_is_measured(found):
    _, thinned = found
    told = growth.grown(thinned, thinned.settled_above - 0.01)
    assert [one["size"] for one in told["measured"]] == [told["tested"]]


def test_a_tuned_point_carries_growth_to_the_gallery_asked_for(found):
    curve, thinned = found
    point = bm.tune(curve, max_fpir=0.1, confidence=0.9)
    grown = growth.with_growth(point, [thinned], gallery=50_000).guarantee["growth"]
    assert json.loads(json.dumps(grown)) == grown
    assert grown["operational"] == grown["estimates"][-1]["size"] == 50_000
    assert grown["measured"][-1]["numerator"] == curve.fpir(point.face_threshold).numerator
    methods = {one["method"] for one in grown["estimates"]}
    assert methods == {"binomial", "effective N", "tail", "face model"}
    for method in methods:
        along = [one["fpir"] for one in grown["estimates"] if one["method"] == method]
        assert all(one is None or 0 <= one <= 1 for one in along)
        assert along == sorted(along, key=lambda one: one or 0)
    assert grown["back_test"]
    for test in grown["back_test"]:
        assert test["fitted_up_to"] < test["measured"]["size"] == grown["tested"]
        assert test["threshold"] > thinned.settled_above


def test_worlds_are_pooled_subject_by_subject(found):
    _, one = found
    both = growth.pooled([one, one])
    assert both.galleries[-1].top_scores.size == 2 * one.galleries[-1].top_scores.size
    assert np.unique(both.galleries[-1].subjects).size == 2 * np.unique(one.galleries[-1].subjects).size
    assert both.profile == one.profile


def test_nothing_is_added_where_a_world_has_no_searches_of_its_own(found):
    curve, _ = found
    point = bm.tune(curve, max_fpir=0.1, confidence=0.9)
    assert growth.with_growth(point, [None]) == point
    with pytest.raises(ResultsError, match="no world"):
        growth.pooled([])
