"""Every worked case of the United States' rules, with its source; d, d2, d3 to their printed digits."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from biomatch.overstay.rules import us, us_report

DATES = (
    "entry",
    "exit",
    "admitted_until",
    "programme_end",
    "extension_filed_on",
    "adjusted_on",
    "satisfactory_departure_until",
    "exit_received_on",
    "next_entry",
)


def d(text: str) -> date:
    return date.fromisoformat(text)


def frame(*stays: dict[str, str]) -> pl.DataFrame:
    rows = [{**s, **{n: d(s[n]) if n in s else None for n in DATES}} for s in stays]
    return pl.DataFrame(rows, schema_overrides=dict.fromkeys(DATES, pl.Date))


def judge(on: str, **stay: str) -> dict[str, object]:
    return us.assess(frame(stay), d(on)).row(0, named=True)


B2 = {"admission_class": "B2", "entry": "2024-03-20", "admitted_until": "2024-09-30"}
EXAMPLE = {"admission_class": "B2", "entry": "2007-07-15", "admitted_until": "2008-01-14"}
VWP = {"admission_class": "WT", "entry": "2024-01-01", "admitted_until": "2024-03-30", "exit": "2024-04-11"}

CASES = [
    (
        "a [S3]",
        {"admission_class": "B2", "entry": "2007-07-15"},
        "2007-12-01",
        {"last_lawful_day": d("2008-01-14"), "status": "not_yet_due"},
    ),
    (
        "b in time [S3]",
        {**EXAMPLE, "exit": "2008-01-14"},
        "2008-09-30",
        {"status": "compliant", "days_over": 0},
    ),
    (
        "b a day late [S3]",
        {**EXAMPLE, "exit": "2008-01-15"},
        "2008-09-30",
        {
            "status": "out_of_country_overstay",
            "days_over": 1,
            "severity": "up_to_180_days",
            "visa_void": True,
        },
    ),
    (
        "c [S14]",
        {"admission_class": "F1", "entry": "2021-08-20", "programme_end": "2024-12-20"},
        "2025-02-18",
        {"last_lawful_day": d("2025-02-18"), "status": "not_yet_due"},
    ),
    (
        "c, the day after",
        {"admission_class": "F1", "entry": "2021-08-20", "programme_end": "2024-12-20"},
        "2025-02-19",
        {"status": "suspected_in_country_overstay", "days_over": 1, "visa_void": False},
    ),
    ("e", B2, "2024-09-30", {"status": "not_yet_due", "expected_departure": True, "fiscal_year": 2024}),
    ("f", B2, "2024-10-01", {"status": "suspected_in_country_overstay", "days_over": 1}),
    ("g", {**B2, "admitted_until": "2024-10-01"}, "2024-09-30", {"fiscal_year": 2025}),
    (
        "i at year end",
        {**B2, "admitted_until": "2024-09-25", "exit": "2024-09-20", "exit_received_on": "2024-10-25"},
        "2024-09-30",
        {"status": "suspected_in_country_overstay", "days_over": 5},
    ),
    (
        "i restated",
        {**B2, "admitted_until": "2024-09-25", "exit": "2024-09-20", "exit_received_on": "2024-10-25"},
        "2024-10-25",
        {"status": "compliant", "days_over": 0},
    ),
    (
        "j",
        {**B2, "extension_filed_on": "2024-09-29"},
        "2024-12-31",
        {"status": "status_changed", "days_over": 0},
    ),
    (
        "j, filed on the last day",
        {**B2, "extension_filed_on": "2024-09-30"},
        "2024-12-31",
        {"status": "status_changed"},
    ),
    (
        "j, filed a day late",
        {**B2, "extension_filed_on": "2024-10-01"},
        "2024-10-31",
        {"status": "suspected_in_country_overstay", "days_over": 31},
    ),
    (
        "k",
        {**B2, "adjusted_on": "2024-11-01"},
        "2024-12-31",
        {"status": "status_changed", "days_over": 0, "expected_departure": True},
    ),
    (
        "k, not yet",
        {**B2, "adjusted_on": "2024-11-01"},
        "2024-10-31",
        {"status": "suspected_in_country_overstay"},
    ),
    (
        "l, first stay",
        {**B2, "next_entry": "2025-01-05"},
        "2025-02-01",
        {"status": "departure_inferred", "days_over": 0},
    ),
    (
        "l, second stay",
        {**B2, "entry": "2025-01-05", "admitted_until": "2025-07-04", "exit": "2025-01-20"},
        "2025-02-01",
        {"status": "compliant"},
    ),
    (
        "o [S10]",
        {**VWP, "satisfactory_departure_until": "2024-04-29"},
        "2024-09-30",
        {"status": "compliant", "days_over": 0},
    ),
    ("o, not granted", VWP, "2024-09-30", {"status": "out_of_country_overstay", "days_over": 12}),
    (
        "o, only for the waiver",
        {**VWP, "admission_class": "B2", "satisfactory_departure_until": "2024-04-29"},
        "2024-09-30",
        {"status": "out_of_country_overstay", "days_over": 12},
    ),
    (
        "o, 30 days at most",
        {**VWP, "exit": "2024-04-30", "satisfactory_departure_until": "2024-06-30"},
        "2024-09-30",
        {"status": "out_of_country_overstay", "days_over": 31},
    ),
    (
        "J-1 [S13]",
        {"admission_class": "J1", "entry": "2024-01-10", "programme_end": "2024-06-30"},
        "2024-07-01",
        {"last_lawful_day": d("2024-07-30")},
    ),
    (
        "M-1 [S6]",
        {"admission_class": "M1", "entry": "2024-01-10", "programme_end": "2024-06-30"},
        "2024-07-01",
        {"last_lawful_day": d("2024-07-30")},
    ),
    (
        "F-1 withdrawn [S14]",
        {
            "admission_class": "F1",
            "entry": "2024-01-10",
            "programme_end": "2024-06-30",
            "programme_ended": "withdrawn",
        },
        "2024-07-01",
        {"last_lawful_day": d("2024-07-15")},
    ),
    (
        "F-1 terminated [S14]",
        {
            "admission_class": "F1",
            "entry": "2024-01-10",
            "programme_end": "2024-06-30",
            "programme_ended": "terminated",
        },
        "2024-07-01",
        {"last_lawful_day": d("2024-06-30"), "status": "suspected_in_country_overstay", "days_over": 1},
    ),
    (
        "D/S without a known end",
        {"admission_class": "F1", "entry": "2024-01-10"},
        "2034-01-01",
        {"last_lawful_day": None, "status": "not_yet_due", "fiscal_year": None, "expected_departure": False},
    ),
    (
        "waiver, 90 days",
        {"admission_class": "WT", "entry": "2024-01-01"},
        "2024-02-01",
        {"last_lawful_day": d("2024-03-30")},
    ),
    ("by land, outside the report [S1]", {**B2, "mode": "land"}, "2024-12-31", {"expected_departure": False}),
    (
        "severity: 180 days [S10]",
        {**B2, "exit": "2025-03-29"},
        "2026-01-01",
        {"days_over": 180, "severity": "up_to_180_days"},
    ),
    (
        "severity: 181 days [S10]",
        {**B2, "exit": "2025-03-30"},
        "2026-01-01",
        {"days_over": 181, "severity": "over_180_days"},
    ),
    (
        "severity: a day short of a year",
        {**B2, "exit": "2025-09-29"},
        "2026-01-01",
        {"severity": "over_180_days"},
    ),
    (
        "severity: a year [S10]",
        {**B2, "exit": "2025-09-30"},
        "2026-01-01",
        {"days_over": 365, "severity": "one_year_or_more"},
    ),
]


@pytest.mark.parametrize(("stay", "on", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_worked_case(stay: dict[str, str], on: str, expected: dict[str, object]) -> None:
    found = judge(on, **stay)
    assert {name: found[name] for name in expected} == expected


def test_case_h_restatement_moves_a_late_departure() -> None:
    """h: in-country at 30 September, exit on 1 December: in-country minus 1, out-of-country plus 1."""
    stays = frame(
        {**B2, "admitted_until": "2024-09-15", "exit": "2024-12-01"},
        {**B2, "exit": "2024-09-01"},
        {**B2, "admitted_until": "2024-10-01"},  # FY2025
    )
    made = us_report.snapshots(stays, 2024, [d("2024-09-30"), d("2024-11-30"), d("2024-12-01")])
    assert made.drop("as_of").rows() == [(2, 1, 0, 1), (2, 1, 0, 1), (2, 1, 1, 0)]


def test_cases_m_n_p_take_the_exit_that_linkage_found() -> None:
    """m, p: a stay closed by an exit on another passport, or by a neighbour's record, is compliant; n: a
    stay whose document's exit was another person's has no exit and stays open. Finding that is linkage's
    part; the rule judges the dates it is handed."""
    linked = {**B2, "exit": "2024-09-10"}
    assert judge("2024-12-31", **linked)["status"] == "compliant"
    assert judge("2024-12-31", **B2)["status"] == "suspected_in_country_overstay"


PUBLISHED = [
    # fiscal year, expected, total, in-country, restated, printed rates: total, in-country, restated; source
    (2024, 46_657_108, 538_548, 482_954, 427_204, ("1.15", "1.04", "0.92"), "S1, S10"),
    (2015, 44_928_381, 527_127, 482_781, 416_500, ("1.17", "1.07", "0.93"), "S9"),
    (2016, 50_437_278, 739_478, 628_799, None, ("1.47", "1.25", None), "S7"),
]


@pytest.mark.parametrize(("year", "expected", "total", "sico", "restated", "printed", "source"), PUBLISHED)
def test_published_rates_to_their_printed_digits(
    year, expected, total, sico, restated, printed, source
) -> None:
    """Cases d, d2, d3."""
    counts = us_report.OverstayCounts(expected, total - sico, sico)
    assert counts.total == total
    assert f"{100 * counts.total_rate.value:.2f}" == printed[0]
    assert f"{100 * counts.in_country_rate.value:.2f}" == printed[1]
    if restated is not None:
        # a departure that arrives late moves from one count to the other, the total stays
        later = us_report.OverstayCounts(expected, total - restated, restated)
        assert f"{100 * later.in_country_rate.value:.2f}" == printed[2]
        assert later.total == total


def test_published_differences() -> None:
    """Out-of-country of FY2024 and FY2016, their shares (2.1), and four digits of our recomputation (d)."""
    fy2024 = us_report.OverstayCounts(46_657_108, 55_594, 482_954)
    assert (fy2024.total, 739_478 - 628_799) == (538_548, 110_679)
    assert f"{100 * fy2024.total_rate.value:.4f}" == "1.1543"
    assert f"{100 * fy2024.in_country_rate.value:.4f}" == "1.0351"
    assert f"{100 * 427_204 / 46_657_108:.4f}" == "0.9156"
    shares = [(527_127 - 482_781) / 527_127, 110_679 / 739_478, 55_594 / 538_548]
    assert [f"{100 * s:.1f}" for s in shares] == ["8.4", "15.0", "10.3"]


def test_published_year_through_rows_in_proportion() -> None:
    """FY2024 at a thousandth of its size, stay by stay through the rule: the printed rates come out."""
    expected, out, in_ = 46_657, 56, 483
    stays = pl.DataFrame(
        {
            "admission_class": ["B2"] * expected,
            "entry": [d("2024-01-10")] * expected,
            "admitted_until": [d("2024-07-09")] * expected,
            "exit": [d("2024-08-01")] * out + [None] * in_ + [d("2024-02-01")] * (expected - out - in_),
        }
    )
    counts = us_report.counts_of_year(us.assess(stays, d("2024-09-30")), 2024)
    assert counts == us_report.OverstayCounts(expected, out, in_)
    assert f"{100 * counts.in_country_rate.value:.2f}" == "1.04"
    assert f"{100 * counts.total_rate.value:.2f}" in ("1.15", "1.16")  # 539 of 46,657 rounds up


def test_a_year_without_expected_departures_has_no_rate() -> None:
    counts = us_report.counts_of_year(us.assess(frame(B2), d("2024-09-30")), 1999)
    assert counts.expected == 0
    assert counts.total_rate.value is None
