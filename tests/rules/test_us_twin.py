"""The vectorised United States rule against its slow twin; bad frames; months and severity."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.errors import TableError
from biomatch.overstay.rules import us, us_classes, us_days, us_report

START = date(2023, 2, 20)
DAY = timedelta(days=1)
KINDS = {
    "admission_class": pl.String,
    "programme_ended": pl.String,
    "mode": pl.String,
    **dict.fromkeys(
        ("entry", "exit", "admitted_until", "programme_end", "extension_filed_on", "adjusted_on"), pl.Date
    ),
    **dict.fromkeys(("satisfactory_departure_until", "exit_received_on", "next_entry"), pl.Date),
}


@st.composite
def stay(draw: st.DrawFn) -> dict[str, object]:
    entry = START + draw(st.integers(0, 400)) * DAY

    def after(most: int) -> date | None:
        return draw(st.one_of(st.none(), st.integers(0, most).map(lambda n: entry + n * DAY)))

    return {
        "admission_class": draw(st.sampled_from(["B2", "WT", "WB", "F1", "J1", "M1"])),
        "entry": entry,
        "exit": after(500),
        "admitted_until": after(300),
        "programme_end": after(300),
        "programme_ended": draw(st.sampled_from([None, None, "completed", "withdrawn", "terminated"])),
        "extension_filed_on": after(300) if draw(st.booleans()) else None,
        "adjusted_on": after(500) if draw(st.booleans()) else None,
        "satisfactory_departure_until": after(200),
        "exit_received_on": after(600),
        "next_entry": after(500),
        "mode": draw(st.sampled_from(["air", "sea", "land"])),
    }


@settings(deadline=None, max_examples=300)
@given(st.lists(stay(), min_size=1, max_size=12), st.integers(-5, 1000))
def test_equals_the_slow_twin(us_twin, stays, offset) -> None:
    on = START + offset * DAY
    found = us.assess(pl.DataFrame(stays, schema=KINDS), on)
    assert found.rows(named=True) == [us_twin(one, on) for one in stays]


@settings(deadline=None, max_examples=60)
@given(st.lists(stay(), min_size=1, max_size=12), st.integers(0, 700))
def test_nothing_received_after_the_date_is_used(stays, offset) -> None:
    """Whatever happened or arrived after the date could be absent without any change."""
    on = START + offset * DAY
    cut = []
    for one in stays:
        late = ("extension_filed_on", "adjusted_on", "next_entry")
        known = {**one, **{n: None for n in late if one[n] and one[n] > on}}
        if one["exit"] and max(one["exit"], one["exit_received_on"] or one["exit"]) > on:
            known["exit"] = known["exit_received_on"] = None
        cut.append(known)
    assert us.assess(pl.DataFrame(cut, schema=KINDS), on).equals(
        us.assess(pl.DataFrame(stays, schema=KINDS), on)
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(stay(), min_size=1, max_size=12), st.lists(st.integers(0, 900), min_size=2, max_size=4))
def test_a_late_departure_never_lowers_the_total(stays, offsets) -> None:
    """S1, S9: overstays of stays without other events only move from in-country to out-of-country."""
    plain = pl.DataFrame(stays, schema=KINDS).with_columns(
        pl.lit(None, pl.Date).alias(n)
        for n in ("extension_filed_on", "adjusted_on", "next_entry", "exit_received_on")
    )
    for year in (2023, 2024):
        dates = sorted(date(year, 9, 30) + n * DAY for n in offsets)
        totals = us_report.snapshots(plain, year, dates)
        assert totals["overstays"].is_sorted()
        assert (totals["expected_departures"] >= totals["overstays"]).all()


def test_only_the_needed_columns() -> None:
    bare = pl.DataFrame(
        {"admission_class": ["WT"], "entry": [START], "exit": [None]}, schema_overrides={"exit": pl.Date}
    )
    assert us.assess(bare, START).row(0)[:2] == (START + 89 * DAY, "not_yet_due")
    other = us.UsRules(**{**vars(us.RULES), "waiver_counts_entry": False})
    assert us.assess(bare, START, other).row(0)[0] == START + 90 * DAY


def test_classes_may_come_as_the_tables_hold_them() -> None:
    from biomatch.tables.observed import CLASSES

    known = [c for c in CLASSES if c != "RESIDENT"]  # a resident owes no departure
    frame = pl.DataFrame(
        {"admission_class": known, "entry": [START] * len(known), "exit": [START] * len(known)}
    ).with_columns(pl.col("admission_class").cast(pl.Enum(CLASSES)), admitted_until=pl.lit(START))
    assert (us.assess(frame, START)["status"] == "compliant").all()


def test_an_empty_table_gives_an_empty_result() -> None:
    assert len(us.assess(pl.DataFrame(schema=KINDS), START)) == 0
    assert us_report.annual_table(us.assess(pl.DataFrame(schema=KINDS), START)).is_empty()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"exit": [START - DAY]}, "row 1: the exit is before the entry"),
        ({"entry": [None]}, "row 1: no entry date"),
        ({"admission_class": ["Z9"]}, "row 1: class 'Z9' is unknown"),
        ({"admission_class": ["RESIDENT"]}, "row 1: class 'RESIDENT'"),
        ({"admission_class": ["H1B"]}, "row 1: class H1B without a date"),
        (
            {"admission_class": ["F1"], "programme_ended": ["expelled"]},
            "row 1: programme_ended is 'expelled'",
        ),
        ({"exit": [date(9999, 12, 31)]}, "row 1: exit is out of range"),
        ({"adjusted_on": ["2024-01-01"]}, "column 'adjusted_on' of the stays is String"),
    ],
)
def test_bad_frames(change: dict[str, list[object]], message: str) -> None:
    columns = {"admission_class": ["B2"], "entry": [START], "exit": [None], **change}
    with pytest.raises(TableError, match=message):
        us.assess(pl.DataFrame(columns, schema_overrides={"exit": pl.Date, "entry": pl.Date}), START)


@pytest.mark.parametrize(
    ("entry", "months", "last"),
    [
        ("2007-07-15", 6, "2008-01-14"),  # S3
        ("2024-01-01", 6, "2024-06-30"),
        ("2024-02-29", 12, "2025-02-27"),
        ("2023-08-31", 6, "2024-02-28"),  # assumed: the month's last day, then one day less
        ("2024-03-01", 12, "2025-02-28"),
    ],
)
def test_calendar_months(entry: str, months: int, last: str) -> None:
    assert str(us_days.last_day_of_months([entry], months)[0]) == last


def test_a_pending_filing_tolls_only_the_shorter_bar() -> None:
    """S10: up to 120 days, for the 3-year bar alone."""
    last = np.full(4, us_days.number(date(2024, 1, 1)), dtype=np.int32)
    end = last + np.array([181, 300, 301, 366], dtype=np.int32)
    found = us_days.severities(last, end, tolled=np.array([1, 500, 500, 500], dtype=np.int32))
    names = [us_days.SEVERITIES[code] for code in found]
    assert names == ["up_to_180_days", "up_to_180_days", "over_180_days", "one_year_or_more"]


@pytest.mark.parametrize(
    ("text", "code"),
    [("B-2", "B2"), ("b2", "B2"), ("H-1B", "H1B"), ("f 1", "F1"), ("WT", "WT"), ("TN", "TN")],
)
def test_spellings(text: str, code: str) -> None:
    assert us_classes.class_code(text) == code


@pytest.mark.parametrize(("text", "message"), [("H1X", "H1B"), ("LPR", "owes no departure"), ("", "unknown")])
def test_unknown_classes(text: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        us_classes.class_code(text)


def test_annual_table_by_class() -> None:
    made = pl.DataFrame(
        {
            "admission_class": ["B2", "B2", "WT"],
            "entry": [START] * 3,
            "exit": [None, None, START],
            "admitted_until": [date(2023, 8, 1), date(2023, 10, 1), date(2023, 8, 1)],
        }
    )
    results = us.assess(made, date(2023, 12, 31)).with_columns(made["admission_class"])
    assert us_report.annual_table(results, by=["admission_class"]).rows() == [
        (2023, "B2", 1, 1, 0, 1),
        (2023, "WT", 1, 0, 0, 0),
        (2024, "B2", 1, 1, 0, 1),
    ]
    with pytest.raises(TableError, match="lack the column 'port'"):
        us_report.annual_table(results, by=["port"])
    assert np.issubdtype(us_report.annual_table(results)["overstays"].to_numpy().dtype, np.int64)


def test_a_year_that_still_runs_says_what_was_due() -> None:
    """Four departures are expected of FY2024, one of them was due by 31 December 2023, and overstayed."""
    until = [date(2023, 12, 1), date(2023, 12, 31), date(2024, 3, 1), date(2024, 9, 30)]
    made = pl.DataFrame(
        {"admission_class": ["B2"] * 4, "entry": [START] * 4, "exit": [None] * 4, "admitted_until": until},
        schema_overrides={"exit": pl.Date},
    )
    on = date(2023, 12, 31)
    results = us.assess(made, on)
    table = us_report.annual_table(results, on=on)
    assert table.rows() == [(2024, 4, 1, 0, 1, 1)]
    counts = us_report.OverstayCounts(4, 0, 1, 1)
    assert str(counts).startswith("1 overstay in 4 expected departures, of which 1 due so far: 1 (1 of 1;")
    assert counts.to_json()["due_so_far"] == 1
    assert str(us_report.OverstayCounts(4, 0, 1, 4)).startswith("1 overstay in 4 expected departures: 0.25 (")
    with pytest.raises(TableError, match="last_lawful_day"):
        us_report.annual_table(results.drop("last_lawful_day"), on=on)


@settings(deadline=None, max_examples=60)
@given(st.lists(stay(), min_size=1, max_size=12), st.integers(0, 900))
def test_every_overstay_was_due(stays, offset) -> None:
    on = START + offset * DAY
    table = us_report.annual_table(us.assess(pl.DataFrame(stays, schema=KINDS), on), on=on)
    assert (table["overstays"] <= table["due_so_far"]).all()
    assert (table["due_so_far"] <= table["expected_departures"]).all()


@pytest.mark.parametrize(
    ("kind", "until", "severity"),
    [
        ("F1", None, "none"),  # duration of status: nothing accrues without a finding [S10]
        ("F1", START + 60 * DAY, "over_180_days"),  # admitted until a date
        ("B2", START + 60 * DAY, "over_180_days"),
    ],
)
def test_nothing_accrues_in_duration_of_status(kind, until, severity) -> None:
    made = pl.DataFrame(
        {
            "admission_class": [kind], "entry": [START], "exit": [None], "admitted_until": [until],
            "programme_end": [START],
        },
        schema_overrides={"exit": pl.Date, "admitted_until": pl.Date},
    )  # fmt: skip
    (found,) = us.assess(made, START + 300 * DAY).iter_rows(named=True)
    assert found["status"] == "suspected_in_country_overstay"
    assert (found["severity"], found["visa_void"]) == (severity, until is not None)
