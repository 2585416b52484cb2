"""Biometric exit as the record: who leaves a capture, what it holds, and that nothing else moves."""

import polars as pl
import pytest
from biomatch_synthetic.world import make

from biomatch.errors import SettingsError, TableError
from biomatch.settings.scenario import KINDS, Scenario

EVERYWHERE = {"air": 1.0, "sea": 1.0, "land": 1.0}
FROM = {"air": "2023-10-01", "sea": "2023-10-01", "land": "2024-01-01"}
PARTICULARS = (
    "document_number",
    "document_issuer",
    "claimed_name",
    "birth_date",
    "sex",
    "nationality",
    "admission_class",
)


def made(**changes):
    base = {
        "travellers": 1500, "faces.profile": "visa-border-small", "watchlist.size": 10,
        "records.neighbour_exits": 0.1, "records.missed_exits": 0.05,
        "records.left_by_land_exchanged": 0.5, "captures.failure_to_acquire": 0.0,
        "captures.opt_out_visitors": 0.0, "captures.exit_coverage": EVERYWHERE,
        **{f"subversion.{kind}": 0.0 for kind in KINDS},
    }  # fmt: skip
    return make(Scenario.load("country").with_(base | changes), 5)


@pytest.fixture(scope="module")
def today():
    return made()


@pytest.fixture(scope="module")
def mandatory():
    return made(**{"captures.biometric_exit.record_from": FROM})


def captures(observed):
    return observed.encounters.filter(pl.col("source") == "capture")


def test_without_the_setting_nobody_has_such_a_record(today):
    assert captures(today[0]).is_empty()
    assert "biometric_exit" not in today[0].about


def test_a_capture_holds_a_face_and_no_document(mandatory):
    found = captures(mandatory[0])
    assert found.height > 100
    assert (found["template_row"] >= 0).all()
    assert (found["direction"] == "exit").all()
    assert set(found.select(PARTICULARS).null_count().row(0)) == {found.height}
    mandatory[0].check()


def test_every_departure_from_its_day_on_is_recorded(today, mandatory):
    """With a camera at every gate that never fails, no visitor leaves from then on without a record."""
    observed, truth = mandatory
    exits = observed.encounters.select(exit_id="encounter_id", source="source", out="mode")
    gone = truth.stays.filter(pl.col("departed_at").is_not_null()).join(exits, on="exit_id", how="left")
    begins = pl.col("departed_at").dt.date() >= pl.date(2024, 1, 1)
    assert set(gone.filter(begins)["source"].unique()) == {"port", "capture"}
    before = gone.filter(pl.col("departed_at").dt.date() < pl.date(2023, 10, 1))
    assert "capture" not in before["source"].to_list()
    assert before["source"].null_count() > 0
    by_air = (pl.col("out") == "air") & (pl.col("source") == "capture")
    assert gone.filter(by_air, ~begins).height > 0  # each mode from its own day
    assert gone.filter(pl.col("out") == "land", ~begins, pl.col("source") == "capture").is_empty()
    stayed = ["departed_at", "last_lawful_day", "status"]
    key = ["person_id", *stayed]
    one, other = (world[1].stays.select(key).sort(key) for world in (today, mandatory))
    assert one.equals(other)  # a camera changes what is known, not what happens


def test_all_other_records_stay_what_they_were(today, mandatory):
    key = ["document_number", "document_issuer", "time", "recorded_at", "source", "direction", "port"]
    one = today[0].encounters.select(key).sort(key)
    other = mandatory[0].encounters.filter(pl.col("source") != "capture").select(key).sort(key)
    assert one.equals(other)


def test_a_capture_comes_first_and_is_its_travellers_exit(mandatory):
    observed, truth = mandatory
    found = captures(observed).select("encounter_id", "time", "recorded_at")
    assert ((found["recorded_at"] - found["time"]).dt.total_seconds() == 1).all()
    stays = found.join(truth.stays, left_on="encounter_id", right_on="exit_id")
    assert stays.height == found.height
    assert (stays["departed_at"] == stays["time"]).all()
    # What carrier and neighbour recorded of the same departure still points to the entry.
    told = observed.encounters.filter(pl.col("source").is_in(["manifest", "neighbour"])).select(
        "encounter_id"
    )
    twice = told.join(truth.encounters, on="encounter_id")
    assert (twice["counterpart_id"] >= 0).all()


def test_only_who_passes_a_camera_is_captured():
    counts = []
    for coverage in (0.0, 0.5, 1.0):
        share = {"air": coverage, "sea": coverage, "land": 0.0}
        world = made(**{"captures.biometric_exit.record_from": FROM, "captures.exit_coverage": share})
        counts.append(captures(world[0]).height)
    assert counts[0] == 0
    assert 0.3 * counts[2] < counts[1] < 0.7 * counts[2]


def test_a_failed_camera_leaves_no_record():
    failing = {"captures.failure_to_acquire": 1.0, "captures.biometric_exit.record_from": FROM}
    assert captures(made(**failing)[0]).is_empty()


def test_a_gate_may_read_the_document():
    world = made(
        **{"captures.biometric_exit.record_from": FROM, "captures.biometric_exit.documents_read": 0.5}
    )
    found = captures(world[0])
    read = found.filter(pl.col("document_number").is_not_null())
    assert 0.35 * found.height < read.height < 0.65 * found.height
    assert set(read.select(PARTICULARS).null_count().row(0)) == {0}
    world[0].check()


def test_a_ghost_exit_passes_no_camera():
    observed, truth = made(**{"captures.biometric_exit.record_from": FROM, "subversion.ghost_exit": 50_000.0})
    ghosts = truth.subversion.filter(pl.col("kind") == "ghost_exit")
    assert ghosts.height > 10
    seen = truth.encounters.join(captures(observed).select("encounter_id"), on="encounter_id", how="semi")
    inside = truth.stays.filter(pl.col("departed_at").is_null())
    assert set(ghosts["actor_id"]) <= set(inside["person_id"])
    assert not set(seen["counterpart_id"]) & set(inside["entry_id"])


def test_a_record_without_a_document_is_refused_elsewhere(today):
    from dataclasses import replace

    encounters = today[0].encounters
    blank = pl.when(pl.int_range(pl.len()) == 3).then(None)
    for columns in (["document_number"], ["document_number", "document_issuer"], ["admission_class"]):
        bare = encounters.with_columns(blank.otherwise(pl.col(name)).alias(name) for name in columns)
        with pytest.raises(TableError, match="lacks a document or a class"):
            replace(today[0], encounters=bare).check()


def test_unknown_modes_and_days_are_refused():
    with pytest.raises(SettingsError, match="record_from"):
        Scenario.load("tiny").with_({"captures.biometric_exit.record_from": {"rail": "2024-01-01"}})
    with pytest.raises(SettingsError, match="record_from"):
        Scenario.load("tiny").with_({"captures.biometric_exit.record_from": {"air": "soon"}})
