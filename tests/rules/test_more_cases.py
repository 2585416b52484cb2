"""Cases beyond the published ones, through ``biomatch stays``: leap days, month ends, day trips, passports.

European: [E1] counts calendar days in [d - 179, d]; the numbers are those of a brute force over sets of days,
kept apart from the code. United States: sections 1.1 and 1.2 of the rules, sources named by the case.
"""

from __future__ import annotations

import json

import pytest

import biomatch.cli

DAY_TRIPS = "\n".join(
    f"A,2026-{m:02d}-{d:02d},2026-{m:02d}-{d:02d}" for m in range(1, 7) for d in range(1, 17)
)
EU = [
    # rows, on, (used, remaining, excess, overstay_days, may_stay_until, next_entry)
    ("a leap February", "A,2023-12-01,2024-02-28", "2024-02-29", (90, 0, 0, 0, None, "2024-05-29")),
    ("the leap day is one too many", "A,2023-12-01,2024-02-29", "2024-02-29",
     (91, 0, 1, 1, None, "2024-05-30")),
    ("without a leap day", "A,2022-12-01,2023-03-01", "2023-03-01", (91, 0, 1, 1, None, "2023-05-31")),
    ("180 days over a leap day, seen from the last", "A,2023-09-03,2023-09-03\nA,2024-02-29,2024-02-29",
     "2024-02-29", (2, 88, 0, 0, "2024-05-28", "2024-03-01")),
    ("the same before the last day", "A,2023-09-03,2023-09-03\nA,2024-02-29,2024-02-29", "2024-02-28",
     (1, 89, 0, 0, "2024-05-27", "2024-02-28")),
    ("inside over the new year, last day", "A,2025-10-20,", "2026-01-17",
     (90, 0, 0, 0, "2026-01-17", "2026-04-18")),
    ("inside over the new year, a day too long", "A,2025-10-20,", "2026-01-18",
     (91, 0, 1, 1, None, "2026-04-19")),
    ("day trips: excess and overstay days differ", DAY_TRIPS, "2026-06-30",
     (95, 0, 5, 6, None, "2026-07-06")),
    ("a day trip after 89 days outside", "A,2026-01-01,2026-03-31\nA,2026-06-29,2026-06-29", "2026-06-29",
     (91, 0, 1, 1, None, "2026-07-01")),
    ("three passports, one within another",
     "A,2026-01-01,2026-03-20\nA,2026-02-01,2026-02-10\nA,2026-03-20,2026-04-05", "2026-04-05",
     (95, 0, 5, 5, None, "2026-07-05")),
    ("out and in on one day", "A,2026-01-01,2026-02-14\nA,2026-02-14,2026-03-31", "2026-03-31",
     (90, 0, 0, 0, "2026-03-31", "2026-06-30")),
    ("out on one day, in on the next", "A,2026-01-01,2026-02-14\nA,2026-02-15,2026-04-01", "2026-04-02",
     (91, 0, 1, 1, None, "2026-07-01")),
]  # fmt: skip
EU_KEYS = ("used", "remaining", "excess", "overstay_days", "may_stay_until", "next_entry")
US_HEAD = "traveller,class,entry,exit,admitted_until,programme_end,extension_filed_on,programme_ended,mode"
COMPLIANT, DUE, IN, OUT = (
    "compliant", "not_yet_due", "suspected_in_country_overstay", "out_of_country_overstay",
)  # fmt: skip
US = [
    # row, on, (last_lawful_day, status, days_over, fiscal_year, expected_departure)
    ("months from a 31st [S3]", "B2,2024-01-31,2024-07-30,,,,,", "2024-09-30",
     ("2024-07-30", COMPLIANT, 0, 2024, True)),
    ("months into a leap February", "B2,2023-08-29,2024-02-29,,,,,", "2024-09-30",
     ("2024-02-28", OUT, 1, 2024, True)),
    ("from a 31st into February: its last day, less one (assumed)", "B2,2023-08-31,,,,,,", "2024-02-29",
     ("2024-02-28", IN, 1, 2024, True)),
    ("a year from a leap day", "B2,2024-02-29,,12 months,,,,", "2025-02-28",
     ("2025-02-27", IN, 1, 2025, True)),
    ("a month over the new year", "B1,2023-12-15,2024-01-15,1 month,,,,", "2024-09-30",
     ("2024-01-14", OUT, 1, 2024, True)),
    ("last day 30 September: that fiscal year", "H-1B,2022-10-01,,2024-09-30,,,,", "2024-09-30",
     ("2024-09-30", DUE, 0, 2024, True)),
    ("1 October: the next", "H-1B,2022-10-01,2024-10-02,2024-10-01,,,,", "2024-12-31",
     ("2024-10-01", OUT, 1, 2025, True)),
    ("waiver over a leap day [S10, S12]", "WT,2023-12-02,,,,,,", "2024-03-01",
     ("2024-02-29", IN, 1, 2024, True)),
    ("waiver may not file [S12]", "WT,2024-01-01,,,,2024-03-01,,", "2024-03-31",
     ("2024-03-30", IN, 1, 2024, True)),
    ("in and out on one day", "B1,2024-02-29,2024-02-29,2024-02-29,,,,", "2024-02-29",
     ("2024-02-29", COMPLIANT, 0, 2024, True)),
    ("F-1 completed: 60 days [S6, S14]", "F-1,2023-08-20,,D/S,2024-05-15,,completed,", "2024-07-15",
     ("2024-07-14", IN, 1, 2024, True)),
    ("F-1 withdrawn: 15 [S14]", "F-1,2023-08-20,2024-05-31,D/S,2024-05-15,,Withdrawn,", "2024-07-15",
     ("2024-05-30", OUT, 1, 2024, True)),
    ("F-1 terminated: none [S14]", "F-1,2023-08-20,2024-05-16,D/S,2024-05-15,,terminated,", "2024-07-15",
     ("2024-05-15", OUT, 1, 2024, True)),
    ("J-1 over the end of February: 30 days [S13]", "J-1,2023-08-20,2024-03-01,D/S,2024-01-31,,,",
     "2024-09-30", ("2024-03-01", COMPLIANT, 0, 2024, True)),
    ("D/S, filed within the grace [S5]", "F-1,2023-08-20,,D/S,2024-05-15,2024-07-14,,", "2024-12-31",
     ("2024-07-14", "status_changed", 0, 2024, True)),
    ("D/S, filed a day after it", "F-1,2023-08-20,,D/S,2024-05-15,2024-07-15,,", "2024-12-31",
     ("2024-07-14", IN, 170, 2024, True)),
    ("filed in time, not yet at the snapshot", "B2,2024-03-20,,2024-09-30,,2024-09-29,,", "2024-09-28",
     ("2024-09-30", DUE, 0, 2024, True)),
    ("filed in time, left in time", "B2,2024-03-20,2024-09-30,2024-09-30,,2024-09-01,,", "2024-12-31",
     ("2024-09-30", COMPLIANT, 0, 2024, True)),
    ("filed in time, left later [S5]", "B2,2024-03-20,2024-11-30,2024-09-30,,2024-09-01,,", "2024-12-31",
     ("2024-09-30", "status_changed", 0, 2024, True)),
    ("by land: outside the report [S1]", "B2,2024-01-01,,2024-06-30,,,,land", "2024-07-01",
     ("2024-06-30", IN, 1, 2024, False)),
    ("enters after the check", "B2,2025-01-01,,2025-06-30,,,,air", "2024-12-31",
     ("2025-06-30", DUE, 0, 2025, False)),
]  # fmt: skip
US_KEYS = ("last_lawful_day", "status", "days_over", "fiscal_year", "expected_departure")


