"""Every rule of the findings: when it speaks, and when it is silent."""

from dataclasses import replace

import polars as pl
import pytest
from judged_alerts import make_alerts, make_kind

from biomatch.evaluation.alerts.alert_result import ModelCalibration
from biomatch.reporting.content import content, labels_of
from biomatch.reporting.figures import Ratio, percent
from biomatch.reporting.findings import FEWEST, RULES, findings
from biomatch.reporting.report import report
from biomatch.tuning.alerts.plan import SILENT


def with_kind(result, **given):
    counts = make_kind("second_identity", honest=1000, **given)
    return replace(result, alerts=make_alerts(counts))


def with_guarantee(result, **given):
    return replace(result, point=result.point.with_({"guarantee": {**result.point.guarantee, **given}}))


def test_a_target_is_missed_when_the_whole_interval_lies_above(result):
    result = by_group(result, (60, 10))
    low = result.fpir.interval[0]
    assert low > 0
    assert "above the target" in findings(with_guarantee(result, target=low / 2))["target-missed"]
    assert findings(with_guarantee(result, target=low * 1.01))["target-missed"] == ""
    assert findings(with_guarantee(result, target=None))["target-missed"] == ""


def test_resubstitution_is_a_finding(result):
    again = replace(result, point=result.point.with_({"resubstitution": True}))
    assert "resubstitution" in findings(again)["graded-again"]
    assert findings(result)["graded-again"] == ""


@pytest.mark.parametrize(
    ("given", "speaks"),
    [
        ({"caught": 0, "events": 2, "stopped": 277}, True),
        ({"caught": 1, "events": 2, "stopped": 277}, False),
        ({"caught": 0, "events": 0, "stopped": 277}, False),
        ({"caught": 0, "events": 2, "stopped": 0}, False),
    ],
)
def test_a_kind_that_only_stops_the_honest_is_named(result, given, speaks):
    said = findings(with_kind(result, **given))["fraud-uncaught"]
    assert bool(said) == speaks
    if speaks:
        assert "second identity (277 honest stops, 0 of 2 caught)" in said


def test_a_threshold_that_is_off_is_named(result):
    kind = {"caught": 0, "events": 1, "stopped": 0}
    assert "second identity" in findings(with_kind(result, **kind, threshold=SILENT))["alerts-off"]
    assert findings(with_kind(result, **kind))["alerts-off"] == ""


def by_group(result, errors, trials=200):
    """Give the trials two groups of non-mated searches with so many false positives each."""
    some = result.trials.filter(~pl.col("mated") & pl.col("acquired")).head(2 * trials)
    rows = pl.int_range(pl.len())
    group = pl.when(rows < trials).then(pl.lit("A")).otherwise(pl.lit("B"))
    false = pl.when(rows < trials).then(rows < errors[0]).otherwise(rows < trials + errors[1])
    frame = some.with_columns(
        group=group, false_positive=false, counted=True, designed=False, person_id=rows.cast(pl.Int64)
    )
    return replace(result, trials=frame)


@pytest.mark.parametrize(
    ("errors", "speaks"), [((60, 10), True), ((12, 10), False), ((40, 0), True), ((0, 0), False)]
)
def test_groups_are_named_when_their_intervals_are_disjoint(result, errors, speaks):
    said = findings(by_group(result, errors))["groups-apart"]
    assert bool(said) == speaks
    if speaks:
        assert said.startswith("FPIR of A is ")
        assert f"{errors[0]} of 200 against {errors[1]} of 200" in said


@pytest.mark.parametrize(("verdict", "speaks"), [("NOT calibrated", True), ("calibrated", False)])
def test_ratios_that_do_not_keep_their_word_are_named(result, verdict, speaks):
    one = ModelCalibration("fusion", "a fraud", 40, 900, 0.61, 0.4, verdict, ())
    said = findings(replace(result, alerts=replace(result.alerts, calibration=(one,))))["ratios-off"]
    assert bool(said) == speaks
    if speaks:
        assert "all evidence (Cllr 0.61 bits, 0.4 at best)" in said
    assert findings(result)["ratios-off"] == ""


@pytest.mark.parametrize("place", ["below", "low", "high", "above"])
def test_a_posterior_outside_the_interval_of_what_it_states_is_named(result, place):
    true = Ratio.of(result.overstays[-1].precision)
    at = {"below": true.low - 0.01, "low": true.low, "high": true.high, "above": true.high + 0.01}[place]
    stated = replace(result, stays=result.stays.with_columns(p_overstay=pl.lit(at)))
    said = findings(stated)["posterior-off"]
    assert bool(said) == (place in ("below", "above"))
    if said:
        assert f"{percent(at)} of its leads are true, and {true} are" in said
    silent = replace(result, stays=result.stays.with_columns(p_overstay=pl.lit(None, pl.Float64)))
    assert findings(silent)["posterior-off"] == ""


def test_few_trials_and_lost_mates_are_named(result):
    few = replace(result, trials=result.trials.filter(pl.col("mated") & pl.col("acquired")).head(FEWEST - 1))
    assert "FNIR (" in findings(few)["too-few"]
    assert findings(result)["too-few"] == ""
    lost = result.misses["lost by the index"]
    assert bool(findings(result)["index-lost"]) == (lost > 0)


def test_a_gallery_beyond_the_tested_one_is_named(result):
    n = result.enrolled[0]
    assert (
        "extrapolated" in findings(with_guarantee(result, larger_gallery={"gallery": n + 1}))["beyond-tested"]
    )
    assert findings(with_guarantee(result, larger_gallery={"gallery": n}))["beyond-tested"] == ""
    assert findings(result)["beyond-tested"] == ""


def test_the_page_has_a_place_for_each_rule(result, tmp_path):
    page = report(result, tmp_path / "r.html").read_text(encoding="utf-8")
    for name in RULES:
        assert f'data-text="finding-{name}"' in page
    texts = content(result, labels_of([result])[0]).texts
    assert bool(texts["finding-none"]) != any(texts[f"finding-{name}"] for name in RULES)


def test_results_of_one_name_are_told_apart(result):
    other = replace(result, point=result.point.with_({"face_threshold": 0.5}))
    names = labels_of([result, other])
    assert len(set(names)) == 2
    assert not any("(1)" in one for one in names)
    assert names[1].endswith("T = 0.5")
    assert labels_of([result, result])[0].endswith("result 1 of 2")
