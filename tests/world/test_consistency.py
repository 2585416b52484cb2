"""Invariants of every world, whatever its settings."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from biomatch_synthetic.world import make
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.settings.scenario import KINDS, Scenario

share = st.sampled_from([0.0, 0.05, 0.5, 1.0])


@st.composite
def scenarios(draw):
    """Draw small scenarios, most of them unlike any country."""
    air = draw(st.sampled_from([0.0, 0.5, 1.0]))
    at_port = draw(st.sampled_from([0.0, 0.5, 1.0]))
    per_million = st.sampled_from([0.0, 20_000.0, 200_000.0])
    return Scenario.load("tiny").with_(
        {
            "travellers": draw(st.integers(1, 150)), "days": draw(st.integers(60, 500)), "warm_up_days": 10,
            "restatement_days": draw(st.integers(0, 40)), "watchlist.size": draw(st.integers(0, 20)),
            "traffic.mode_shares": {"air": air, "land": 1.0 - air},
            "traffic.resident_share": draw(st.sampled_from([0.0, 0.4, 0.95])),
            "traffic.further_journeys": draw(st.sampled_from([0.0, 0.2, 3.0])),
            "traffic.journey_gap_days": draw(st.sampled_from([1.0, 40.0])),
            "stays.in_country_overstay": draw(st.sampled_from([0.0, 0.01, 0.4])),
            "stays.out_of_country_overstay": draw(st.sampled_from([0.0, 0.01, 0.4])),
            "stays.extension": draw(st.sampled_from([0.0, 0.3])),
            "stays.early_end": draw(st.sampled_from([0.0, 0.5])),
            "stays.adjustment": draw(st.sampled_from([0.0, 0.3])),
            "stays.satisfactory_departure": draw(st.sampled_from([0.0, 0.3])),
            "records.missed_exits": draw(st.sampled_from([0.0, 0.01, 0.5])),
            "records.manifest_only": draw(share), "records.no_shows": draw(share),
            "records.neighbour_exits": draw(share), "records.left_by_land_at_port": at_port,
            "records.left_by_land_exchanged": draw(st.sampled_from([0.0, 0.5, 1.0])) * (1.0 - at_port),
            "records.departures_delayed_days": draw(st.sampled_from([0.0, 30.0])),
            "records.name_errors": draw(share), "records.birth_date_errors": draw(share),
            "documents.second_passports": draw(share), "documents.renewals_a_year": draw(share),
            "documents.photo_missing": draw(share), "captures.failure_to_acquire": draw(share),
            "captures.max_attempts": draw(st.integers(1, 7)),
            "captures.retry_below": draw(st.sampled_from([0.0, 50.0, 100.0])),
            **{f"subversion.{kind}": draw(per_million) for kind in KINDS},
        }
    )  # fmt: skip


@settings(max_examples=40)
@given(scenario=scenarios(), seed=st.integers(0, 2**32 - 1))
def test_drawn_worlds_hold_together(scenario, seed):
    check(scenario, *make(scenario, seed))


def test_the_enriched_world_holds_together(enriched):
    check(*enriched)


def test_the_honest_world_holds_together(honest):
    check(*honest)


def check(scenario, observed, truth):
    observed.check()
    truth.check()
    everything = observed.encounters.join(truth.encounters, on="encounter_id", how="full", coalesce=True)
    assert everything.height == observed.encounters.height == truth.encounters.height
    check_times(scenario, observed, everything)
    check_pairs(everything)
    check_stays(truth, everything)
    check_documents(observed, truth, everything)
    check_captures(scenario, observed, everything)
    check_events(observed, truth, everything)


def check_times(scenario, observed, e):
    days = (e["time"].dt.date() >= scenario.first_day) & (e["time"].dt.date() <= scenario.last_day)
    assert days.all()
    assert (e["recorded_at"] >= e["time"]).all()
    permitted = e.filter(pl.col("permitted_until").is_not_null())
    assert (permitted["direction"] == "entry").all()
    assert (permitted["permitted_until"] >= permitted["time"].dt.date() - timedelta(days=1)).all()
    dated = e.filter(
        (pl.col("direction") == "entry")
        & ~pl.col("admission_class").cast(pl.String).is_in(["RESIDENT", "F1", "J1", "M1"])
    )
    assert dated["permitted_until"].is_not_null().all()
    carried = e.filter(pl.col("movement") >= 0).join(
        observed.movements, on="movement", how="left", suffix="_of"
    )
    assert carried["scheduled"].is_not_null().all()
    for name in ("port", "mode", "direction"):
        assert (carried[name] == carried[f"{name}_of"]).all(), name
    assert (e.filter(pl.col("mode") == "land")["movement"] == -1).all()
    assert (e.filter((pl.col("mode") != "land") & (pl.col("source") == "port"))["movement"] >= 0).all()
    assert (e.filter(pl.col("source") == "neighbour")["mode"] == "land").all()
    assert (e.filter(pl.col("source") != "port")["direction"] == "exit").all()


def check_pairs(e):
    paired = e.filter(pl.col("counterpart_id") >= 0)
    both = paired.join(paired, left_on="counterpart_id", right_on="encounter_id", suffix="_of")
    assert both.height == paired.height
    assert (both["counterpart_id_of"] == both["encounter_id"]).all()
    assert (both["person_id"] == both["person_id_of"]).all()
    assert (both["journey_id"] == both["journey_id_of"]).all()
    assert (both["direction"] != both["direction_of"]).all()
    visitors = both.filter((pl.col("direction") == "entry") & (pl.col("admission_class") != "RESIDENT"))
    assert (visitors["time"] < visitors["time_of"]).all()
    residents = both.filter((pl.col("direction") == "exit") & (pl.col("admission_class") == "RESIDENT"))
    assert (residents["time"] < residents["time_of"]).all()
    assert (e["journey_id"].value_counts()["count"] <= 2).all()


def check_stays(truth, e):
    entries = e.filter(
        (pl.col("direction") == "entry")
        & (pl.col("source") == "port")
        & (pl.col("admission_class") != "RESIDENT")
    )
    assert set(entries["encounter_id"]) == set(truth.stays["entry_id"])
    stays = truth.stays.join(
        e.select("encounter_id", "time", "counterpart_id"), left_on="entry_id", right_on="encounter_id"
    )
    assert (stays["exit_id"] == stays["counterpart_id"]).all()
    gone = stays.filter(pl.col("departed_at").is_not_null())
    assert (gone["departed_at"] > gone["time"]).all()
    assert stays.filter(pl.col("exit_id") >= 0)["departed_at"].is_not_null().all()
    last = date.fromisoformat(str(truth.scenario["first_day"])) + timedelta(days=truth.scenario["days"] - 1)
    status = stays["status"].cast(pl.String)
    inside = stays.filter(status == "in_country_overstay")
    assert inside["departed_at"].is_null().all()
    assert (inside["last_lawful_day"] < last).all()
    outside = stays.filter(status == "out_of_country_overstay")
    assert (outside["departed_at"].dt.date() > outside["last_lawful_day"]).all()
    for name in ("compliant",):
        fine = stays.filter((status == name) & pl.col("last_lawful_day").is_not_null())
        assert (fine["departed_at"].dt.date() <= fine["last_lawful_day"]).all()
    waiting = stays.filter((status == "not_yet_due") & pl.col("last_lawful_day").is_not_null())
    assert (waiting["last_lawful_day"] >= last).all()


def check_documents(observed, truth, e):
    key = ["number", "issuer"]
    assert set(observed.documents.select(key).iter_rows()) == set(truth.documents.select(key).iter_rows())
    holders = truth.documents.rename(
        {"number": "document_number", "issuer": "document_issuer", "person_id": "holder"}
    )
    shown = e.join(holders, on=["document_number", "document_issuer"], how="left")
    right = shown.filter(pl.col("holder").is_not_null())
    assert (right["holder"] == right["claimed_person_id"]).all()
    # What cannot be found is mistyped, and that is rare unless it was asked for.
    if truth.scenario["records"]["missed_exits"] <= 0.01:
        assert right.height >= 0.9 * shown.height - 5
    assert (observed.documents["issued"] < observed.documents["expires"]).all()
    assert (observed.documents["issued"] > observed.documents["birth_date"]).all()
    lines = observed.manifests.join(observed.movements, on="movement", how="left")
    assert lines["scheduled"].is_not_null().all()
    people = set(truth.people["person_id"])
    assert set(truth.documents["person_id"]) <= people
    assert set(truth.encounters["person_id"]) - {-1} <= people
    assert set(truth.people["twin_id"]) - {-1} <= people


def check_captures(scenario, observed, e):
    lengths = np.linalg.norm(observed.templates.astype(np.float64), axis=1)
    assert np.allclose(lengths, 1.0, atol=1e-5)
    taken = e["failure"] == "none"
    assert ((e["template_row"] >= 0) == taken).all()
    assert (e["quality"].is_not_null() == taken).all()
    tried = e["failure"] != "not_attempted"
    assert (e["camera"].is_not_null() == tried).all()
    assert (e.filter(tried)["source"] == "port").all()
    counted = ~e["failure"].cast(pl.String).is_in(["not_attempted", "opt_out"])
    assert (e.filter(counted)["attempts"] >= 1).all()
    assert (e.filter(~counted)["attempts"] == 0).all()
    assert e["attempts"].max() is None or e["attempts"].max() <= scenario.captures.max_attempts
    rows = pl.concat(
        [table["template_row"] for table in (observed.encounters, observed.documents, observed.watchlist)]
    )
    used = rows.filter(rows >= 0)
    assert used.n_unique() == len(used) == len(observed.templates)


def check_events(observed, truth, e):
    events = truth.subversion.join(e, on="encounter_id", how="left")
    assert (events["encounter_id"] >= 0).all()
    assert events["time"].is_not_null().all()
    # Who stands there on another's document is in the table, and nobody else.
    deceived = e.filter(pl.col("person_id") != pl.col("claimed_person_id"))
    assert set(deceived["encounter_id"]) <= set(events["encounter_id"])
    assert set(truth.watchlist["reference"]) == set(observed.watchlist["reference"])
    filed = observed.status_events
    if filed.height:
        granted = filed.filter(pl.col("kind") == "extension_granted")
        assert (granted["until"] > granted["date"] - timedelta(days=200)).all()
        last = date.fromisoformat(str(observed.about["last_day"]))
        assert (filed["date"] <= last).all()


def test_names_are_those_of_the_document(tiny):
    observed, _truth = tiny
    shown = observed.encounters.join(
        observed.documents, left_on=["document_number", "document_issuer"], right_on=["number", "issuer"]
    )
    same = shown["claimed_name"] == shown["holder_name"]
    assert same.mean() > 0.98
    assert (shown["sex"] == shown["sex_right"]).all()
    assert shown["claimed_name"].str.contains(", ").all()


def test_same_person_scores_higher_than_strangers(tiny):
    observed, truth = tiny
    seen = observed.encounters.join(truth.encounters, on="encounter_id").filter(pl.col("template_row") >= 0)
    pairs = seen.filter(pl.col("direction") == "entry").join(
        seen.filter(pl.col("direction") == "exit"), on="journey_id", suffix="_of"
    )
    faces = observed.templates
    mated = (faces[pairs["template_row"]] * faces[pairs["template_row_of"]]).sum(axis=1)
    others = (faces[pairs["template_row"]] * faces[np.roll(pairs["template_row_of"].to_numpy(), 7)]).sum(
        axis=1
    )
    assert len(mated) > 50
    assert np.median(mated) > 0.7
    assert np.quantile(others, 0.95) < 0.4


@pytest.mark.parametrize("seed", [2**32, 2**32 + 17])
def test_training_seeds_are_accepted(seed):
    observed, _ = make(Scenario.load("tiny").with_({"travellers": 20}), seed)
    assert "seed" not in observed.about