@pytest.fixture
def judged(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(biomatch.cli, "FAMILIES", ("stays",))

    def call(rule, text, on):
        (tmp_path / "stays.csv").write_text(text, encoding="utf-8")
        assert biomatch.cli.run(["stays", rule, str(tmp_path / "stays.csv"), "--on", on, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return call


@pytest.mark.parametrize(("rows", "on", "wanted"), [c[1:] for c in EU], ids=[c[0] for c in EU])
def test_european_case(judged, rows, on, wanted):
    (found,) = judged("eu", f"traveller,entry,exit\n{rows}\n", on)["stays"]
    assert tuple(found[key] for key in EU_KEYS) == wanted


def test_days_under_a_permit_do_not_count(judged):
    """[E1]: 130 days of presence, of which 89 under a residence permit."""
    rows = "A,2026-01-01,2026-05-10,\nA,2026-02-01,2026-04-30,residence_permit"
    (found,) = judged("eu", f"traveller,entry,exit,basis\n{rows}\n", "2026-05-10")["stays"]
    assert tuple(found[key] for key in EU_KEYS) == (41, 49, 0, 0, "2026-06-28", "2026-05-11")


@pytest.mark.parametrize(("row", "on", "wanted"), [c[1:] for c in US], ids=[c[0] for c in US])
def test_american_case(judged, row, on, wanted):
    (found,) = judged("us", f"{US_HEAD}\nA,{row}\n", on)["stays"]
    assert tuple(found[key] for key in US_KEYS) == wanted


def test_land_admissions_are_in_no_year(judged):
    """[S1]: air and sea only; an overstay by land is judged, and counted nowhere."""
    rows = "A,B2,2024-01-01,,2024-06-30,,,,land\nB,B2,2024-01-01,,2024-06-30,,,,Sea"
    found = judged("us", f"{US_HEAD}\n{rows}\n", "2024-09-30")
    year = found["fiscal_years"]["2024"]
    assert (year["expected_departures"], year["suspected_in_country"]) == (1, 1)
    assert found["statuses"] == {IN: 2}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("F-1,2023-08-20,,D/S,2024-05-15,,finished,", "row 1 (line 2): programme_ended 'finished'"),
        ("B2,2024-01-01,,2024-06-30,,,,rail", "row 1 (line 2): mode 'rail'; allowed: air, sea, land"),
    ],
)
def test_unknown_words_are_refused(tmp_path, monkeypatch, capsys, row, message):
    monkeypatch.setattr(biomatch.cli, "FAMILIES", ("stays",))
    (tmp_path / "stays.csv").write_text(f"{US_HEAD}\nA,{row}\n", encoding="utf-8")
    assert biomatch.cli.run(["stays", "us", str(tmp_path / "stays.csv"), "--on", "2024-09-30"]) == 2
    assert message in capsys.readouterr().err
