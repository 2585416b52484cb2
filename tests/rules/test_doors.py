"""What ``stays`` offers beyond one row at a time: published tables, rejects, lists, plans, retention."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biomatch.cli
from biomatch.overstay.rules import eu, eu_list
from biomatch.overstay.rules.eu_countries import COUNTS_FROM
from biomatch.overstay.rules.short_stays import lawful_until
from biomatch.overstay.rules.us_classes import class_code

US = "traveller,class,entry,exit,admitted_until"


@pytest.fixture
def stays(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(biomatch.cli, "FAMILIES", ("stays",))
    monkeypatch.chdir(tmp_path)

    def call(rule: str, content: str, *words: str):
        (tmp_path / "stays.csv").write_text(content)
        code = biomatch.cli.run(["stays", rule, "stays.csv", *words])
        said = capsys.readouterr()
        return code, (json.loads(said.out) if "--json" in words and not code else said.out), said.err

    return call


FILE = f"""{US},country,mode,extension_filed_on,extension_decision,extension_decided_on,extended_until
A,B1/B2,2023-11-01,,2024-04-30,FRA,air,,,,
B,B2,2024-01-01,2024-07-20,2024-06-30,USA,sea,,,,
C,TPS,2024-01-01,,2024-06-30,FRA,,2024-06-01,denied,2024-08-15,
D,E2,2024-01-01,,2024-06-30,FRA,land,2024-06-01,granted,2024-06-20,2025-06-30
E,H-2A,2024-01-01,,2024-06-30,MEX,air,2024-06-01,,,
"""


def test_published_tables_and_their_restatement(stays):
    code, said, _ = stays(
        "us", FILE, "--on", "2024-07-31", "--by", "class,country,mode", "--restate", "2024-09-30", "--json"
    )
    assert code == 0
    rows = {(r["as_of"], r["class"]): r for r in said["table"]}
    assert rows["2024-07-31", "TPS"]["overstays"] == 0  # the filing is pending
    assert rows["2024-09-30", "TPS"]["suspected_in_country"] == 1
    assert rows["2024-07-31", "B1B2"]["total_rate"]["denominator"] == 1
    assert ("2024-07-31", "E2") not in rows  # by land: outside the report
    assert rows["2024-07-31", "B2"]["country"] == "USA"
    assert {r["traveller"]: r["status"] for r in said["stays"]} == {
        "A": "suspected_in_country_overstay",
        "B": "out_of_country_overstay",
        "C": "status_changed",
        "D": "not_yet_due",
        "E": "status_changed",
    }
    assert said["visas_void"] == 2
    assert said["severities"] == {"none": 3, "up_to_180_days": 2}


def test_a_fiscal_year_that_runs_says_what_was_due(stays):
    rows = [f"T{i},WT,2024-08-{i + 1:02d},,2024-{9 + i // 2:02d}-15" for i in range(3)]
    _, out, _ = stays("us", "\n".join([US, *rows]), "--on", "2024-09-20", "--by", "class")
    assert "of which 2 due so far" in out or "2" in out


def test_overstayers_come_first_with_severity(stays):
    _, out, _ = stays("us", FILE, "--on", "2024-09-30")
    first = out.splitlines()[1].split()
    assert (first[0], first[-2:]) == ("A", ["up_to_180_days", "yes"])
    _, out, _ = stays("us", FILE, "--on", "2024-09-30", "--only", "overstays", "--out", "whole.csv")
    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["A", "C", "B"]
    assert len(pl.read_csv("whole.csv")) == 5
    assert {"severity", "visa_void", "country"} <= set(pl.read_csv("whole.csv").columns)


@given(
    rows=st.lists(
        st.sampled_from(["good", "X1,ZZ,2024-01-01,,", "X2,B2,2024-02-30,,", "X3,B2", ",B2,2024-01-01,,"]),
        max_size=8,
    )
)
@settings(max_examples=15, deadline=None)
def test_rows_in_are_rows_judged_and_rows_rejected(rows, tmp_path_factory):
    from biomatch.overstay.rules.intake.rows import read_us

    path = tmp_path_factory.mktemp("us") / "stays.csv"
    lines = [f"T{i},B2,2024-01-0{i + 1},," if row == "good" else row for i, row in enumerate(rows)]
    path.write_text("\n".join([US, *lines]) + "\n")
    found = read_us(path, reject=True)
    assert found.given == len(rows) == len(found.frame) + found.rejects["row"].n_unique()
    assert len(found.frame) == rows.count("good")


def test_the_refusal_names_five_and_how_many_more(stays):
    rows = [f"T{i},ZZ,2024-01-01,," for i in range(9)]
    code, _, err = stays("us", "\n".join([US, *rows]), "--on", "2024-12-31")
    assert code == 2
    assert err.count("class 'ZZ' is unknown") == 5
    assert "and 4 more faults" in err
    assert "--rejects" in err


@pytest.mark.parametrize(
    "text", ["B1/B2", "K-1", "T", "U1", "V-2", "PAR", "TPS", "TN", "E-2", "H2A", "O1A", "NATO4"]
)
def test_published_classes_are_known(text):
    assert class_code(text)


def test_a_waiver_stay_soon_after_another_is_noted(stays):
    _, _, err = stays("us", f"{US}\nE,WT,2024-07-01,2024-07-10,\nE,WT,2024-08-01,,\n", "--on", "2024-12-31")
    assert "1 waiver stay without admitted_until" in err
    _, _, err = stays("us", f"{US}\nE,WT,2024-01-01,2024-01-10,\nE,WT,2024-08-01,,\n", "--on", "2024-12-31")
    assert "waiver stays" not in err


@pytest.mark.parametrize(
    ("country", "mode", "used"),
    [
        ("BG", "air", 11), ("Romania", "sea", 11), ("ROU", "land", 0), ("HRV", "land", 41), ("FRA", "", 41),
        ("IRL", "air", 0), ("", "", 41),
    ],
)  # fmt: skip
def test_days_count_from_accession(stays, country, mode, used):
    content = f"traveller,entry,exit,country,mode\nA,2024-03-01,2024-04-10,{country},{mode}\n"
    _, said, _ = stays("eu", content, "--on", "2024-06-01", "--json")
    assert said["stays"][0]["used"] == used


def test_accession_dates():
    assert COUNTS_FROM["BGR"] == COUNTS_FROM["ROU"] == (date(2024, 3, 31), date(2025, 1, 1))
    assert COUNTS_FROM["HRV"] == (date(2023, 1, 1),) * 2
    assert len(COUNTS_FROM) == 29


def test_missing_exits_under_each_rule(stays):
    content = "traveller,entry,exit\nD,2024-01-01,\nD,2024-05-01,2024-05-10\nE,,2024-05-10\n"
    words = ("--on", "2024-06-01", "--json")
    for rule, used in (("inside", 153), ("inferred", 131), ("unknown", 11)):
        _, said, _ = stays("eu", content, *words, "--missing-exit", rule)
        assert said["stays"][0]["used"] == used
        assert said["stays"][1]["used"] == 1  # an exit alone
        assert set(said["missing_exit"]["totals"]) == {"inside", "inferred", "unknown"}
        assert said["missing_exit"]["rows"] == 1
    assert stays("eu", content, *words)[0] == 2  # an exit alone needs the option
    assert said["article_12"] == []
    _, said, _ = stays("eu", content, *words, "--missing-exit", "inside")
    assert said["article_12"][0] == {
        "traveller": "D", "inside": True, "last_entry": "2024-05-01", "excess": 63, "overstay_days": 63,
    }  # fmt: skip


def test_a_visa_that_ends(stays):
    content = (
        "traveller,entry,exit,valid_until\nC,2024-03-01,2024-04-10,2024-04-05\nD,2024-05-20,,2024-06-10\n"
    )
    _, said, _ = stays("eu", content, "--on", "2024-06-01", "--json")
    assert [r["overstay_days"] for r in said["stays"]] == [5, 0]
    assert said["stays"][1]["may_stay_until"] == "2024-06-10"


def test_trips_to_come(stays):
    content = "traveller,entry,exit\nF,2024-08-01,2024-12-10\nF,2025-06-30,2025-07-20\n"
    _, said, _ = stays("eu", content, "--on", "2024-06-01", "--plan", "--json")
    first, second = said["plans"]
    assert (first["lawful_until"], first["lawful"], first["days_over"]) == ("2024-10-29", False, 42)
    assert second["lawful"] is True


def test_retention_is_a_command(stays):
    content = "traveller,entry,exit,authorised_until\nA,2026-01-01,2026-02-01,\nB,2026-01-01,,2026-03-31\n"
    _, said, _ = stays("retention", content, "--json")
    assert [r["record_until"] for r in said["stays"]] == ["2029-02-01", "2031-03-31"]
    assert said["files"][0] == {"traveller": "A", "file_until": "2029-02-02"}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 500), st.integers(0, 130)), min_size=1, max_size=8)
)
def test_the_last_lawful_day_is_the_rules_own(trips):
    """Against the daily test of `eu.assess`: the first day of the stay on which the limit is exceeded."""
    who, entry, length = (np.array(column, dtype=np.int64) for column in zip(*trips, strict=True))
    keep = np.unique(np.stack([who, entry], 1), axis=0, return_index=True)[1]
    who, entry, length = who[keep], entry[keep], length[keep]
    found = lawful_until(who, entry, entry + length)
    start = date(2024, 1, 1)
    for at in range(len(who)):
        earlier = (who == who[at]) & (entry < entry[at])
        rows = [(entry[i], min(entry[i] + length[i], entry[at] - 1)) for i in np.flatnonzero(earlier)]
        days = {day for first, last in rows for day in range(first, last + 1)}
        day = entry[at]
        while len({d for d in days if d > day - 180} | set(range(max(entry[at], day - 179), day + 1))) <= 90:
            day += 1
        assert found[at] == day - 1
    frame = pl.DataFrame({"traveller": ["A"], "entry": [start], "exit": [start + timedelta(days=90)]})
    assert eu_list.judge(frame, start + timedelta(days=90), eu.RULES)["overstay_days"].to_list() == [1]


@pytest.mark.parametrize(
    ("rule", "words", "said"),
    [
        ("us", ("--on", "2024-01-01", "--by", "colour"), "class, country"),
        ("us", ("--on", "2024-01-01", "--by", "country"), "no such column"),
        ("us", ("--on", "2024-01-01", "--restate", "soon"), "--restate 'soon'"),
        ("us", ("--on", "2024-01-01", "--out", "x.txt"), ".csv or .parquet"),
        ("us", ("--on", "2024-01-01", "--only", "leads"), "overstays"),
    ],
)
def test_bad_words(stays, rule, words, said):
    code, _, err = stays(rule, f"{US}\nA,B2,2023-11-01,,2024-04-30\n", *words)
    assert (code, said in err) == (2, True), err
