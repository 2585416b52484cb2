"""Row 17: a missed face at exit becomes an overstay unless documents and linkage close the stay."""

import polars as pl
import pytest

import biomatch as bm
from biomatch.evaluation.overstays.arithmetic import YEAR_EXPECTED, YEAR_REPORTED, arithmetic
from biomatch.verification.exits import missed_exits


def test_the_identity_and_the_fallback():
    """FY2024 [S1]: 1% of 46,657,108 is 466,571, beside 482,954 reported."""
    share = 0.01 * YEAR_EXPECTED / YEAR_REPORTED
    assert share == pytest.approx(0.966, abs=5e-4)
    checked, linked = missed_exits(5000, (11,), ("today", "linked"))
    assert checked.unfound == linked.unfound
    # The threshold is the hundredth part of another world's mates, about as many: both samples vary.
    searched = linked.unfound.denominator
    assert abs(linked.unfound.numerator - 0.01 * searched) < 2.58 * (2 * 0.01 * searched) ** 0.5  # 99%
    assert linked.fold >= 10
    assert checked.fold < 2  # a face check alone takes the document's pair apart again
    assert linked.false_leads.numerator < checked.false_leads.numerator


def test_the_count_is_that_of_the_tables():
    """Departures due, joined to their exit's candidates by hand."""
    made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 1500}), seed=4)
    today = bm.System.load("today")
    lists = bm.search(made.observed, today)
    done = bm.run(made.observed, at=bm.OperatingPoint.of(0.6, today), lists=lists)
    result = bm.evaluate(done, made.truth, grid=0)
    found = arithmetic(result)
    last = result.overstays[-1]
    searched = set(lists.searches.filter("acquired")["encounter_id"].to_list())
    due = set(result.stays.filter("expected", "truly_departed")["entry_id"].to_list())
    hits = dict(result.trials.select("encounter_id", "hit").iter_rows())
    tried = set(lists.searches["encounter_id"].to_list())
    unfound = listed = of = 0
    flagged = set(result.stays.filter("listed")["entry_id"].to_list())
    for stay in made.truth.stays.iter_rows(named=True):
        if stay["entry_id"] in due and stay["exit_id"] in tried:
            of += 1
            missed = not (stay["exit_id"] in searched and hits.get(stay["exit_id"], False))
            unfound += missed
            listed += stay["entry_id"] in flagged
    assert (found.unfound.numerator, found.unfound.denominator, found.listed_falsely) == (unfound, of, listed)
    assert unfound > 0
    assert found.face_alone == pytest.approx(unfound / of * last.expected_departures)
    assert found.unsearched == last.true_departures - of
    assert found.false_leads.numerator == last.false_leads
    watch = result.stays.with_columns(pl.lit(False).alias("expected"))
    nobody = arithmetic(bm.Result(**{**vars_of(result), "stays": watch}))
    assert (nobody.face_alone, nobody.fold) == (None, None)


def vars_of(result):
    names = ("point", "trials", "list_length", "stays", "judged_alerts", "alerts", "grid", "about")
    return {name: getattr(result, name) for name in names}
