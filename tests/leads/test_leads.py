"""Leads by posterior: counts against a loop, the limit of reviews, the cheapest cut, the command."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biomatch.cli import run as cli
from biomatch.errors import ResultsError
from biomatch.evaluation.overstays.leads import LeadCurve
from biomatch.policy import OperatingPoint
from biomatch.settings.system import System
from biomatch.tuning import tune
from biomatch.tuning.leads import LeadCosts, tune_leads

POINT = OperatingPoint.of(0.4, System.load("linked"), lineages=[7])


def curve(posteriors, true, hidden=0, days=10.0):
    over = np.array(true, dtype=bool)
    return LeadCurve(np.array(posteriors, dtype=float), over, int(over.sum()) + hidden, days, POINT, (3,))


stays = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.5, 0.9, 1.0]), st.booleans()), max_size=30)


@given(stays, st.sampled_from([0.0, 0.05, 0.1, 0.5, 0.7, 1.0]))
def test_counts_are_what_a_loop_says(rows, threshold):
    leads, true = curve([p for p, _ in rows], [t for _, t in rows]).at(threshold)
    assert leads == sum(p >= threshold for p, _ in rows)
    assert true == sum(p >= threshold and t for p, t in rows)


@given(stays, st.floats(0.1, 5))
def test_the_limit_of_reviews_is_kept_and_used(rows, limit):
    found = curve([p for p, _ in rows], [t for _, t in rows])
    chosen = found.threshold(max_alerts_a_day=limit)
    below = [p for p, _ in rows if p < chosen]
    if any(p == chosen for p, _ in rows) and chosen < 1:
        assert found.at(chosen)[0] <= limit * found.days
    if below:  # the next posterior down would list too many
        assert found.at(max(below))[0] > limit * found.days


def test_the_cheapest_posterior_is_that_of_a_loop():
    found = curve([0.1, 0.4, 0.4, 0.8, 0.95], [False, True, False, False, True], hidden=1)
    point = tune_leads([found], costs=LeadCosts(review=1.0, hidden=2.5))
    costs = {
        t: found.at(t)[0] * 1.0 + 2.5 * (found.true_in_country - found.at(t)[1])
        for t in (0.1, 0.4, 0.8, 0.95, 1.0)
    }
    assert costs[point.lead_posterior] == min(costs.values())
    assert point.lineages == [3, 7]


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ResultsError, match="both or neither"):
        tune_leads([curve([0.5], [True])])
    with pytest.raises(ResultsError, match="no world"):
        tune_leads([], max_alerts_a_day=1)
    with pytest.raises(ResultsError, match="curve of leads"):
        tune(curve([0.5], [True]), max_fpir=0.1)


def test_the_commands_tune_leads_and_fraud_on_a_third_world(tmp_path, capsys):
    steps = [
        ["world", "tiny", "--seed", "1", "--set", "travellers=1500", "--out", "w1"],
        ["world", "tiny", "--seed", "2", "--set", "travellers=1500", "--out", "w2"],
        ["search", "w1", "--system", "linked", "--out", "l1"],
        ["search", "w2", "--system", "linked", "--out", "l2"],
        ["tune", "l1", "w1", "--max-fpir", "0.05", "--out", "p1"],
        ["tune", "l2", "w2", "--for", "leads", "--at", "p1", "--max-alerts-a-day", "5", "--out", "p2"],
        ["tune", "l2", "w2", "--for", "fraud", "--at", "p1", "--max-alerts-a-day", "5", "--out", "p3"],
    ]
    for step in steps:
        words = [str(tmp_path / w) if w[:1] in "wlp" and w[1:].isdigit() else w for w in step]
        assert cli([*words, "--json"]) == 0, capsys.readouterr().err
        said = json.loads(capsys.readouterr().out)
    assert said["lineages"] == [1, 2]
    assert OperatingPoint.read(tmp_path / "p2").lead_posterior is not None
    assert OperatingPoint.read(tmp_path / "p2").face_threshold == said["threshold"]
    assert OperatingPoint.read(tmp_path / "p3").alert_thresholds
    again = ["tune", "l1", "w1", "--for", "leads", "--at", "p1", "--max-alerts-a-day", "5", "--out", "p4"]
    words = [str(tmp_path / w) if w[:1] in "wlp" and w[1:].isdigit() else w for w in again]
    assert cli(words) == 2
    assert "lineage" in capsys.readouterr().err
    assert cli([*words, "--resubstitution"]) == 0
    assert cli([w for w in words if w != "--at" and not w.endswith("p1")]) == 2
