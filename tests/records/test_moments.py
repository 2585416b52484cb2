"""Moments of records of which only the day is known: against a slow twin, one document at a time."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.overstay.records.times import FIRST_HOUR, LAST_HOUR, dense_codes, moments
from biomatch.tables.schema import Time

row = st.tuples(
    st.sampled_from(["", "A", "B", "C"]),
    st.sampled_from(["entry", "exit"]),
    st.integers(0, 3),
    st.one_of(st.none(), st.integers(0, 23)),
)


def slow_moments(rows):
    """Go through each document's days and remember whether its holder was inside."""
    found = [None] * len(rows)
    for key in {row[0] for row in rows}:
        inside = False
        for day in range(4):
            here = [at for at, row in enumerate(rows) if row[0] == key and row[2] == day]
            comes = sum(rows[at][1] == "entry" for at in here)
            leaves = len(here) - comes
            turn = {"entry": 0, "exit": 0}
            for at in here:
                direction, clock = rows[at][1], rows[at][3]
                if clock is not None:
                    minute = 60 * clock
                else:
                    first = (direction == "entry") != inside
                    if comes and leaves:
                        minute = FIRST_HOUR * 60 + 2 * turn[direction] + (0 if first else 1)
                    else:
                        minute = (FIRST_HOUR if direction == "entry" else LAST_HOUR) * 60 + turn[direction]
                    turn[direction] += 1
                found[at] = datetime.combine(date(2024, 1, 1 + day), time()) + timedelta(minutes=minute)
            if comes != leaves:
                inside = comes > leaves
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(row, max_size=14))
def test_made_moments_are_those_of_the_slow_twin(rows):
    days = [date(2024, 1, 1 + row[2]) for row in rows]
    clocks = [
        None if row[3] is None else datetime.combine(day, time(row[3]))
        for row, day in zip(rows, days, strict=True)
    ]
    frame = pl.DataFrame(
        {
            "code": pl.Series(dense_codes(pl.Series([row[0] for row in rows], dtype=pl.String))),
            "direction": pl.Series([row[1] for row in rows], dtype=pl.String),
            "day": pl.Series(days, dtype=pl.Date),
            "clock": pl.Series(clocks, dtype=Time),
            "zone": pl.Series([None] * len(rows), dtype=pl.String),
        }
    )
    assert moments(frame).to_list() == slow_moments(rows)
