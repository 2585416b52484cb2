"""Captures that are the record take false leads off the list, the more the more gates have a camera."""

import polars as pl
import pytest

import biomatch as bm
from biomatch.policy import OperatingPoint


def overstays(coverage, *, mandatory, method="linked", **system):
    changes = {
        "travellers": 1500, "faces.profile": "visa-border-small", "records.missed_exits": 0.25,
        "watchlist.size": 10,
        "captures.exit_coverage": {"air": coverage, "sea": coverage, "land": coverage},
    }  # fmt: skip
    if mandatory:
        changes["captures.biometric_exit.record_from"] = {"air": "2024-01-01", "land": "2024-01-01"}
    world = bm.world(bm.Scenario.load("tiny").with_(changes), seed=7)
    run = bm.run(world.observed, at=OperatingPoint.of(0.4, bm.System.load(method).with_(system)))
    return bm.evaluate(run, world.truth)


@pytest.fixture(scope="module")
def whole():
    return overstays(1.0, mandatory=True)


def test_false_leads_fall_with_coverage(whole):
    found = [overstays(share, mandatory=True).overstays[-1].false_leads for share in (0.0, 0.5)]
    found.append(whole.overstays[-1].false_leads)
    assert found[0] > 15
    assert found[0] > found[1] > found[2]
    assert found[2] < 0.3 * found[0]
    # Without the rule cameras change nothing about departures that nobody recorded.
    alone = overstays(1.0, mandatory=False).overstays[-1]
    assert alone.causes["left unrecorded"] + alone.causes["not yet received"] >= 0.8 * found[0]


def test_nobody_is_hidden_by_it(whole):
    assert whole.overstays[-1].hidden <= 1


def test_a_system_that_does_not_use_them_says_why_they_are_listed(whole):
    ignored = overstays(1.0, mandatory=True, **{"linkage.use_captures": False})
    last = ignored.overstays[-1]
    assert last.causes["capture not linked"] > 10
    assert last.false_leads > 3 * whole.overstays[-1].false_leads
    listed = ignored.stays.filter(pl.col("cause") == "capture not linked")
    assert set(listed["exit_document"]) == {"none read"}
