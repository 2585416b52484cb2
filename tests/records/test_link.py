"""``bm.link``: what a user's records give, and what may not change it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biomatch as bm
from biomatch.errors import SettingsError, TableError
from biomatch.evaluation.own.face_law import law_of
from biomatch.evaluation.own.truth import judge
from biomatch.overstay.records.run import speaks_from
from biomatch.overstay.records.tables import PIECES
from biomatch.settings.profile import load_profile


def frame(*rows: dict) -> pl.DataFrame:
    return pl.DataFrame(list(rows), infer_schema_length=None)


def one(entry: dict, exit_: dict | None = None, on: str = "2024-12-31", **more):
    """Link one stay; gives its row."""
    base = {"document": "P1", "name": "ROE, ANNA", "class": "B2"}
    exits = frame({"document": "P1", "date": "2030-01-01"} if exit_ is None else {"document": "P1", **exit_})
    found = bm.link(frame({**base, **entry}), exits, on=on, **more)
    return found.stays.row(0, named=True)


def test_a_border_is_linked_as_it_was(border, on):
    world = border(1)
    found = bm.link(world.entries, world.exits, on=on)
    truth = judge(found, world.pairs)
    assert truth.precision.value > 0.995
    assert truth.recall.value > 0.99
    false = (~world.overstay[found.leads["entry_row"].to_numpy() - 1]).sum()
    low, high = found.expected_false_leads.interval
    assert low <= false <= high < len(found.leads)
    missed = world.overstay & ~np.isin(
        np.arange(1, len(world.overstay) + 1), found.leads["entry_row"].to_numpy()
    )
    late = found.stays.filter(pl.col("status") == "out_of_country_overstay")["entry_row"].to_numpy()
    assert missed.sum() - np.isin(np.flatnonzero(missed) + 1, late).sum() <= 3


def test_faces_sharpen_and_are_learnt_without_a_threshold(border, on, tmp_path):
    world = border(2, 700)
    entries, exits = (frame.drop("name", "birth_date") for frame in (world.entries, world.exits))
    np.savez(tmp_path / "F.npz", **world.faces)
    plain = judge(bm.link(entries, exits, on=on), world.pairs)
    faced = bm.link(entries, exits, on=on, faces=tmp_path / "F.npz")
    assert judge(faced, world.pairs).recall.value > plain.recall.value
    assert faced.stays["how_linked"].is_in(["face"]).any()
    both = np.concatenate([world.faces["entries"], world.faces["exits"]])
    again = bm.link(entries, exits, on=on, faces=both)
    assert again.stays.equals(faced.stays)


def _essence(found, rows_of_entries, rows_of_exits):
    """Stays with the rows of the first order of the tables; numbers rounded to what is printed."""
    stays = found.stays.with_columns(
        pl.Series("entry_row", rows_of_entries[found.stays["entry_row"].to_numpy() - 1]),
        pl.Series(
            "exit_row",
            [None if row is None else int(rows_of_exits[row - 1]) for row in found.stays["exit_row"]],
            dtype=pl.Int64,
        ),
    )
    return stays.sort("entry_row").with_columns(pl.selectors.float().round(9))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), names=st.booleans())
def test_order_of_rows_and_names_of_columns_change_nothing(border, on, seed, names):
    world = border(3, people=250)
    first = bm.link(world.entries, world.exits, on=on)
    rng = np.random.default_rng(seed)
    a, b = rng.permutation(len(world.entries)), rng.permutation(len(world.exits))
    entries, exits = world.entries[a], world.exits[b]
    columns = None
    if names:
        entries = entries.rename({"document": "Passport No", "birth_date": "DOB", "class": "colour"})
        exits = exits.rename({"document": "travel document", "date": "departure date"})
        columns = "class=colour"
    again = bm.link(entries, exits, on=on, columns=columns)
    count_a, count_b = np.arange(1, len(a) + 1), np.arange(1, len(b) + 1)
    assert _essence(again, a + 1, b + 1).equals(_essence(first, count_a, count_b))
    assert again.sentence == first.sentence
    assert again.leads["p_overstay"].round(9).equals(first.leads["p_overstay"].round(9))


@settings(max_examples=10, deadline=None)
@given(share=st.floats(0.05, 1.0), seed=st.integers(0, 100))
def test_a_shared_birth_date_is_worth_no_more_than_its_frequency(share, seed):
    rng = np.random.default_rng(seed)
    count = 400
    common = rng.random(count) < share
    born = [
        date(1980, 1, 1) if same else date(1950, 1, 1) + timedelta(days=int(rng.integers(0, 18_000)))
        for same in common
    ]
    entries = pl.DataFrame(
        {
            "document": [f"A{i:05d}" for i in range(count)],
            "date": [date(2024, 1, 1) + timedelta(days=i % 30) for i in range(count)],
            "birth_date": born,
            "class": ["WT"] * count,
        }
    )
    exits = pl.DataFrame(
        {
            "document": [f"Z{i:05d}" for i in range(40)],
            "date": [date(2024, 2, 10)] * 40,
            "birth_date": [date(1980, 1, 1)] * 40,
        }
    )
    links = bm.link(entries, exits, on="2024-12-31").links
    held = max(float(np.mean([day == date(1980, 1, 1) for day in born])), 1 / count)
    agree = links.filter(pl.col("nats_birth_date") > 0)["nats_birth_date"]
    assert (agree <= -np.log(held) + 0.1).all()


def test_a_day_is_the_ports(border):
    entry = {"date": "2024-01-01T10:00-08:00", "permitted_until": "2024-06-30", "port": "LAX"}
    leave = {"date": "2024-07-01T03:30Z", "port": "LAX"}  # 20:30 on 30 June in Los Angeles
    zoned = one(entry, leave, zones=["LAX=America/Los_Angeles"])
    assert (zoned["exit"], zoned["status"]) == (date(2024, 6, 30), "compliant")
    assert zoned["p_overstay"] < 0.01
    utc = one(entry, leave)
    assert (utc["exit"], utc["days_over"]) == (date(2024, 7, 1), 1)
    written = one(entry, {"date": "2024-06-30T20:30-07:00", "port": "LAX"})
    assert (written["exit"], written["status"]) == (date(2024, 6, 30), "compliant")
    everywhere = one(entry, leave, zones=["America/Los_Angeles"])
    assert everywhere["exit"] == date(2024, 6, 30)
    half = one(entry, {"date": "2024-06-30T23:50+05:30", "port": "DEL"})
    assert half["exit"] == date(2024, 6, 30)


@pytest.mark.parametrize("kind", [date, datetime])
def test_typed_columns_are_read_like_text(kind):
    entry, leave = kind(2024, 1, 5), kind(2024, 7, 20)
    assert one({"date": entry}, {"date": leave})["days_over"] == 16  # six months end on 4 July


def test_day_trips_and_visa_runs_of_one_day():
    entries = frame(
        {"document": "A", "date": "2024-03-01", "class": "WT"},  # in and out on one day
        {"document": "B", "date": "2024-01-01", "class": "WT"},  # out and in again on 1 March
        {"document": "B", "date": "2024-03-01", "class": "WT"},
    )
    exits = frame(
        {"document": "A", "date": "2024-03-01"},
        {"document": "B", "date": "2024-03-01"},
        {"document": "B", "date": "2024-03-20"},
    )
    stays = bm.link(entries, exits, on="2024-12-31").stays.sort("document", "entry")
    assert stays["exit"].to_list() == [date(2024, 3, 1), date(2024, 3, 1), date(2024, 3, 20)]
    assert set(stays["status"]) == {"compliant"}


def test_incomplete_records_stop_nothing():
    entries = frame(
        {"document": "P1", "date": "2024-01-01", "class": "Z-9", "sex": "X", "name": "", "birth_date": None,
         "permitted_until": "2024-03-01"},
        {"document": "P2", "date": "2024-01-01", "class": "F-1", "sex": "other", "name": "ROE, A",
         "birth_date": "1980-00-00", "permitted_until": "D/S"},
        {"document": "P3", "date": "2024-01-01", "class": "", "sex": "", "name": "DOE, B",
         "birth_date": "1980-05-05", "permitted_until": "6 months"},
        {"document": "", "date": "2024-01-01", "class": "B2", "sex": "F", "name": "POE, C",
         "birth_date": "1970-05-05", "permitted_until": ""},
    )  # fmt: skip
    found = bm.link(entries, frame({"document": "Q", "date": "2024-02-01"}), on="2024-12-31")
    stays = found.stays.sort("entry_row")
    assert stays["status"].to_list() == [
        "suspected_in_country_overstay",
        "not_yet_due",
        "suspected_in_country_overstay",
        "suspected_in_country_overstay",
    ]
    assert stays["severity"].to_list()[1] == "none"
    assert stays["last_lawful_day"].to_list()[2:] == [date(2024, 6, 30), date(2024, 6, 30)]
    told = " ".join(found.notes)
    for text in ("'Z-9'", "sex other than", "part is unknown", "no document", "no last lawful day"):
        assert text in told


def test_one_person_across_passports(border, on):
    world = border(1)
    found = bm.link(world.entries, world.exits, on=on)
    other = found.stays.filter(pl.col("exit_document") != pl.col("document"))
    assert len(other) > 50
    assert set(other["how_linked"].cast(pl.String)) == {"name"}
    by_document = found.stays.group_by("document").agg(pl.col("person_id").n_unique())
    assert by_document["person_id"].max() == 1
    numbers = pl.concat([found.stays["document"], other["exit_document"]]).str.slice(0, 5)
    assert numbers.n_unique() <= found.stays["person_id"].n_unique() + 60


def test_a_persons_key_serves_without_a_document():
    entries = frame(
        {"uin": "7", "date": "2024-01-01", "class": "B2"}, {"uin": "8", "date": "2024-01-01", "class": "B2"}
    )
    found = bm.link(entries, frame({"uin": "7", "date": "2024-02-01"}), on="2024-12-31")
    assert found.stays.sort("entry_row")["status"].to_list() == ["compliant", "suspected_in_country_overstay"]


def test_extension_decisions():
    filed = {"date": "2024-01-01", "permitted_until": "2024-06-30", "extension_filed_on": "2024-06-01"}
    assert one(filed)["status"] == "status_changed"
    denied = {**filed, "extension_decision": "denied", "extension_decided_on": "2024-08-01"}
    assert one(denied)["status"] == "suspected_in_country_overstay"
    assert one(denied, on="2024-07-15")["status"] == "status_changed"
    granted = {**filed, "extension_decision": "approved", "extended_until": "2025-01-15"}
    assert one(granted)["last_lawful_day"] == date(2025, 1, 15)
    assert one(granted, on="2025-01-20")["days_over"] == 5


def test_unknown_columns_are_carried():
    entries = frame(
        {"document": "P1", "date": "2024-01-01", "class": "B2", "hotel": "Astoria", "status": "x"}
    )
    exits = frame({"document": "P1", "date": "2024-01-20", "hotel": "none"})
    row = bm.link(entries, exits, on="2024-12-31").stays.row(0, named=True)
    assert (row["hotel"], row["own_status"], row["exit_hotel"]) == ("Astoria", "x", "none")


def test_evidence_adds_up(border, on):
    found = bm.link(border(1).entries, border(1).exits, on=on)
    weighed = found.links.filter(pl.col("nats_log_odds").is_not_null())
    total = sum(weighed[f"nats_{piece}"] for piece in PIECES)
    assert (total - weighed["nats_log_odds"]).abs().max() < 1e-9
    steps = found.waterfall(weighed["link"][0])
    assert steps["total"][-1] == pytest.approx(weighed["nats_log_odds"][0])
    document = found.links.filter(pl.col("kind") == "document")["link"][0]
    with pytest.raises(bm.BiomatchError, match="made by one document"):
        found.waterfall(document)


def test_residents_owe_nothing():
    entries = frame(
        {"document": "R", "date": "2024-01-01", "class": "LPR"},
        {"document": "V", "date": "2024-01-01", "class": "B2"},
    )
    found = bm.link(entries, frame({"document": "R", "date": "2024-02-01"}), on="2024-12-31")
    assert found.stays["document"].to_list() == ["V"]
    assert found.links.is_empty()


def test_what_is_later_is_not_used():
    entries = frame(
        {"document": "P", "date": "2024-01-01", "class": "WT"},
        {"document": "Q", "date": "2025-01-01", "class": "WT"},
    )
    exits = frame({"document": "P", "date": "2024-03-01", "received_at": "2025-01-10"})
    found = bm.link(entries, exits, on="2024-12-31")
    assert found.stays["status"].to_list() == ["suspected_in_country_overstay"]
    assert found.counts == {"given": 3, "judged": 3, "rejected": 0, "dated_later": 1, "received_later": 1}
    assert bm.link(entries, exits, on="2025-01-31").stays["status"].to_list()[0] == "compliant"


def test_the_law_of_a_profile(border, on):
    law = law_of(load_profile("visa-border-leader"))
    assert np.all(np.diff(law.values) >= 0)
    assert 0.0 < speaks_from(law) < 0.6
    world = border(2, quality="letters")
    both = np.concatenate([world.faces["entries"], world.faces["exits"]])
    found = bm.link(world.entries, world.exits, on=on, faces=both, profile="visa-border-small")
    assert judge(found, world.pairs).precision.value > 0.9


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"on": "tomorrow"}, "an ISO date"),
        ({"zones": ["LAX=Mars/Olympus"]}, "IANA"),
        ({"rules": "mars"}, "us or eu"),
        ({"columns": "document"}, "document=passport_no"),
        ({"columns": "documant=x"}, "did you mean 'document'"),
        ({"columns": "document=x"}, "no table has a column 'x'"),
        ({"by": ["colour"]}, "class, country, nationality"),
        ({"least": 2.0}, "between 0 and 1"),
        ({"faces": np.zeros((3, 4), dtype=np.float32)}, "3 templates for 2 rows"),
        ({"profile": "nobody"}, "visa-border"),
    ],
)
def test_bad_words_are_refused(change, said):
    entries = frame({"document": "P", "date": "2024-01-01", "class": "WT"})
    exits = frame({"document": "P", "date": "2024-02-01"})
    with pytest.raises((SettingsError, TableError), match=said):
        bm.link(entries, exits, **{"on": "2024-12-31", **change})


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"date": ["2024-01-01"]}, "no column is the document"),
        ({"document": ["P"]}, "no column is the date"),
        ({"document": ["P"], "passport": ["P"], "passport_no": ["Q"], "date": ["2024-01-01"]}, None),
        ({"passport": ["P"], "passport_no": ["Q"], "date": ["2024-01-01"]}, "may both be the document"),
    ],
)
def test_columns_that_cannot_be_told(columns, said):
    exits = frame({"document": "P", "date": "2024-02-01"})
    if said is None:
        assert bm.link(pl.DataFrame(columns), exits, on="2024-12-31").stays.height == 1
        return
    with pytest.raises(TableError, match=said):
        bm.link(pl.DataFrame(columns), exits, on="2024-12-31")
