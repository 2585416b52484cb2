"""Article 34 [E8]: each row of the table of retention periods, and the ends of months."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from biomatch.errors import TableError
from biomatch.overstay.rules import eu_retention


def frame(*rows: tuple[str, str | None, str | None, bool | None]) -> pl.DataFrame:
    dates = dict.fromkeys(("entry", "exit", "authorised_until"), pl.Date)
    kinds = {"traveller": pl.String, **dates, "family_member": pl.Boolean}
    days = [[None if d is None else date.fromisoformat(d) for d in row[:3]] for row in rows]
    return pl.DataFrame(
        [("A", *d, row[3]) for d, row in zip(days, rows, strict=True)], schema=kinds, orient="row"
    )


@pytest.mark.parametrize(
    ("row", "until", "warned"),
    [
        (("2026-01-01", "2026-02-01", "2026-03-31", None), "2029-02-01", None),
        (("2026-01-01", None, "2026-03-31", False), "2031-03-31", "2030-12-31"),
        (("2026-01-01", "2026-02-01", "2026-03-31", True), "2027-02-01", None),
        (("2026-01-01", None, "2026-03-31", True), "2031-01-01", "2030-10-01"),
        (("2027-12-01", "2028-02-29", None, None), "2031-02-28", None),
        (("2026-01-01", None, None, None), None, None),
    ],
)
def test_each_period(row, until: str | None, warned: str | None) -> None:
    found = eu_retention.keep_until(frame(row)).row(0)
    assert found == tuple(None if d is None else date.fromisoformat(d) for d in (until, warned))


def test_the_individual_file_outlives_the_last_record_by_a_day() -> None:
    stays = frame(("2026-01-01", "2026-02-01", None, None), ("2026-05-01", "2026-05-09", None, None))
    assert eu_retention.file_until(stays)["file_until"].to_list() == [date(2029, 5, 10)]


def test_the_individual_file_waits_for_an_open_record() -> None:
    stays = frame(("2026-01-01", "2026-02-01", None, None), ("2026-05-01", None, "2026-07-29", None))
    assert eu_retention.file_until(stays)["file_until"].to_list() == [date(2031, 7, 29)]
    unknown = frame(("2026-05-01", None, None, None))
    assert eu_retention.file_until(unknown)["file_until"].to_list() == [None]


def test_without_the_optional_columns() -> None:
    stays = frame(("2026-01-01", "2026-02-01", None, None)).drop("authorised_until", "family_member")
    assert eu_retention.keep_until(stays)["record_until"].to_list() == [date(2029, 2, 1)]
    assert eu_retention.file_until(stays)["file_until"].to_list() == [date(2029, 2, 2)]


def test_bad_frames() -> None:
    with pytest.raises(TableError, match="row 1: the exit is before the entry"):
        eu_retention.keep_until(frame(("2026-01-01", "2025-02-01", None, None)))
    with pytest.raises(TableError, match="lack the column 'traveller'"):
        eu_retention.file_until(frame(("2026-01-01", None, None, None)).drop("traveller"))
