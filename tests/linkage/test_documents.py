"""The document pass against its slow twin, the worked cases, and what it refuses."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.errors import TableError
from biomatch.overstay.linkage import documents
from biomatch.overstay.linkage.documents import link_documents
from biomatch.overstay.linkage.tables import CONTRADICTED, LINKS, RESIDUAL_EXITS
from biomatch.settings.system import LinkageSettings
from biomatch.tables.observed import MANIFESTS, MOVEMENTS

LATER = date(2030, 1, 1)


def slow_twin(encounters, as_of, wait_days=2.0):
    """Walk each document's records one by one; give stays {entry_id: (exit_id, how)} and residual exits."""
    end = datetime.combine(as_of, datetime.min.time()) + timedelta(days=1)
    by_document: dict = {}
    unread = set()
    for row in encounters.sort("time", "encounter_id").iter_rows(named=True):
        if row["recorded_at"] >= end or row["admission_class"] == "RESIDENT":
            continue
        if row["source"] == "capture":
            if row["document_number"] is None:
                unread.add(row["encounter_id"])
                continue
            row["source"] = "port"  # the gate read the document: the port's own record
        by_document.setdefault((row["document_number"], row["document_issuer"]), []).append(row)
    stays, residual = {}, set()
    for rows in by_document.values():
        segments: list[list[dict]] = [[]]
        for row in rows:
            if row["source"] == "port" and row["direction"] == "entry":
                segments.append([row])
            else:
                segments[-1].append(row)
        for number, segment in enumerate(segments):
            entry = segment[0] if number else None
            rest = segment[1:] if number else segment
            exits = [r for r in rest if r["source"] == "port" and r["direction"] == "exit"]
            neighbour = [r for r in rest if r["source"] == "neighbour"]
            manifest = [
                r
                for r in rest
                if r["source"] == "manifest"
                and r["direction"] == "exit"
                and r["time"] + timedelta(days=wait_days) < end
            ]
            found = next(
                (
                    (group[0], how)
                    for group, how in ((exits, "document"), (neighbour, "neighbour"), (manifest, "manifest"))
                    if group
                ),
                None,
            )
            residual |= {r["encounter_id"] for r in exits}
            if entry is None:
                if found:
                    residual.add(found[0]["encounter_id"])
            elif found:
                residual.discard(found[0]["encounter_id"])
                stays[entry["encounter_id"]] = (found[0]["encounter_id"], found[1])
            else:
                how = "implied" if number + 1 < len(segments) else "none"
                stays[entry["encounter_id"]] = (-1, how)
    return stays, residual | unread


def as_dict(links):
    return {row["entry_id"]: (row["exit_id"], row["how_linked"]) for row in links.stays.iter_rows(named=True)}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 60), day=st.integers(0, 70))
def test_equals_the_slow_twin(random_encounters, seed, count, day):
    encounters = random_encounters(seed, count, documents=6)
    as_of = date(2024, 1, 1) + timedelta(days=day)
    links = link_documents(encounters, as_of)
    stays, residual = slow_twin(encounters, as_of)
    assert as_dict(links) == stays
    assert set(links.residual_exits["exit_id"]) == residual
    for schema, frame in (
        (LINKS, links.stays),
        (RESIDUAL_EXITS, links.residual_exits),
        (CONTRADICTED, links.contradicted),
    ):
        schema.check(frame)
    used = len(encounters) - sum(links.unused.values())
    assert used >= len(stays) + len(residual)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), day=st.integers(0, 70))
def test_row_order_and_later_receipts_change_nothing(random_encounters, seed, day):
    encounters = random_encounters(seed, 80, documents=8)
    as_of = date(2024, 1, 1) + timedelta(days=day)
    whole = link_documents(encounters, as_of)
    mixed = link_documents(encounters.sample(fraction=1.0, shuffle=True, seed=seed), as_of)
    assert as_dict(whole) == as_dict(mixed)
    received = encounters.filter(pl.col("recorded_at").dt.date() <= as_of)
    cut = link_documents(received, as_of)
    assert as_dict(whole) == as_dict(cut)
    assert whole.residual_exits["exit_id"].equals(cut.residual_exits["exit_id"])


def test_a_share_of_the_documents_at_a_time_changes_nothing(random_encounters, monkeypatch):
    encounters = random_encounters(5, 200, documents=20)
    whole = link_documents(encounters, LATER)
    monkeypatch.setattr(documents, "_CHUNK", 30)
    parts = link_documents(encounters, LATER)
    assert whole.stays.equals(parts.stays)
    assert whole.residual_exits.equals(parts.residual_exits)


def test_two_documents_with_one_hash_are_told_apart(random_encounters, monkeypatch):
    encounters = random_encounters(6, 200, documents=10)
    honest = link_documents(encounters, LATER)
    order = documents._order

    def colliding(rows, keyed):
        # The hashed key (UInt64) collides for everybody; the exact rank (UInt32) is left alone.
        if keyed["document"].dtype == pl.UInt64:
            keyed = keyed.with_columns(document=pl.lit(7, dtype=pl.UInt64))
        return order(rows, keyed)

    monkeypatch.setattr(documents, "_order", colliding)
    assert link_documents(encounters, LATER).stays.equals(honest.stays)


