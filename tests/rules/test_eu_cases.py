"""Every worked case of the European rule, with its source.

E3: Swiss State Secretariat for Migration, examples 1, 2, 4, 5, 6 (no. 3 is garbled in print and left out).
C2: a public calculator's own tests. The others were verified with sets of days when the facts were collected.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from biomatch.overstay.rules import eu


def d(text: str) -> date:
    return date.fromisoformat(text)


def judge(stays: str, on: str) -> dict[str, object]:
    pairs = [part.split("..") for part in stays.split()]
    frame = pl.DataFrame(
        {
            "traveller": ["A"] * len(pairs),
            "entry": [d(first) for first, _ in pairs],
            "exit": [d(last) if last else None for _, last in pairs],
        },
        schema_overrides={"exit": pl.Date},
    )
    return eu.assess(frame, d(on)).row(0, named=True)


SWISS_5 = "2013-09-01..2013-09-30 2014-02-21..2014-04-20 2014-05-01..2014-06-09"
SWISS_6 = "2013-06-28..2013-08-09 2013-09-19..2014-03-01"
WEEKENDS = " ".join(
    f"{d('2026-01-02') + timedelta(7 * i)}..{d('2026-01-04') + timedelta(7 * i)}" for i in range(26)
)

CASES = [
    ("E3 example 1, length", "2014-08-15..2014-09-30", "2014-09-30", {"used": 47}),
    (
        "E3 example 1, planned entry",
        "2014-08-15..2014-09-30",
        "2015-01-01",
        {"used": 47, "remaining": 43, "may_stay_until": d("2015-03-31")},
    ),
    (
        "E3 example 2",
        "2014-08-15..2014-09-30 2014-11-01..2014-11-30",
        "2014-11-30",
        {"used": 77, "excess": 0, "may_stay_until": d("2014-12-13")},
    ),
    (
        "E3 example 4",
        "2013-06-01..2013-07-13 2013-08-15..2013-09-30 2014-01-01..2014-01-30",
        "2014-01-30",
        {"may_stay_until": d("2014-03-31"), "overstay_days": 0},
    ),
    (
        "E3 example 5, overstay",
        SWISS_5,
        "2014-06-09",
        {"overstay_days": 9, "next_entry": d("2014-08-29"), "may_stay_until": None},
    ),
    (
        "E3 example 5, entry on 2014-08-30",
        SWISS_5,
        "2014-08-30",
        {"may_stay_until": d("2014-10-18"), "next_entry": d("2014-08-30")},
    ),
    ("E3 example 6", SWISS_6, "2014-03-01", {"used": 164, "excess": 74}),
    (
        "7",
        "2026-06-10..2026-06-10",
        "2026-06-15",
        {"used": 1, "remaining": 89, "excess": 0, "overstay_days": 0},
    ),
    (
        "8",
        "2026-01-01..2026-03-31",
        "2026-03-31",
        {"used": 90, "remaining": 0, "excess": 0, "overstay_days": 0, "next_entry": d("2026-06-30")},
    ),
    (
        "9",
        "2026-01-01..2026-04-01",
        "2026-04-01",
        {"used": 91, "remaining": 0, "excess": 1, "overstay_days": 1},
    ),
    ("10", "2026-01-01..2026-04-01", "2026-04-01", {"next_entry": d("2026-07-01")}),
    (
        "11",
        "2026-01-01..2026-03-31 2026-06-30..2026-09-27",
        "2026-09-27",
        {"used": 90, "remaining": 0, "excess": 0, "overstay_days": 0, "next_entry": d("2026-12-27")},
    ),
    (
        "13",
        "2026-03-01..2026-03-10 2026-03-10..2026-03-20",
        "2026-03-20",
        {"used": 20, "remaining": 70, "excess": 0, "overstay_days": 0, "may_stay_until": d("2026-05-29")},
    ),
    (
        "14",
        "2026-03-01..2026-03-20 2026-03-15..2026-04-04",
        "2026-04-04",
        {"used": 35, "remaining": 55, "excess": 0, "overstay_days": 0},
    ),
    ("15, inside the window", "2026-01-01..2026-01-01", "2026-06-29", {"used": 1}),
    ("15, out of the window", "2026-01-01..2026-01-01", "2026-06-30", {"used": 0}),
    ("17 (C2)", "2024-01-01..2024-02-14", "2024-07-01", {"used": 42, "remaining": 48}),
    (
        "18 (C2)",
        "2024-09-01..2024-09-15 2024-11-10..2024-11-25 2024-12-20..2025-01-10",
        "2025-01-15",
        {"used": 53, "remaining": 37},
    ),
    ("20", WEEKENDS, "2026-06-30", {"used": 78, "remaining": 12, "excess": 0, "overstay_days": 0}),
]


@pytest.mark.parametrize(("stays", "on", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_worked_case(stays: str, on: str, expected: dict[str, object]) -> None:
    found = judge(stays, on)
    assert {name: found[name] for name in expected} == expected


def test_excess_and_overstay_days_differ() -> None:
    """Section 1.5: 74 days in excess on the day of the check, but the daily test failed more often."""
    found = judge(SWISS_6, "2014-03-01")
    assert found["excess"] == 74
    # Day by day: the 91st day of presence in a window is 2013-11-05 (43 + 48), and the presence never stops.
    assert found["overstay_days"] == (d("2014-03-01") - d("2013-11-05")).days + 1 == 117


def test_ninety_days_outside_allow_ninety_inside() -> None:
    """E1: 90 uninterrupted days outside always allow a new stay of up to 90 days."""
    found = judge("2025-01-01..2025-12-31", "2026-04-01")
    assert found["may_stay_until"] == d("2026-06-29")
    assert (found["may_stay_until"] - d("2026-04-01")).days + 1 == 90
