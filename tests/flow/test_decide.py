"""Decisions: one line compares, and what the best candidate weighs stands beside it."""

from __future__ import annotations

import numpy as np
import pytest

import biomatch as bm
from biomatch.fraud.basis import basis
from biomatch.models import load
from biomatch.policy import OperatingPoint
from biomatch.system.decide import decide


@pytest.fixture(scope="module")
def made():
    return bm.world(bm.Scenario.load("tiny"), seed=4)


@pytest.mark.parametrize(("name", "what"), [("default", "entry"), ("manifest", "photo")])
def test_a_decision_says_what_its_best_candidate_weighs(made, name, what):
    system = bm.System.load(name)
    lists = bm.search(made.observed, system)
    found = decide(lists, OperatingPoint.of(0.4, system), made.observed)
    found = found.filter(found["gallery"] != "watchlist")
    told, scores = found["log_likelihood_ratio"].to_numpy(), found["score"].to_numpy()
    assert np.array_equal(np.isnan(told), np.isnan(scores))
    quality = dict(made.observed.encounters.select("encounter_id", "quality").iter_rows())
    model = load(what)
    # The slow way: one decision at a time, all other evidence silent.
    for at in range(0, len(found), 7):
        if np.isnan(scores[at]):
            continue
        shown = quality[int(found["encounter_id"][at])]
        silent = dict.fromkeys(
            ("photo", "entry", "history", "papers", "identity", "morph", "swap", "ghost", "days", "years"),
            np.array([np.nan]),
        )
        values, names = basis(
            {
                **silent,
                what: np.array([float(scores[at])]),
                "quality": np.array([np.nan if shown is None else shown / 100.0]),
                "attempts": np.ones(1),
                "failed": np.zeros(1),
            }
        )
        one = model.run(values[:, [names.index(column) for column in model.entry.inputs]])
        assert told[at] == pytest.approx(-float(one[0]), abs=1e-5)
    outcome = found["outcome"].cast(str).to_numpy()
    assert np.nanmedian(told[outcome == "match"]) > 2.0 > -2.0 > np.nanmedian(told[outcome == "no_match"])


def test_a_watchlist_has_no_calibrated_model(made):
    system = bm.System.load("default").with_({"gallery.policy": "watchlist"})
    found = decide(bm.search(made.observed, system), OperatingPoint.of(0.4, system), made.observed)
    assert found["log_likelihood_ratio"].null_count() == len(found)
