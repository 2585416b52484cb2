"""Measured shares of a world lie inside 99.9% bounds, clustered by party, of its settings."""

import numpy as np
import polars as pl
import pytest


@pytest.fixture(scope="module")
def stays(honest):
    _, observed, truth = honest
    seen = ["encounter_id", "document_number", "document_issuer", "time", "recorded_at", "source"]
    exits = observed.encounters.select(seen).rename({name: f"exit_{name}" for name in seen})
    return (
        truth.stays.join(observed.encounters.select(seen), left_on="entry_id", right_on="encounter_id")
        .join(exits, left_on="exit_id", right_on="exit_encounter_id", how="left")
        .sort("entry_id")
    )


def test_residents_and_classes(honest, inside):
    scenario, observed, truth = honest
    first = (
        observed.encounters.sort("time")
        .join(truth.encounters, on="encounter_id")
        .unique("journey_id", keep="first")
    )
    inside(truth, first, pl.col("admission_class") == "RESIDENT", scenario.traffic.resident_share)
    visits = first.filter(pl.col("admission_class") != "RESIDENT")
    for name in scenario.stays.class_mix:
        inside(truth, visits, pl.col("admission_class") == name, scenario.stays.class_mix[name])


def test_true_overstays(honest, stays, inside):
    scenario, observed, truth = honest
    first, last = (pl.lit(observed.about[day]).str.to_date() for day in ("measure_from", "snapshot"))
    lawful = pl.col("last_lawful_day")
    due = stays.filter((lawful >= first) & (lawful <= last) & (pl.col("status") != "status_changed"))
    gone = pl.col("departed_at").is_not_null() & (pl.col("departed_at").dt.date() <= last)
    over = due.with_columns(
        inside=((lawful < last) & ~gone).fill_null(False),
        outside=(gone & (pl.col("departed_at").dt.date() > lawful)).fill_null(False),
    )
    # Extensions and adjustments (0.8% of admissions with a date) take their share off the overstays.
    found = inside(truth, over, pl.col("inside"), scenario.stays.in_country_overstay)
    other = inside(truth, over, pl.col("outside"), scenario.stays.out_of_country_overstay)
    assert found.numerator > 100
    assert other.numerator > 50


def test_missed_exits(honest, stays, inside):
    scenario, observed, truth = honest
    snapshot = pl.lit(observed.about["snapshot"]).str.to_date()
    departed = stays.filter(
        (pl.col("departed_at").dt.date() <= snapshot) & (pl.col("last_lawful_day") < snapshot)
    )
    other = (pl.col("exit_document_number") != pl.col("document_number")) | (
        pl.col("exit_document_issuer") != pl.col("document_issuer")
    )
    unrecorded = pl.col("exit_id") < 0
    late = pl.col("exit_recorded_at").dt.date() > snapshot
    records = scenario.records
    missed = records.missed_exits
    found = inside(truth, departed, (unrecorded | other | late).fill_null(False), missed)
    assert found.numerator > 100
    inside(truth, departed, unrecorded, missed * records.missed_unrecorded)
    # A slip may fall on either record, and a second passport is needed for the other kind.
    share = records.missed_keying + records.missed_other_document
    inside(truth, departed, (~unrecorded & other).fill_null(False), missed * share)


def test_records_of_others(honest, stays, inside):
    scenario, _, truth = honest
    left = stays.filter((pl.col("exit_id") >= 0) & (pl.col("mode") == "air"))
    recorded = 1.0 - scenario.records.missed_exits * scenario.records.missed_unrecorded
    inside(truth, left, pl.col("exit_source") == "neighbour", scenario.records.neighbour_exits / recorded)


def test_captures(honest, inside):
    scenario, observed, truth = honest
    settings = scenario.captures
    seen = observed.encounters.join(truth.encounters, on="encounter_id").filter(
        (pl.col("source") == "port") & (pl.col("mode") == "air")
    )
    due = seen.filter(pl.col("failure") != "not_attempted")
    willing = due.filter(pl.col("failure") != "opt_out")
    inside(truth, willing, pl.col("template_row") < 0, settings.failure_to_acquire)
    residents = due.filter(pl.col("admission_class") == "RESIDENT")
    inside(truth, residents, pl.col("failure") == "opt_out", settings.opt_out_residents)
    entries = seen.filter(pl.col("direction") == "entry")
    assert (entries["failure"] != "not_attempted").all()  # a camera at every air entry (GAO-22-106154)
    failed = willing.filter(pl.col("template_row") < 0)
    for reason, share in settings.failure_reasons.items():
        inside(truth, failed, pl.col("failure") == reason, share)
    assert (failed["attempts"] == settings.max_attempts).all()
    taken = due.filter(pl.col("template_row") >= 0)
    assert taken["attempts"].is_between(1, settings.max_attempts).all()
    again = taken.filter(pl.col("attempts") > 1)
    assert 0.05 < again.height / taken.height < 0.2  # quality below 10 of 100, which is uniform by rank


def test_exit_cameras_cover_departures(honest):
    """Cameras stand at gates: whole departures are covered or not, so gates are counted."""
    from biomatch.rates import rate

    scenario, observed, _ = honest
    gates = (
        observed.encounters.filter((pl.col("direction") == "exit") & (pl.col("source") == "port"))
        .group_by("movement")
        .agg(pl.col("failure").cast(pl.String) == "not_attempted")
        .with_columns(none=pl.col("failure").list.all(), some=pl.col("failure").list.any())
    )
    assert (gates["none"] == gates["some"]).all()
    low, high = rate(int((~gates["none"]).sum()), gates.height, 0.999).interval
    assert low <= scenario.captures.exit_coverage["air"] <= high


def test_twins(honest, inside):
    scenario, _, truth = honest
    people = truth.people
    travelling = people.join(truth.encounters.select("person_id").unique(), on="person_id")
    inside(truth, travelling, pl.col("twin_id") >= 0, scenario.people.twin_births)
    pairs = people.filter(pl.col("twin_id") >= 0).join(people, left_on="twin_id", right_on="person_id")
    assert pairs.height
    for name in ("birth_date", "family_id", "region"):
        assert (pairs[name] == pairs[f"{name}_right"]).all()
    assert (pairs["twin_id_right"] == pairs["person_id"]).all()


def test_parties_have_the_published_mean(honest):
    from biomatch_synthetic.people import make_parties

    parties = make_parties(honest[0].with_({"travellers": 100_000}), 1)
    assert parties.size.mean() == pytest.approx(1.7, abs=0.1)  # NTTO 2019: 1.7 [V7, V8]
    assert parties.size.sum() == 100_000


def test_hours_follow_the_profile(honest):
    scenario, observed, _ = honest
    shares = np.array(scenario.traffic.hour_shares)
    hours = observed.movements["scheduled"].dt.hour()
    found = np.bincount(hours.to_numpy(), minlength=24) / len(hours)
    # With one or two movements a day a scheduled hour is a mean over its passengers: centres agree.
    assert abs((found * np.arange(24)).sum() - (shares / shares.sum() * (np.arange(24) + 0.5)).sum()) < 0.6


def test_impostors_per_million(enriched, inside):
    scenario, _, truth = enriched
    visits = truth.stays.select("entry_id", "person_id")
    events = truth.subversion.filter(pl.col("kind") == "impostor")["encounter_id"].implode()
    found = inside(truth, visits, pl.col("entry_id").is_in(events), scenario.subversion.impostor * 1e-6)
    assert found.numerator > 30
