"""Fused ratios in the flow: every alert weighed, one explained, thresholds by odds."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from biomatch.errors import ModelError
from biomatch.evaluation.alerts.curves import alert_curve
from biomatch.fraud.basis import PIECES, basis, evidence_at
from biomatch.fraud.comparison import compared
from biomatch.fraud.detect import DETECTORS, EVEN_ODDS, alert_threshold, detect
from biomatch.fraud.facts import Facts
from biomatch.fraud.fusion import ratios, waterfall
from biomatch.models import load
from biomatch.overstay.linkage.documents import link_documents
from biomatch.policy import OperatingPoint
from biomatch.settings.system import System
from biomatch.system.replay import search


@pytest.fixture
def caught(border):
    border.honest(range(10, 40))
    border.document("D", 1)
    bad = border.meet(2, "D", "entry", 5)
    border.event("impostor", bad, 2, "D", victim=1)
    observed, truth = border.world()
    system = System.load("all").with_({"alerts.kinds": list(DETECTORS), "alerts.scoring": "evidence"})
    lists = search(observed, system)
    links = link_documents(observed.encounters, border.rows[0]["time"]).stays
    return bad, observed, truth, system, Facts(observed, lists, links, None)


def test_every_alert_is_weighed_and_the_score_stays(caught):
    _, observed, truth, system, facts = caught
    plain = detect(observed, facts.lists, facts.links, system, facts=facts, weighed=False)
    weighed = detect(observed, facts.lists, facts.links, system, facts=facts)
    assert plain["log_likelihood_ratio"].null_count() == len(plain) > 0
    assert weighed["log_likelihood_ratio"].null_count() == 0
    assert plain.drop("log_likelihood_ratio").equals(weighed.drop("log_likelihood_ratio"))
    curve = alert_curve(weighed, observed, truth, by="log_likelihood_ratio")
    assert curve.events == 1
    assert curve.event_scores[0] > curve.false_scores.max()


@pytest.mark.parametrize(("what", "kind"), [("photo", "document_photo_conflict"), ("entry", "sham_exit")])
def test_a_conflict_says_what_its_comparison_alone_weighs(border, what, kind):
    border.honest(range(10, 40))
    border.document("D", 1)
    border.meet(1, "D", "entry", 5)
    bad = border.meet(2, "D", "exit", 9)
    alerts, observed, *_ = border.alerts(kind)
    lists = search(observed, System.load("all"))
    links = link_documents(observed.encounters, border.rows[-1]["time"]).stays
    facts = Facts(observed, lists, links, None)
    rows = np.arange(len(facts))
    nats = compared(facts, rows, what)
    # The slow way: all evidence of every encounter, of which the model takes its own columns.
    values, names = basis(evidence_at(facts, rows))
    model = load(what)
    slow = model.run(values[:, [names.index(name) for name in model.entry.inputs]])
    was = ~np.isnan(facts.photo_similarity if what == "photo" else facts.entry_similarity)
    assert np.array_equal(~np.isnan(nats), was)
    np.testing.assert_allclose(nats[was], slow[was], atol=1e-5)
    top = alerts.sort("score", descending=True).row(0, named=True)
    assert top["encounter_id"] == bad
    told = json.loads(top["evidence"])[f"{what}_nats"]
    row = int(facts.rows_of(pl.Series([bad]))[0])
    assert told == pytest.approx(nats[row], abs=1e-5)
    assert told > 4.0 > 0.0 > np.nanmedian(nats)


def test_fusion_as_the_score(caught):
    _, observed, _, system, facts = caught
    fused = system.with_({"alerts.scoring": "fusion"})
    alerts = detect(observed, facts.lists, facts.links, fused, facts=facts)
    assert alerts["score"].equals(alerts["log_likelihood_ratio"].rename("score"))
    point = OperatingPoint.of(0.4, fused)
    assert alert_threshold("sham_exit", point) == EVEN_ODDS
    # ln((1 - p) / p) at 8 a million [A21, A22]
    assert pytest.approx(np.log((1 - 8e-6) / 8e-6), abs=0.01) == EVEN_ODDS


def test_a_waterfall_adds_up_and_names_the_face(caught):
    bad, _, _, _, facts = caught
    found = waterfall(facts, bad)
    assert set(found) == {"nothing", "total", *PIECES}
    assert sum(v for k, v in found.items() if k != "total") == pytest.approx(found["total"], abs=1e-4)
    assert max(PIECES, key=lambda piece: found[piece]) == "photo"
    row = facts.rows_of(pl.Series([bad]))
    assert found["total"] == pytest.approx(float(ratios(facts, row)[0]), abs=1e-5)
    with pytest.raises(ModelError, match="encounter -5"):
        waterfall(facts, -5)


def test_pieces_can_be_silenced(caught):
    bad, _, _, _, facts = caught
    row = facts.rows_of(pl.Series([bad]))
    assert ratios(facts, row, ["capture"])[0] < ratios(facts, row)[0]