def test_case_i_an_exit_received_late(make_encounters):
    """A late record: left on 09-20, received on 10-25."""
    encounters = make_encounters(
        [
            {"id": 1, "day": 100, "direction": "entry"},
            {"id": 2, "day": 263, "received": 298, "direction": "exit"},
        ]
    )
    assert as_dict(link_documents(encounters, date(2024, 9, 30))) == {1: (-1, "none")}
    assert link_documents(encounters, date(2024, 9, 30)).unused["received_late"] == 1
    assert as_dict(link_documents(encounters, date(2024, 10, 25))) == {1: (2, "document")}


def test_case_l_entry_entry_exit(make_encounters):
    """The first exit is missing."""
    encounters = make_encounters(
        [
            {"id": 1, "day": 0, "direction": "entry"},
            {"id": 2, "day": 50, "direction": "entry"},
            {"id": 3, "day": 60, "direction": "exit"},
        ]
    )
    links = link_documents(encounters, LATER)
    assert as_dict(links) == {1: (-1, "implied"), 2: (3, "document")}
    assert links.residual_entries["entry_id"].to_list() == [1]
    assert links.stays["next_entry_time"].to_list() == [datetime(2024, 2, 20), None]


@pytest.mark.parametrize("direction", ["entry", "exit"])
def test_case_p_a_land_exit_known_from_the_neighbour(make_encounters, direction):
    """An entry into the neighbour or an exit of ours, as the record may put it."""
    encounters = make_encounters(
        [
            {"id": 1, "day": 0, "direction": "entry"},
            {"id": 2, "day": 9, "direction": direction, "source": "neighbour", "mode": "land"},
        ]
    )
    assert as_dict(link_documents(encounters, LATER)) == {1: (2, "neighbour")}
    alone = link_documents(encounters, LATER, settings=LinkageSettings(use_neighbour=False))
    assert as_dict(alone) == {1: (-1, "none")}
    assert alone.unused["other"] == 1


def test_residents_have_no_stays_and_their_exits_join_nothing(make_encounters):
    encounters = make_encounters(
        [
            {"id": 1, "day": 0, "direction": "entry", "admission": "RESIDENT"},
            {"id": 2, "day": 9, "direction": "exit", "admission": "RESIDENT"},
        ]
    )
    links = link_documents(encounters, LATER)
    assert links.stays.is_empty()
    assert links.residual_exits.is_empty()
    assert links.unused["resident"] == 2


@pytest.fixture
def flights():
    return MOVEMENTS.frame(
        {
            "movement": [1, 2],
            "carrier": ["XX", "XX"],
            "port": ["AAA", "AAA"],
            "mode": ["air", "air"],
            "direction": ["exit", "entry"],
            "scheduled": [datetime(2024, 1, 11), datetime(2024, 1, 15)],
        }
    )


def manifest(*movements, received=datetime(2024, 1, 10)):
    return MANIFESTS.frame(
        {
            "movement": list(movements),
            "document_number": ["P1"] * len(movements),
            "document_issuer": ["UTO"] * len(movements),
            "seat": ["1A"] * len(movements),
            "received_at": [received] * len(movements),
        }
    )


def test_a_manifest_closes_only_after_the_wait_and_only_departures(make_encounters, flights):
    encounters = make_encounters([{"id": 1, "day": 0, "direction": "entry"}])
    declared = {"manifests": manifest(1, 2), "movements": flights}
    assert as_dict(link_documents(encounters, date(2024, 1, 11), **declared)) == {1: (-1, "none")}
    links = link_documents(encounters, date(2024, 1, 13), **declared)
    assert as_dict(links) == {1: (-1, "manifest")}
    assert links.stays["exit_time"].to_list() == [datetime(2024, 1, 11)]
    without = link_documents(encounters, LATER, **declared, settings=LinkageSettings(use_manifest=False))
    assert as_dict(without) == {1: (-1, "none")}
    late = {"manifests": manifest(1, received=datetime(2024, 2, 1)), "movements": flights}
    assert as_dict(link_documents(encounters, date(2024, 1, 20), **late)) == {1: (-1, "none")}


def test_a_ports_own_record_goes_before_the_manifest(make_encounters, flights):
    encounters = make_encounters(
        [{"id": 1, "day": 0, "direction": "entry"}, {"id": 2, "day": 20, "direction": "exit"}]
    )
    links = link_documents(encounters, LATER, manifests=manifest(1), movements=flights)
    assert as_dict(links) == {1: (2, "document")}


def test_refusals_name_the_row(make_encounters):
    encounters = make_encounters(
        [{"id": 3, "day": 0, "direction": "entry"}, {"id": 4, "day": 1, "direction": "exit"}]
    )
    twice = pl.concat([encounters, encounters[1:]])
    with pytest.raises(TableError, match="encounter_id 4 occurs more than once, first in row 1"):
        link_documents(twice, LATER)
    with pytest.raises(TableError, match="lack document_number"):
        link_documents(encounters.drop("document_number"), LATER)
    hole = encounters.with_columns(time=pl.when(pl.col("encounter_id") == 3).then("time"))
    with pytest.raises(TableError, match="'time' of the encounters has 1 empty cells, the first in row 1"):
        link_documents(hole, LATER)
    with pytest.raises(TableError, match="has type"):
        link_documents(encounters.with_columns(pl.col("encounter_id").cast(pl.Int32)), LATER)
