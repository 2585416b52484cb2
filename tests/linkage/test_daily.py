"""Day by day gives what one pass gives, whatever arrives late, and forgets what is settled."""

from __future__ import annotations

import tempfile
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from biomatch.errors import TableError
from biomatch.overstay.linkage.daily import DailyLinker
from biomatch.overstay.linkage.documents import link_documents
from biomatch.tables.observed import MANIFESTS, MOVEMENTS

START = date(2024, 1, 1)
SAME = ["entry_id", "entry_time", "exit_id", "exit_time", "next_entry_time", "how_linked"]


def stream(make_encounters, seed, count, documents):
    """Records of which a quarter arrive late, up to twenty days; and manifest lines."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        day = float(rng.integers(0, 400)) / 10
        lag = float(rng.exponential(6)) if rng.random() < 0.25 else 0.0
        rows.append(
            {
                "id": number,
                "day": day,
                "received": day + lag,
                "direction": str(rng.choice(["entry", "exit"])),
                "source": str(rng.choice(["port", "port", "port", "neighbour", "manifest"])),
                "document": f"P{rng.integers(documents)}",
                "admission": str(rng.choice(["B2", "RESIDENT"], p=[0.95, 0.05])),
            }
        )
        if rows[-1]["direction"] == "exit" and rng.random() < 0.2:
            rows[-1] |= {"source": "capture", "template": 0}
            if rng.random() < 0.5:
                rows[-1] |= {"document": None, "issuer": None, "admission": None}
    flights = MOVEMENTS.frame(
        {
            "movement": list(range(12)),
            "carrier": ["XX"] * 12,
            "port": ["AAA"] * 12,
            "mode": ["air"] * 12,
            "direction": ["exit"] * 9 + ["entry"] * 3,
            "scheduled": [datetime(2024, 1, 1) + timedelta(days=int(d)) for d in rng.integers(0, 40, 12)],
        }
    )
    size = max(1, count // 4)
    movement = rng.integers(0, 12, size)
    sent = flights["scheduled"].gather(movement).to_list()
    lines = MANIFESTS.frame(
        {
            "movement": movement,
            "document_number": [f"P{d}" for d in rng.integers(documents, size=size)],
            "document_issuer": ["UTO"] * size,
            "seat": ["1A"] * size,
            "received_at": [
                max(datetime(2024, 1, 1), s - timedelta(days=float(rng.exponential(2)))) for s in sent
            ],
        }
    )
    return make_encounters(rows), lines, flights


def replay(linker, encounters, lines, flights, days):
    since = date.min
    for day in days:
        now, said = (
            frame.filter((pl.col(column).dt.date() <= day) & (pl.col(column).dt.date() > since))
            for frame, column in ((encounters, "recorded_at"), (lines, "received_at"))
        )
        linker.advance(day, now, said, flights)
        since = day
        yield day


def run_and_compare(make_encounters, seed, count, documents, step):
    encounters, lines, flights = stream(make_encounters, seed, count, documents)
    days = [START + timedelta(days=d) for d in range(0, 60, step)]
    with tempfile.TemporaryDirectory() as folder:
        linker = DailyLinker(folder)
        for day in replay(linker, encounters, lines, flights, days):
            if (day - START).days % 10 and day != days[-1]:
                continue
            whole = link_documents(encounters, day, manifests=lines, movements=flights)
            ours = linker.links()
            assert ours.stays.select(SAME).equals(whole.stays.select(SAME))
            assert ours.residual_exits["exit_id"].equals(whole.residual_exits["exit_id"])
            here = ours.located(encounters)
            assert here.stays.equals(whole.stays)
            assert here.residual_exits.equals(whole.residual_exits)


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 120),
    documents=st.integers(1, 25),
    step=st.sampled_from([2, 5]),
)
@example(seed=5373, count=85, documents=5, step=2)
def test_equals_one_pass_after_every_day(make_encounters, seed, count, documents, step):
    run_and_compare(make_encounters, seed, count, documents, step)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 200), documents=st.integers(1, 25))
def test_equals_one_pass_day_by_day_at_length(make_encounters, seed, count, documents):
    run_and_compare(make_encounters, seed, count, documents, 1)


def test_memory_is_bounded_by_open_stays_not_by_history(make_encounters, tmp_path):
    """120 documents come and go within two days of each other; three never leave."""
    rows = []
    for number in range(120):
        rows.append({"id": 2 * number, "day": number, "direction": "entry", "document": f"P{number}"})
        if number % 40:
            leaves = {"id": 2 * number + 1, "day": number + 1.5, "direction": "exit"}
            rows.append({**leaves, "document": f"P{number}"})
    encounters = make_encounters(rows)
    linker = DailyLinker(tmp_path / "archive")
    days = [START + timedelta(days=d) for d in range(130)]
    nothing = MANIFESTS.empty(), MOVEMENTS.empty()
    sizes = [len(linker.memory) for _ in replay(linker, encounters, *nothing, days)]
    assert max(sizes) <= 3 + 12  # open stays, and the records of the last few days
    assert sizes[-1] == 3
    whole = link_documents(encounters, days[-1])
    assert linker.links().stays.select(SAME).equals(whole.stays.select(SAME))


def test_an_exit_received_late_revises_an_archived_document(make_encounters, tmp_path):
    rows = [
        {"id": 1, "day": 0, "direction": "entry"},
        {"id": 2, "day": 5, "direction": "entry", "source": "neighbour"},
        {"id": 3, "day": 4, "received": 60, "direction": "exit"},
    ]
    encounters = make_encounters(rows)
    linker = DailyLinker(tmp_path / "archive")
    seen = {}
    days = [START + timedelta(days=d) for d in range(65)]
    for day in replay(linker, encounters, MANIFESTS.empty(), MOVEMENTS.empty(), days):
        links = linker.links().stays.select("exit_id", "how_linked").rows()
        seen[(day - START).days] = (links, len(linker.memory))
    assert seen[4][0] == [(-1, "none")]
    assert seen[30] == ([(2, "neighbour")], 0)
    assert seen[60][0] == [(3, "document")]
    assert seen[64] == ([(3, "document")], 0)


def test_refusals(make_encounters, tmp_path):
    linker = DailyLinker(tmp_path / "archive")
    one = make_encounters([{"id": 1, "day": 3, "direction": "entry"}])
    with pytest.raises(TableError, match="encounter 1 of"):
        linker.advance(START, one)
    linker.advance(START + timedelta(days=3), one)
    with pytest.raises(TableError, match="days in order"):
        linker.advance(START, one)
    early = make_encounters([{"id": 2, "day": 9, "received": 5, "direction": "exit"}])
    with pytest.raises(TableError, match="after its own time"):
        linker.advance(START + timedelta(days=9), early)
    linker.advance(START + timedelta(days=30), one[:0])
    with pytest.raises(TableError, match="not empty"):
        DailyLinker(tmp_path)
